"""How the contract suite makes the client of OpenAI's endpoint: against a server on loopback."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from asr.engines.openai_remote import OpenAiOptions
from asr.protocols import BatchEngine
from asr.worker import load_engine
from tests.fakes.bench import Bench
from tests.fakes.openai_server import openai_server


def asking(response_format: str) -> Callable[[Path], AbstractContextManager[BatchEngine]]:
    @contextmanager
    def opened(folder: Path) -> Iterator[BatchEngine]:
        with openai_server() as server:
            options = {"url": server.url, "response_format": response_format, "seconds": 40}
            yield load_engine(OpenAiOptions.model_validate(options), folder, 1)

    return opened


BENCHES = {"json": Bench(asking("json"), times=False), "verbose_json": Bench(asking("verbose_json"))}
