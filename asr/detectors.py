"""Speech detectors: Silero's network for the worker, plain energy for when there is no worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.errors import EngineFailed

WINDOW = 512
"""Samples at 16 kHz that a detector takes at a time: 32 ms."""
CONTEXT = 64
"""Samples of the window before that Silero looks back on."""


class EnergyDetector:
    """Speech is what is well above the noise of the last seconds."""

    window = WINDOW

    def __init__(self) -> None:
        self._floor = 60.0

    def probability(self, pcm: bytes) -> float:
        """0..1, from 6 dB (0) to 18 dB (1) above the noise floor."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        level = float(np.sqrt(np.mean(samples * samples))) + 1.0
        # Falls at once, rises about 3 dB a second: speech does not become its own floor.
        self._floor = min(max(20.0, level), self._floor * 1.011)
        above = 20.0 * float(np.log10(level / self._floor))
        return min(1.0, max(0.0, (above - 6.0) / 12.0))


class SileroDetectors:
    """Silero VAD for many legs at once: their windows go through the network in one batch."""

    def __init__(self, folder: Path) -> None:
        """Load `silero_vad.onnx` in `folder`. Raises `EngineFailed`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / "silero_vad.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no base class of its own
            raise EngineFailed("silero: the model cannot be loaded") from error
        self._states: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def probabilities(self, windows: Sequence[tuple[str, bytes]]) -> list[list[float]]:
        """For each `(leg, pcm)`, the probability of every whole window in `pcm`."""
        answers: list[list[float]] = [[] for _ in windows]
        turn = 0
        while batch := [n for n, (_, pcm) in enumerate(windows) if len(pcm) >= (turn + 1) * 2 * WINDOW]:
            found = self._step([(windows[n][0], _window(windows[n][1], turn)) for n in batch])
            for n, probability in zip(batch, found, strict=True):
                answers[n].append(probability)
            turn += 1
        return answers

    def forget(self, leg: str) -> None:
        """The leg has ended."""
        self._states.pop(leg, None)

    def _step(self, batch: Sequence[tuple[str, NDArray[np.float32]]]) -> list[float]:
        fresh = (np.zeros((2, 1, 128), np.float32), np.zeros(CONTEXT, np.float32))
        states = [self._states.get(leg, fresh) for leg, _ in batch]
        audio = np.stack([np.concatenate((state[1], x)) for state, (_, x) in zip(states, batch, strict=True)])
        state = np.concatenate([state[0] for state in states], axis=1)
        out, after = self._session.run(
            None, {"input": audio, "state": state, "sr": np.array(SAMPLE_RATE, dtype=np.int64)}
        )
        for n, (leg, samples) in enumerate(batch):
            self._states[leg] = (after[:, n : n + 1, :], samples[-CONTEXT:])
        return [float(each) for each in out[:, 0]]


def _window(pcm: bytes, turn: int) -> NDArray[np.float32]:
    start = turn * 2 * WINDOW
    samples = np.frombuffer(pcm[start : start + 2 * WINDOW], "<i2")
    return samples.astype(np.float32) / 32768.0
