"""How the contract suite makes Whisper."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asr.engines.whisper_batch import WhisperOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes.bench import Bench, weights


@contextmanager
def whisper(folder: Path) -> Iterator[BatchEngine]:
    options = WhisperOptions()
    yield load_engine(options, weights(options.model), 1)


BENCHES = {"": Bench(whisper, (pytest.mark.model,), hears=False, times=False)}
