"""pyannote.audio as a `Diarizer`: a pipeline from a folder on this disk, long recordings in bounded memory.

The library wants a whole recording at once. It gets stretches of some minutes that overlap, each with turns
of speakers of its own; `linking` says who is who in all of them. Where people speak at once, pyannote's
exclusive diarisation (4.0) names one of them, as a piece has one speaker. Nothing is fetched and nothing is
told: the hub is offline and the library's metrics are off before it is imported.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.diarize import Done, Piece
from asr.errors import DiarizerUnavailable
from asr.segmenter import Endpointing
from asr.settings import DiarizeSettings
from asr.speakers.pyannote_folder import read_pipeline
from asr.speakers.stretches import Stretch, stretches, whole
from asr.speakers.turns import Loudness, readable

OVERLAP = 60 * SAMPLE_RATE
"""Samples that one stretch shares with the next: some turns of each speaker."""
STEPS = {"segmentation": (0.0, 0.3), "embeddings": (0.3, 0.65)}
"""Of the work on a stretch: what is done before a step, and its own share, for the progress bar."""
_QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYANNOTE_METRICS_ENABLED": "false"}


class PyannoteDiarizer:
    """A loaded pipeline. Not thread-safe."""

    def __init__(self, folder: Path, rules: Endpointing, wishes: DiarizeSettings, threads: int = 1) -> None:
        """Load the pipeline in `folder`, which may take a minute. Raises `DiarizerUnavailable`."""
        check(folder)
        config = read_pipeline(folder)
        self._torch, library = _libraries()
        device = _device(self._torch, wishes.device)
        self.version, self.device = metadata.version("pyannote.audio"), str(device)
        self._rules, self._same = rules, wishes.same_voice
        self._length = max(int(wishes.stretch_minutes * 60 * SAMPLE_RATE), 2 * OVERLAP)
        self._torch.set_num_threads(threads)
        try:
            with _silenced():
                if "plda" not in config["pipeline"]["params"]:
                    # no clustering but VBx uses it, yet the default would be looked for on the hub
                    from pyannote.audio.core.plda import PLDA

                    config["pipeline"]["params"]["plda"] = PLDA.__new__(PLDA)
                self._pipeline: Any = library.Pipeline.from_pretrained(config)
                self._pipeline.to(device)
        except Exception as error:  # whatever a checkpoint of some other version may raise
            raise DiarizerUnavailable("load", path=folder, reason=_reason(error)) from error

    def pieces(self, name: str, blocks: Iterable[bytes], speakers: int | None, done: Done) -> list[Piece]:
        """As `Diarizer` says. Keeps the audio of four stretches at most: 1.9 MB a minute of each."""
        del name
        loudness, found = Loudness(), list[Stretch]()
        for start, samples, alone in stretches(_heard(blocks, loudness), self._length, OVERLAP):
            known = found[-1].end if found else 0
            bar = _Bar(done, (start + len(samples) - known) / SAMPLE_RATE)
            wanted = {} if speakers is None else {"num_speakers" if alone else "max_speakers": speakers}
            found.append(self._stretch(start, samples, wanted, bar))
            bar.finish()
        return readable(
            whole(found, self._same, speakers), self._rules, loudness, found[-1].end if found else 0
        )

    def _stretch(
        self, start: int, samples: NDArray[np.int16], wanted: dict[str, int], bar: "_Bar"
    ) -> Stretch:
        out = Stretch(start, start + len(samples))
        if len(samples) < self._rules.shortest:
            return out
        wave = self._torch.from_numpy(samples.astype(np.float32) / 32768.0)[None]
        try:
            with _silenced():
                told = self._pipeline(
                    {"waveform": wave, "sample_rate": SAMPLE_RATE, "uri": "recording"}, hook=bar, **wanted
                )
        except Exception as error:  # the library's own, PyTorch's, a device's: only their kind is told
            raise DiarizerUnavailable("apply", reason=type(error).__name__) from error
        labels = {label: n for n, label in enumerate(told.speaker_diarization.labels())}
        for turn, _, label in told.exclusive_speaker_diarization.itertracks(yield_label=True):
            begin, end = (start + round(at * SAMPLE_RATE) for at in (turn.start, turn.end))
            out.turns.append(
                Piece(max(begin, start), min(end, out.end), labels.setdefault(label, len(labels)))
            )
        if told.speaker_embeddings is not None:
            out.embeddings = dict(enumerate(np.asarray(told.speaker_embeddings, np.float32)))
        return out


def check(folder: Path) -> None:
    """What can be known in a moment: the folder is whole, the libraries are there.

    Raises `DiarizerUnavailable`.
    """
    read_pipeline(folder)
    for name in ("torch", "pyannote.audio"):
        if not _installed(name):
            raise DiarizerUnavailable("library", name=name)
    found = metadata.version("pyannote.audio")
    if found.split(".")[0] != "4":
        raise DiarizerUnavailable("version", found=found)


def _heard(blocks: Iterable[bytes], loudness: Loudness) -> Iterator[bytes]:
    for block in blocks:
        loudness.feed(block)
        yield block


class _Bar:
    """pyannote's hook → seconds of the recording."""

    def __init__(self, done: Done, seconds: float) -> None:
        self._done, self._seconds, self._share = done, max(0.0, seconds), 0.0

    def __call__(
        self,
        step: str,
        artefact: object,
        file: object = None,
        total: int | None = None,
        completed: int | None = None,
    ) -> None:
        """A step has been taken, or some of it. Called with whatever else: `Pipeline.setup_hook` (4.0)."""
        del artefact, file
        if step in STEPS:
            before, share = STEPS[step]
            part = 1.0 if completed is None or not total else min(1.0, completed / total)
            self._reach(before + part * share)

    def finish(self) -> None:
        """The rest."""
        self._reach(1.0)

    def _reach(self, share: float) -> None:
        if share > self._share:
            self._done((share - self._share) * self._seconds)
            self._share = share


def _libraries() -> tuple[Any, Any]:
    """torch and pyannote.audio, offline and silent. Raises `DiarizerUnavailable`."""
    os.environ.update(_QUIET)
    if (hub := sys.modules.get("huggingface_hub.constants")) is not None:
        hub.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]  # another engine has imported it: it looked then
    try:
        with _silenced():
            import torch
            from pyannote import audio
            from pyannote.audio.telemetry import set_telemetry_metrics
    except Exception as error:  # libraries that do not fit each other: OSError, RuntimeError, ImportError
        raise DiarizerUnavailable("broken", name="pyannote.audio", reason=_reason(error)) from error
    set_telemetry_metrics(False)
    return torch, audio


def _installed(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


def _device(torch: Any, name: str) -> Any:
    """The device by its name. Raises `DiarizerUnavailable` when this machine lacks it."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    kind, _, number = name.partition(":")
    there = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": int(number or 0) < count}
    if not there[kind]:
        raise DiarizerUnavailable("device", device=name)
    return torch.device(name)


def _reason(error: Exception) -> str:
    """Its kind and its first words, without the pages that PyTorch adds."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:160]}" if said else type(error).__name__


@contextmanager
def _silenced() -> Iterator[None]:
    """Without the warnings of PyTorch, Lightning and torchcodec, which tell our reader nothing."""
    loggers = [
        logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric", "pyannote")
    ]
    levels = [each.level for each in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in loggers:
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)
