"""Audio windows → speaker embeddings by CAM++ on onnxruntime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import EngineFailed
from asr.speakers.campplus import LONGEST, onnx_model
from asr.speakers.checkpoint import read_checkpoint
from asr.speakers.features import FRAME, SHIFT, log_mel

MODEL = "campplus-zh-en"
"""Entry of models/manifest.toml."""
CHECKPOINT = "campplus_cn_en_common.pt"
DIMENSION = 192
BATCH = 32
"""Windows that go through the network at once: some 30 MB of memory at 2 s each."""


class SpeakerEmbedder:
    """A loaded CAM++. Not thread-safe."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Load the checkpoint in `folder`. Raises `EngineFailed`."""
        import onnxruntime

        model = onnx_model(read_checkpoint(folder / CHECKPOINT))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no base class of its own
            raise EngineFailed("CAM++: the network cannot be loaded") from error

    def embed(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(windows, 192), each of length 1, of samples -1..1 at 16 kHz; 0.1 to 2 s a window.

        What is longer is cut, what is shorter repeated: the network wants some frames to average over.
        """
        found = np.zeros((len(windows), DIMENSION), np.float32)
        by_length: dict[int, list[int]] = {}
        for n, each in enumerate(windows):
            by_length.setdefault(len(each), []).append(n)
        for numbers in by_length.values():
            for at in range(0, len(numbers), BATCH):
                batch = numbers[at : at + BATCH]
                found[batch] = self._run([windows[n] for n in batch])
        return found

    def _run(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        most, least = (LONGEST - 1) * SHIFT + FRAME, 9 * SHIFT + FRAME
        feats = np.stack([log_mel(np.resize(each, max(len(each), least))[:most]) for each in windows])
        feats -= feats.mean(axis=1, keepdims=True)
        (raw,) = self._session.run(["embedding"], {"feats": feats})
        unit: NDArray[np.float32] = raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
        return unit
