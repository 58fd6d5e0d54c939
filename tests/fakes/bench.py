"""What the contract suite needs to hold an engine: how to make one, and what may be asked of it.

A file of `asr/engines/` has one of the same name in `tests/fakes/engines/`, with `BENCHES`.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.catalog import Catalog
from asr.errors import ModelUnavailable
from asr.protocols import BatchEngine
from asr.registry import engine_names

ROOT = Path(__file__).parents[2]
MODELS = Path.home() / ".cache" / "hotline12348" / "models"


@dataclass(frozen=True, slots=True)
class Bench:
    """One engine, or one of its kinds of model."""

    make: Callable[[Path], AbstractContextManager[BatchEngine]]
    """Opens it; the path is an empty folder."""
    marks: tuple[pytest.MarkDecorator, ...] = ()
    listens: bool = True
    """Silence gives no text."""
    hears: bool = True
    """The test's sound gives text (real weights need not hear speech in it)."""
    times: bool = True
    """Its text has times."""


def benches() -> dict[str, Bench]:
    """All of them, by name. An engine without a bench breaks the suite."""
    found: dict[str, Bench] = {}
    for name in engine_names():
        mine: dict[str, Bench] = import_module(f"tests.fakes.engines.{name}").BENCHES
        found |= {f"{name}:{kind}" if kind else name: bench for kind, bench in mine.items()}
    return found


def weights(name: str) -> Path:
    """The entry's folder; skips where it has not been fetched."""
    try:
        return Catalog.load(ROOT / "models" / "manifest.toml", MODELS).path(name)
    except ModelUnavailable as error:
        pytest.skip(str(error))


def undithered(model: Path, folder: Path) -> Path:
    """The same model without the noise that Kaldi adds to what it hears, so that readings can be compared."""
    shutil.copytree(model, folder, dirs_exist_ok=True, copy_function=os.symlink)
    config = folder / "conf" / "mfcc.conf"
    said = config.read_text()
    config.unlink()
    config.write_text(f"{said.rstrip()}\n--dither=0\n")
    return folder


def speechlike(length: float, seed: int = 3) -> bytes:
    """A buzzing voice of changing pitch and loudness: real enough for shapes and times."""
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(np.sin(n * phase) / n for n in range(1, 18)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time))
    return ((buzz + noise) * 5_000).clip(-32768, 32767).astype("<i2").tobytes()


def segment(name: str, start: int, pcm: bytes) -> Segment:
    """An utterance that begins at `start` on the clock of its leg."""
    return Segment(UtteranceId(name), LegId("leg"), start, start + len(pcm) // 2, pcm)
