"""Engines measured on the same clips in the same run: what they hear, what it costs, how late it comes.

Each lives in a worker process of its own, set up as on the line, and they are asked in turn, so that none has
to share the processor with another.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from asr import wire
from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Segment
from asr.clips import Clip
from asr.delays import Delays, delays_of
from asr.detectors import SileroDetectors
from asr.errors import EngineFailed, WorkerLost
from asr.evaluate import Score, errors
from asr.files import endpointing, utterances
from asr.lines import Line
from asr.process import WorkerProcess, worker_process
from asr.registry import EngineOptions
from asr.settings import AsrSettings
from asr.transcript import Hypothesis

PATIENCE = 60.0
"""Seconds an engine may take for an utterance, and one more for each second of audio times `SLOW`."""
SLOW = 10.0
SHIFT = 48
"""Samples of silence put before a clip for each further reading of it: 3 ms."""
SOFTER = 0.01
"""Share by which each further reading is softer."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine that takes part."""

    name: str
    options: EngineOptions
    folder: Path
    """Of its weights."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one engine took."""

    engine: str
    cpu_finals: float | None
    """Processor seconds for each second of audio, each utterance read once; None where nobody tells."""
    memory_mib: float | None
    """Most that its process ever held."""
    delays: Delays | None
    """On the last of the lines; None when they were not measured."""
    cpu_live: float | None
    """As `cpu_finals`, with the partials that a caller's page shows."""

    @property
    def streams(self) -> float | None:
        """Callers who speak without pause that one core keeps up with, finals alone."""
        return 1 / self.cpu_finals if self.cpu_finals else None


@dataclass(frozen=True, slots=True)
class Rules:
    """What to measure."""

    lines: tuple[Line, ...]
    turns: int = 1
    """Readings of each clip; beyond the first it is ever so little shifted and softer."""
    delayed: int = 0
    """Clips on which delays are measured."""


@dataclass(frozen=True, slots=True)
class Results:
    """All of it."""

    scores: tuple[Score, ...]
    costs: tuple[Cost, ...]


class _Worker:
    """A contestant at work, and what its process has used."""

    def __init__(self, name: str, process: WorkerProcess) -> None:
        self.name = name
        self._process = process
        self.cpu_before = self._cpu()
        self.audio = 0.0
        self._number = 0

    async def read(self, segments: Sequence[Segment], *, quick: bool) -> list[Hypothesis]:
        """Utterances, together. Raises `EngineFailed`."""
        self._number += 1
        seconds = sum(each.end - each.start for each in segments) / SAMPLE_RATE
        try:
            head, _ = await self._process.ask(
                wire.request(self._number, segments, quick=quick), PATIENCE + SLOW * seconds
            )
        except WorkerLost as error:
            raise EngineFailed(f"{self.name}: {error}") from error
        if head["type"] == "failed":
            raise EngineFailed(f"{self.name}: {head.get('reason', 'no reason given')}")
        return wire.hypotheses_of(head)

    def used(self, seconds: float) -> float | None:
        """Processor seconds a second of audio since the last look."""
        now = self._cpu()
        if now is None or self.cpu_before is None or not seconds:
            return None
        before, self.cpu_before = self.cpu_before, now
        return (now - before) / seconds

    def memory(self) -> float | None:
        """MiB, at most so far; None where the system does not tell."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return None
        most = next((line for line in lines if line.startswith("VmHWM")), "")
        return round(int(most.split()[1]) / 1024, 1) if most else None

    def _cpu(self) -> float | None:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def hold_trial(
    contestants: Sequence[Contestant],
    clips: Sequence[Clip],
    detectors: SileroDetectors,
    settings: AsrSettings,
    rules: Rules,
    step: Callable[[], None],
) -> Results:
    """Every contestant reads every clip as the line would: cut into utterances, each read by itself.

    `step` is called after each clip, line and turn, and after each clip whose delays were measured.
    Raises `EngineFailed`, `UnreadableAudio`.
    """
    async with _at_work(contestants, settings) as workers:
        scores: list[Score] = []
        for clip in clips:
            scores += [score async for score in _readings(clip, workers, detectors, (settings, rules), step)]
        finals = {each.name: each.used(each.audio) for each in workers}
        late = {}
        for worker in workers:
            late[worker.name] = await _delays(
                worker, clips[: rules.delayed], detectors, (settings, rules), step
            )
        costs = [Cost(each.name, finals[each.name], each.memory(), *late[each.name]) for each in workers]
    return Results(tuple(scores), tuple(costs))


@asynccontextmanager
async def _at_work(contestants: Sequence[Contestant], settings: AsrSettings) -> AsyncIterator[list[_Worker]]:
    async with AsyncExitStack() as stack:
        workers = []
        for each in contestants:
            load: dict[str, Any] = {
                "type": "recognise",
                "options": each.options.model_dump(mode="json"),
                "folder": str(each.folder),
                "threads": settings.threads,
            }
            workers.append(_Worker(each.name, await stack.enter_async_context(worker_process(load))))
        yield workers


async def _readings(
    clip: Clip,
    workers: Sequence[_Worker],
    detectors: SileroDetectors,
    how: tuple[AsrSettings, Rules],
    step: Callable[[], None],
) -> AsyncIterator[Score]:
    settings, rules = how
    clean = clip.sound()
    for line in rules.lines:
        for turn in range(rules.turns):
            pcm = line.heard(_varied(clean, turn), f"{clip.id} {turn}")
            cut = list(utterances(clip.id, [pcm], detectors, endpointing(settings)))
            audio = len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
            for worker in workers:
                began = perf_counter()
                heard = "".join([(await worker.read([each], quick=False))[0].text for each in cut])
                took = perf_counter() - began
                worker.audio += audio
                wrong, length = errors(clip.reference, heard)
                yield Score(
                    worker.name, clip.id, clip.kind, line.name, turn, wrong, length, audio, took, heard
                )
            step()


def _varied(pcm: bytes, turn: int) -> bytes:
    """The clip a few milliseconds later and a little softer: the same to any ear."""
    if not turn:
        return pcm
    samples = np.frombuffer(pcm, "<i2") * (1 - SOFTER * turn)
    return bytes(SHIFT * turn * BYTES_PER_SAMPLE) + samples.astype("<i2").tobytes()


async def _delays(
    worker: _Worker,
    clips: Sequence[Clip],
    detectors: SileroDetectors,
    how: tuple[AsrSettings, Rules],
    step: Callable[[], None],
) -> tuple[Delays | None, float | None]:
    settings, rules = how
    if not clips:
        return None, None
    found, seconds = Delays(), 0.0
    worker.used(1.0)
    for clip in clips:
        pcm = rules.lines[-1].heard(clip.sound(), f"{clip.id} 0")
        found += await delays_of([pcm], worker.read, detectors, settings)
        seconds += len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
        step()
    return found, worker.used(seconds)
