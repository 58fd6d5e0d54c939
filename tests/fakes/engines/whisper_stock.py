"""How the contract suite makes faster-whisper as it comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asr.engines.whisper_stock import StockOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes.bench import Bench, weights


@contextmanager
def stock(folder: Path) -> Iterator[BatchEngine]:
    yield load_engine(StockOptions(), weights("whisper-base-sichuan"), 1)


BENCHES = {"": Bench(stock, (pytest.mark.model,), hears=False, times=False)}
