"""How the contract suite makes sherpa-onnx engines: one for each kind of model, on a tiny graph of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from asr.engines.sherpa_batch import SherpaOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes import tiny_onnx
from tests.fakes.bench import Bench

REASON = "the extra `sherpa` (and onnx, which builds the models) is not installed"


def loaded(build: Callable[[Path], Path]) -> Callable[[Path], AbstractContextManager[BatchEngine]]:
    @contextmanager
    def opened(folder: Path) -> Iterator[BatchEngine]:
        pytest.importorskip("sherpa_onnx", reason=REASON)
        pytest.importorskip("onnx", reason=REASON)
        yield load_engine(SherpaOptions(), build(folder), 1)

    return opened


BENCHES = {
    "sense_voice": Bench(loaded(tiny_onnx.sense_voice)),
    "paraformer": Bench(loaded(tiny_onnx.paraformer)),
    "transducer": Bench(loaded(tiny_onnx.transducer)),
    "zipformer_ctc": Bench(loaded(tiny_onnx.zipformer_ctc)),
    "fire_red_asr": Bench(loaded(tiny_onnx.fire_red), times=False),
}
