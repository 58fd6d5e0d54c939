"""How the contract suite makes the FunASR client: against a server written from the protocol."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from asr.engines.funasr_remote import FunasrOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes.bench import Bench
from tests.fakes.funasr_server import funasr_server


def asking(mode: str, **how: Any) -> Callable[[Path], AbstractContextManager[BatchEngine]]:
    @contextmanager
    def opened(folder: Path) -> Iterator[BatchEngine]:
        with funasr_server(**how) as server:
            style = how.get("style", "runtime")
            options = {"url": server.url, "mode": mode, "server": style, "settle_s": 10, "seconds": 40}
            yield load_engine(FunasrOptions.model_validate(options), folder, 1)
            assert server.wrong == []

    return opened


BENCHES = {
    "2pass": Bench(asking("2pass", punctuates=True)),
    "offline": Bench(asking("offline")),
    "online": Bench(asking("online"), times=False),
    "python": Bench(asking("2pass", style="python"), times=False),
}
