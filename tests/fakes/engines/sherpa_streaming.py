"""How the contract suite makes streaming sherpa-onnx engines, on a tiny graph of each kind."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from asr.engines.sherpa_streaming import SherpaStreamingOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes import tiny_onnx
from tests.fakes.bench import Bench
from tests.fakes.engines.sherpa_batch import REASON


def loaded(build: Callable[[Path], Path]) -> Callable[[Path], AbstractContextManager[BatchEngine]]:
    @contextmanager
    def opened(folder: Path) -> Iterator[BatchEngine]:
        pytest.importorskip("sherpa_onnx", reason=REASON)
        pytest.importorskip("onnx", reason=REASON)
        yield load_engine(SherpaStreamingOptions(), build(folder), 1)

    return opened


BENCHES = {
    "transducer": Bench(loaded(tiny_onnx.streaming_transducer)),
    "paraformer": Bench(loaded(tiny_onnx.streaming_paraformer), times=False),
}
