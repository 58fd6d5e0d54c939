"""The agents of a running line: distribution, roster, log and phones, put together."""

import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from hotline.acd.distributor import Distributor
from hotline.acd.ledger import Ledger
from hotline.acd.model import AcdLog, Agent, LogKind, Presence, Wanted
from hotline.acd.policy import DROPPED_BEFORE, AcdPolicy
from hotline.bus import EventBus
from hotline.call.line import utc_now
from hotline.conversation import CallId
from hotline.errors import StoreError
from hotline.events import AcdLogged
from hotline.metrics import Metrics
from hotline.settings import AcdSettings
from hotline.store.acd_log import AcdLogStore
from hotline.store.calls import NUMBER, CallStore
from hotline.store.roster import Profile, RosterStore

log = logging.getLogger(__name__)

ROSTER_SECONDS = 15.0
"""How soon a change of the roster is taken over."""


@dataclass(frozen=True, slots=True)
class StaffFigures:
    """How distribution is doing: as `hotline_acd_*` on the metrics page."""

    waiting: int
    longest_wait_s: float
    busy: int
    ready: int
    ringing: int
    talking: int
    wrap_up: int
    handle_s: float
    entered: int
    """Calls that entered the queue since the start; and so on."""
    offers: int
    connected: int
    misses: int
    refusals: int
    abandoned: int
    timed_out: int
    nobody: int
    callbacks: int


class Staff:
    """Built at start; `open` before the first call, `tasks` in the background, `close` after the last."""

    def __init__(
        self, settings: AcdSettings, policy: AcdPolicy, engine: Engine, bus: EventBus, metrics: Metrics
    ) -> None:
        self.policy = policy
        self.store = AcdLogStore(engine)
        self.acd = Distributor(settings, self.log, rules=policy.rules, utc_now=utc_now)
        self.people = RosterStore(engine)
        self._calls = CallStore(engine)
        self._ledger = Ledger(self.store.add)
        self._bus = bus
        self._counts: Counter[LogKind] = Counter()
        self._profiles: dict[str, Profile] = {}
        metrics.watch_queue("acd_log", lambda: self._ledger.depth, lambda: self._ledger.dropped)

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The roster, by user name, not older than a quarter of a minute."""
        return self._profiles

    @property
    def roster(self) -> Mapping[str, Agent]:
        """Everyone on it, by user name."""
        return {name: profile.agent for name, profile in self._profiles.items()}

    def agent(self, name: str, display: str = "") -> Agent:
        """The agent's profile; one without any skill for a user who is not on the roster."""
        known = self._profiles.get(name)
        return known.agent if known is not None else Agent(name, display or name, frozenset())

    def log(self, line: AcdLog) -> None:
        """Put a line into the log: on the bus at once, in the database soon. Never blocks."""
        if not line.facts.get("handed"):
            self._counts[line.kind] += 1
        self._ledger.add(line)
        self._bus.publish(AcdLogged(line))

    async def want(
        self,
        call: CallId,
        remote: str,
        queue: str,
        reasons: Iterable[str] = (),
        skills: Iterable[str] = (),
    ) -> Wanted:
        """What a call asks for, by the policy; who was cut off shortly before comes back earlier."""
        why = list(reasons)
        if await self._dropped_before(remote):
            why.append(DROPPED_BEFORE)
        return self.policy.want(call, queue, why, skills)

    async def open(self) -> None:
        """Close what a killed process left open in the log, and read the roster. Raises `StoreError`."""
        left = await anyio.to_thread.run_sync(self.store.recover, utc_now())
        if left:
            log.warning("log of calls and agents closed after a crash", extra={"lines": len(left)})
        await self._read_roster()

    def tasks(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What runs in the background, each until it is cancelled."""
        return self.acd.run, self._ledger.run, self._follow_roster

    async def close(self) -> None:
        """Sign everyone out; returns when the log is written."""
        self.acd.close()
        self._ledger.close()
        await self._ledger.written()

    def figures(self) -> StaffFigures:
        """A snapshot."""
        presence = Counter(seat.presence for seat in list(self.acd.seats.values()))
        waiting, now, counts = self.acd.waiting, self.acd.now(), self._counts
        return StaffFigures(
            waiting=len(waiting),
            longest_wait_s=max((now - call.since for call in waiting), default=0.0),
            busy=presence[Presence.BUSY],
            ready=presence[Presence.READY],
            ringing=presence[Presence.RINGING],
            talking=presence[Presence.TALKING],
            wrap_up=presence[Presence.WRAP_UP],
            handle_s=self.acd.handle_s,
            entered=counts[LogKind.ENTERQUEUE],
            offers=counts[LogKind.RINGAGENT],
            connected=counts[LogKind.CONNECT],
            misses=counts[LogKind.RINGNOANSWER],
            refusals=counts[LogKind.REFUSE],
            abandoned=counts[LogKind.ABANDON],
            timed_out=counts[LogKind.EXITWITHTIMEOUT],
            nobody=counts[LogKind.EXITEMPTY],
            callbacks=counts[LogKind.CALLBACK],
        )

    async def _dropped_before(self, remote: str) -> bool:
        minutes = self.policy.dropped_within_minutes
        if not minutes or not NUMBER.fullmatch(remote):
            return False
        since = utc_now() - timedelta(minutes=minutes)
        try:
            return await anyio.to_thread.run_sync(self._calls.dropped_since, remote, since)
        except StoreError as error:  # the caller waits in turn then, as everybody
            log.warning("earlier calls not looked up", extra={"code": error.code})
            return False

    async def _follow_roster(self) -> None:
        while True:
            await anyio.sleep(ROSTER_SECONDS)
            try:
                await self._read_roster()
            except Exception as error:  # noqa: BLE001  supervision point: a bad row must not end the line
                log.warning("roster not read, trying again", extra={"error": type(error).__name__})

    async def _read_roster(self) -> None:
        profiles = await anyio.to_thread.run_sync(self.people.all)
        self._profiles = {profile.agent.name: profile for profile in profiles}
        for profile in profiles:
            self.acd.refresh(profile.agent)
