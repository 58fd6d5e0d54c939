"""Recognition for all legs: worker processes, what waits for them, and what is shed when they fall behind.

The parent loads no model. It keeps each leg's audio, so a worker's death costs a second reading and nothing
else; a request that kills two workers is answered with a degraded final.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from asr import wire
from asr.audio import SAMPLE_RATE, LegId, Segment
from asr.catalog import Catalog
from asr.errors import EngineFailed, WireError, WorkerLost
from asr.process import WorkerProcess, worker_process
from asr.settings import VAD, AsrSettings
from asr.shedding import Ladder
from asr.transcriber import LegTranscriber, Normalise, Utterance
from asr.waiting import Request, Waiting

log = logging.getLogger(__name__)

WAITING_AUDIO = 60 * SAMPLE_RATE
"""Samples of finals that may wait for each worker; beyond, the oldest is given up (degraded)."""
STUBBORN = 4
"""Failures of a worker's engine on end after which another worker is started."""
TRIES = 2
"""A request that two workers have died on is given up."""
PATIENCE = 20.0
"""Seconds a worker may take for a batch, and a second for each second of audio."""
PAUSES = (0.0, 0.5, 2.0, 5.0)
"""Seconds before a dead worker is started again; the last repeats."""
STEADY = 30.0
"""A worker that lived this long has not failed at starting: the next is started at once."""
DETECTOR_SECONDS = 1.5
"""Longest time for the detector's answer: less than legs keep unheard audio for."""
LOOK = 0.25
"""Seconds between looks at the age of what waits."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """How the pool is doing."""

    legs: int
    waiting: int
    """Finals that wait for a worker."""
    level: int
    restarts: int
    """Workers that had to be started again."""
    given_up: int
    made_up: int
    """Finals that the engine dropped as made up (`asr.guards`)."""
    workers: tuple[int, ...]
    """Process ids of the recognition workers that are up."""
    detector: int | None
    """Process id of the speech detector."""


class AsrPool:
    """Implements `asr.protocols.TranscriberFactory`."""

    def __init__(self, settings: AsrSettings, catalog: Catalog, normalise: Normalise) -> None:
        self._settings = settings
        self._normalise = normalise
        engine = settings.engine
        weights = engine.weights()
        folder = "" if weights is None else str(catalog.path(weights))
        self._load: dict[str, Any] = {
            "type": "recognise",
            "options": engine.model_dump(mode="json"),
            "folder": folder,
            "threads": settings.threads,
        }
        self._detect = {"type": "detect", "folder": str(catalog.path(VAD))}
        self._legs: dict[LegId, LegTranscriber] = {}
        self._ended_legs: list[LegId] = []
        self._waiting = Waiting(WAITING_AUDIO * settings.workers)
        self._work = anyio.Event()
        self._audio = anyio.Event()
        self._ladder = Ladder()
        self._numbers = count(1)
        self._pids: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        self._detector: int | None = None
        self._restarts = self._given_up = self._made_up = 0
        self._group: TaskGroup

    @classmethod
    @asynccontextmanager
    async def running(
        cls, settings: AsrSettings, catalog: Catalog, normalise: Normalise
    ) -> AsyncIterator[Self]:
        """A pool whose workers have loaded. Raises `ModelUnavailable` or `EngineFailed` when they cannot."""
        pool = cls(settings, catalog, normalise)
        try:
            async with anyio.create_task_group() as group:
                pool._group = group
                async with anyio.create_task_group() as starting:
                    for slot in range(settings.workers):
                        starting.start_soon(_start, group, pool._keep_recognising, slot)
                    starting.start_soon(_start, group, pool._keep_detecting, None)
                group.start_soon(pool._watch)
                yield pool
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise _plain(errors) from None

    # -- for calls ----------------------------------------------------------------------------------------

    def open(self, leg: LegId) -> LegTranscriber:
        """A transcriber for a new leg."""
        transcriber = LegTranscriber(leg, self, self._settings, self._normalise)
        self._legs[leg] = transcriber
        return transcriber

    @property
    def level(self) -> int:
        """The shedding level, 0 to 4."""
        return self._ladder.level

    @property
    def stats(self) -> PoolStats:
        """How the pool is doing."""
        return PoolStats(
            len(self._legs),
            len(self._waiting.finals),
            self.level,
            self._restarts,
            self._given_up,
            self._made_up,
            tuple(self._pids.values()),
            self._detector,
        )

    # -- for transcribers ---------------------------------------------------------------------------------

    def audio_waits(self) -> None:
        """A leg has audio for the speech detector."""
        self._audio.set()

    def read(self, leg: LegTranscriber, utterance: Utterance, segment: Segment, *, quick: bool) -> None:
        """Queue a request: finals in order, partials one a leg."""
        self._put(Request(leg, utterance, segment, "partial" if quick else "final", anyio.current_time()))

    def foresee(self, leg: LegTranscriber, utterance: Utterance, segment: Segment) -> Callable[[], None]:
        """Queue an early reading; calling what is returned makes it the final."""
        request = Request(leg, utterance, segment, "early", anyio.current_time())
        self._put(request)

        def confirm() -> None:
            self._made_up += request.found is not None and bool(request.found.guard)
            request.asked = anyio.current_time()
            self._given_up += self._waiting.confirm(request)
            self._work.set()

        return confirm

    def _put(self, request: Request) -> None:
        self._given_up += self._waiting.put(request)
        self._work.set()

    def leave(self, leg: LegTranscriber) -> None:
        """The leg is closed."""
        if self._legs.pop(leg.leg, None) is not None:
            self._ended_legs.append(leg.leg)
            # Its finals have been put out without a reading: nobody waits for them.
            self._waiting.leave(leg)
            self._audio.set()

    # -- recognition workers ------------------------------------------------------------------------------

    async def _keep_recognising(self, slot: int, *, task_status: TaskStatus[None]) -> None:
        async def work(worker: WorkerProcess) -> None:
            self._pids[slot] = worker.pid
            try:
                while True:
                    await self._recognise(slot, worker, await self._next_batch())
            finally:
                self._pids.pop(slot, None)

        await self._keep(self._load, work, task_status)

    async def _next_batch(self) -> list[Request]:
        """What is to be read next; waits when there is nothing to do."""
        while True:
            if batch := self._waiting.batch():
                return batch
            if self._work.is_set():  # else other workers wait on it already
                self._work = anyio.Event()
            await self._work.wait()

    async def _recognise(self, slot: int, worker: WorkerProcess, batch: list[Request]) -> None:
        quick = batch[0].kind == "partial" or self.level >= 3
        segments = [request.segment for request in batch]
        seconds = PATIENCE + sum(each.end - each.start for each in segments) / SAMPLE_RATE
        try:
            message = wire.request(next(self._numbers), segments, quick=quick)
            head, _ = await worker.ask(message, seconds)
            failed = head["type"] == "failed"
            found = [] if failed else wire.hypotheses_of(head)
            if not failed and len(found) != len(batch):
                raise WorkerLost("wrong number of hypotheses")
        except (WorkerLost, WireError) as error:
            self._again(batch)
            raise WorkerLost(str(error)) from error
        except anyio.get_cancelled_exc_class():
            self._again(batch)
            raise
        if failed:
            self._again(batch)
            self._failed(slot, str(head.get("reason", "")))
            return
        self._failures.pop(slot, None)
        for request, hypothesis in zip(batch, found, strict=True):
            self._made_up += bool(hypothesis.guard) and request.kind == "final"
            # what was read in haste is no final, and must not become one
            request.answer(None if quick and request.kind == "early" else hypothesis, degraded=quick)

    def _failed(self, slot: int, reason: str) -> None:
        """The engine could not read a batch: its server is away, say. Raises `WorkerLost` when that goes on.

        Reasons of engines hold nothing of what was said, so they may be logged.
        """
        failures = self._failures[slot] = self._failures.get(slot, 0) + 1
        log.warning("engine failed", extra={"reason": reason, "failures": failures})
        if failures >= STUBBORN:
            del self._failures[slot]
            raise WorkerLost("engine keeps failing")

    def _again(self, batch: list[Request]) -> None:
        """A worker died on these: partials are forgotten, finals get another chance."""
        self._given_up += self._waiting.again(batch, TRIES)
        self._work.set()

    # -- the speech detector ------------------------------------------------------------------------------

    async def _keep_detecting(self, _slot: None, *, task_status: TaskStatus[None]) -> None:
        async def work(worker: WorkerProcess) -> None:
            self._detector = worker.pid
            try:
                while True:
                    await self._listen(worker)
            finally:
                self._detector = None

        await self._keep(self._detect, work, task_status)

    async def _listen(self, worker: WorkerProcess) -> None:
        """Give the detector what every leg has; without its answer, energy decides."""
        waiting = await self._waiting_audio()
        ended, self._ended_legs = self._ended_legs, []
        head = {
            "type": "windows",
            "id": next(self._numbers),
            "legs": [[leg.leg, len(pcm)] for leg, _, pcm in waiting],
            "ended": ended,
        }
        try:
            answer, _ = await worker.ask(
                wire.encode(head, b"".join(pcm for _, _, pcm in waiting)), DETECTOR_SECONDS
            )
            found = answer["probabilities"]
            for (leg, start, pcm), probabilities in zip(waiting, found, strict=True):
                leg.heard(start, [float(each) for each in probabilities], pcm)
        except (WorkerLost, KeyError, TypeError, ValueError) as error:
            for leg, start, pcm in waiting:
                leg.heard(start, None, pcm)
            raise WorkerLost("speech detector") from error

    async def _waiting_audio(self) -> list[tuple[LegTranscriber, int, bytes]]:
        while True:
            waiting = [(leg, *leg.unheard()) for leg in self._legs.values()]
            if found := [each for each in waiting if each[2]]:
                return found
            if self._audio.is_set():
                self._audio = anyio.Event()
            await self._audio.wait()

    async def _listen_without(self, away: anyio.CancelScope) -> None:
        """While the detector is away: energy."""
        with away:
            while True:
                for leg, start, pcm in await self._waiting_audio():
                    leg.heard(start, None, pcm)

    # -- keeping them alive -------------------------------------------------------------------------------

    async def _keep(
        self, load: dict[str, Any], work: Callable[[WorkerProcess], Any], task_status: TaskStatus[None]
    ) -> None:
        """Run a worker, and another when it dies; the first must load, or its error goes to the starter."""
        started, failures = False, 0
        away: anyio.CancelScope | None = None
        while True:
            began = anyio.current_time()
            try:
                async with worker_process(load) as worker:
                    if away is not None:
                        away.cancel()
                        away = None
                    if not started:
                        started = True
                        task_status.started()
                    began = anyio.current_time()
                    await work(worker)
            except (WorkerLost, EngineFailed) as error:
                if not started:
                    raise EngineFailed(f"recognition cannot start: {error}") from error
                log.warning("recognition worker lost, starting another", extra={"kind": load["type"]})
            self._restarts += 1
            if load is self._detect and away is None:
                away = anyio.CancelScope()  # until another has loaded, however often that takes
                self._group.start_soon(self._listen_without, away)
            failures = 0 if anyio.current_time() - began > STEADY else failures
            await anyio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    async def _watch(self) -> None:
        while True:
            now = anyio.current_time()
            before = self.level
            oldest = now - self._waiting.finals[0].asked if self._waiting.finals else 0.0
            if self._ladder.update(now, oldest) != before:
                log.warning("shedding level changed", extra={"level": self.level})
            await anyio.sleep(LOOK)


def _plain(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error inside nested groups; the groups themselves when there are several unlike ones."""
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        kinds = {type(each) for each in found.exceptions}
        if len(kinds) > 1:
            return found
        found = found.exceptions[0]
    return found


async def _start(group: anyio.abc.TaskGroup, keep: Callable[..., Any], slot: int | None) -> None:
    await group.start(keep, slot)
