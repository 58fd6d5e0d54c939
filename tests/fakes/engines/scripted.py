"""How the contract suite makes the scripted engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.engines.scripted import ScriptedEngine, ScriptedOptions
from asr.protocols import BatchEngine
from tests.fakes.bench import Bench


@contextmanager
def scripted(folder: Path) -> Iterator[BatchEngine]:
    yield ScriptedEngine(ScriptedOptions(characters="老板拖欠工资"))


BENCHES = {"": Bench(scripted, listens=False)}
