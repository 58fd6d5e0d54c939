"""A database with a little history: calls, the log of the queue, orders; told in minutes and seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table

from hotline.acd.model import LogKind
from hotline.store.engine import writing
from hotline.store.tables import acd_log, calls, intents
from workorders.tables import order_history, work_orders

MIDNIGHT = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
"""1 March 2026 begins in Shanghai."""
LABELS = {"labour.wages": "欠薪", "labour.injury": "工伤", "family": "婚姻家庭", "": ""}


def at(day: float = 0, hour: float = 0, second: float = 0) -> datetime:
    """Days, hours and seconds after 1 March 2026 begins."""
    return MIDNIGHT + timedelta(days=day, hours=hour, seconds=second)


@dataclass(slots=True)
class History:
    """Writes what happened, in whatever order it is told."""

    engine: Engine
    orders: int = 0
    _open: Connection | None = None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is told in this block is one transaction."""
        if self._open is not None:
            yield
            return
        with writing(self.engine) as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def _write(self, table: Table, row: dict[str, Any]) -> None:
        with self.at_once():
            assert self._open is not None
            self._open.execute(table.insert().values(row))

    def call(self, name: str, started: datetime, seconds: float | None = 60, **more: Any) -> None:
        """A call; `seconds` None: it goes on. `matter`, `place`, `remote`, `channel`, `outcome`."""
        matter = more.pop("matter", None)
        place = more.pop("place", "")
        row = {
            "id": name, "state": "open" if seconds is None else "closed", "channel": "phone",
            "remote": "13900000000", "dialled": "12348", "started": started, "answered": started,
            "ended": None if seconds is None else started + timedelta(seconds=seconds), "flow": "",
            "flow_path": [], "digits": "", "recording_origin": 0, "orders": [], "detail": "",
            "outcome": None if seconds is None else "answered",
        } | more  # fmt: skip
        self._write(calls, row)
        if matter is not None:
            self.intent(name, matter, place, started)

    def intent(self, name: str, matter: str, place: str, when: datetime) -> None:
        """What was understood of it."""
        row = {
            "call_id": name, "matter": matter, "matter_label": LABELS.get(matter, matter),
            "matter_confidence": 0.9, "service": "consult", "service_label": "法律咨询",
            "service_confidence": 0.9, "matters": [], "evidence": [], "source": "speech", "flags": [],
            "slots": [{"name": "place", "value": place}] if place else [], "at": when,
        }  # fmt: skip
        self._write(intents, row)

    def line(
        self, when: datetime, kind: LogKind, call: str | None, agent: str | None = None, **facts: Any
    ) -> None:
        """A line of the log; `queue` is `legal` unless said otherwise."""
        queue = facts.pop("queue", "legal" if call is not None else "")
        row = {
            "at": when,
            "kind": kind.value,
            "call_id": call,
            "agent": agent,
            "queue": queue,
            "facts": facts,
        }
        self._write(acd_log, row)

    def answered(
        self, name: str, started: datetime, agent: str, wait: float, talk: float, **more: Any
    ) -> None:
        """A call that an agent answered after `wait` seconds; `wrap`: seconds of wrap-up, `mark`."""
        wrap, mark = more.pop("wrap", 10.0), more.pop("mark", None)
        self.call(name, started, wait + talk + 3, **more)
        entered = started + timedelta(seconds=2)
        joined = entered + timedelta(seconds=wait)
        parted = joined + timedelta(seconds=talk)
        waited = round(wait * 1000)
        self.line(entered, LogKind.ENTERQUEUE, name, priority=0, position=1)
        self.line(joined, LogKind.RINGAGENT, name, agent, waited_ms=waited)
        self.line(joined, LogKind.CONNECT, name, agent, waited_ms=waited, ring_ms=0)
        self.line(parted, LogKind.COMPLETEAGENT, name, agent, talked_ms=round(talk * 1000), held_ms=0)
        self.line(parted, LogKind.WRAPUP, name, agent, talked_ms=round(talk * 1000), queue="")
        self.line(parted + timedelta(seconds=wrap), LogKind.READY, None, agent, after="wrap_up")
        if mark is not None:
            self.line(parted + timedelta(seconds=1), LogKind.SURVEY, name, agent, score=mark, queue="")

    def abandoned(self, name: str, started: datetime, wait: float, **more: Any) -> None:
        """A call that gave up waiting."""
        self.call(name, started, wait + 2, **({"outcome": "abandoned"} | more))
        entered = started + timedelta(seconds=2)
        self.line(entered, LogKind.ENTERQUEUE, name, priority=0, position=1)
        self.line(
            entered + timedelta(seconds=wait), LogKind.ABANDON, name, position=1, waited_ms=round(wait * 1000)
        )

    def order(self, call: str, filed: datetime, steps: list[tuple[datetime, str]], **more: Any) -> int:
        """An order and its history: (when, action); `more`: columns of `work_orders`."""
        self.orders += 1
        number = 5_000 + self.orders  # clear of what the database counts itself
        row = {
            "id": number, "number": f"SC-{number}", "call_id": call, "matter_no": number,
            "matter": "labour.wages", "matter_label": "欠薪", "service": "aid.apply",
            "service_label": "法律援助", "district": "510104", "summary": "", "caller_contact": "",
            "source": "speech", "flags": [], "urgency": "normal", "unit": "a", "unit_name": "甲单位",
            "state": "dispatched", "filed_at": filed, "sign_by": None, "due_at": None,
            "provisional": False, "policy": "p", "version": 1, "search_text": "", "life": {},
        } | more  # fmt: skip
        self._write(work_orders, row)
        for when, action in [(filed, "file"), *steps]:
            self.step(number, when, action)
        return number

    def step(self, order: int, when: datetime, action: str, before: str = "", after: str = "") -> None:
        """One more line of its history."""
        row = {
            "order_id": order, "at": when, "actor": "a", "action": action, "from_state": None,
            "to_state": "x", "machine_value": before, "human_value": after,
        }  # fmt: skip
        self._write(order_history, row)


def three_days(engine: Engine) -> None:
    """Three days with something of everything."""
    history = History(engine)
    with history.at_once():
        history.answered("a", at(0, 9), "zuoxi", 5, 120, matter="labour.wages", place="510104", mark=5)
        history.answered("b", at(0, 23.99), "wang", 20, 200, matter="family", remote="13800000001", mark=2)
        history.answered("c", at(1, 9), "wang", 40, 30, matter="labour.injury", place="511502", mark=3)
        history.abandoned("d", at(1, 9), 3)
        history.abandoned("e", at(1, 9.5), 30, channel="webrtc")
        history.abandoned("f", at(3, 9), 30)  # the day after
        history.call("g", at(2, 3), outcome="message_taken", matter="labour.wages", place="510104")
        history.call("h", at(2, 4), None)
        steps = [(at(0, 9.2), "dispatch"), (at(0, 10), "sign"), (at(1, 9), "reply"), (at(1, 10), "approve")]
        first = history.order("a", at(0, 9.1), steps, due_at=at(2), sign_by=at(1), owner="zuoxi")
        history.step(first, at(1, 11), "visit", after="reached 5")
        second = history.order(
            "b", at(0, 9.1), [(at(0, 9.2), "dispatch")], due_at=at(1), sign_by=at(1), unit="b"
        )
        history.step(second, at(1), "urge")
        history.step(second, at(1), "return")
        history.order("c", at(1, 9.1), [], against_person="banzhang", kind="complaint", due_at=at(2))
