"""What a supervisor must look at now, and who has seen to it: crisis words, groups, long waits, licences, and
parties that many call about.

The calls come from the database and what has been seen to from the audit log, so both outlive a reload of the
page and a restart of the line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from hotline.acd.model import Agent
from hotline.acd.policy import Alerts
from hotline.store.audit import AuditEntry
from hotline.store.views import LOCAL, CallRow
from hotline.web.shapes import mask_contact
from workorders.similar import Cluster

SEEN_DAYS = 31
"""How far back the audit log is read for it."""
SEEN = "alert.seen"
"""The action under which the audit log has it."""
WAIT, LICENCE, CLUSTER = "wait", "licence", "cluster"
GROWN = (100, 30, 10)
"""Callers about one party from which on it is told of anew, whoever has seen to fewer."""
KEY = r"^[a-z_]{1,32}:[^/\x00-\x1f]{1,90}$"
"""What an alert is called: its kind and whom it is about."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at."""

    kind: str
    """`wait`, `licence`, `cluster`, or the flag of a call."""
    subject: str
    """The call, the agent's user name, or what stands for a party."""
    at: datetime
    """UTC; since when."""
    caller: str = ""
    """Masked."""
    agent: str = ""
    """Display name."""
    open: bool = False
    """The call is going on."""
    until: date | None = None
    """Last day of the licence."""
    party: str = ""
    """The name that callers gave."""
    callers: int = 0
    orders: int = 0

    @property
    def key(self) -> str:
        """What it is called."""
        if self.until is None:
            return f"{self.kind}:{self.subject}"
        over = self.at.astimezone(LOCAL).date() > self.until  # that it is over must be seen to anew
        return f"{self.kind}:{self.subject}:{self.until}{':over' if over else ''}"


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody in the queue."""

    call: str
    caller: str
    since: datetime


def find(
    policy: Alerts,
    calls: Iterable[CallRow],
    waiting: Iterable[Waiter],
    agents: Iterable[Agent],
    now: datetime,
    clusters: Iterable[Cluster] = (),
) -> list[Alert]:
    """Everything that stands at this moment: the gravest kind first, of a kind the newest (pure).

    A call is told of once, under its gravest flag.
    """
    found = [
        *_of_calls(policy, calls, now),
        *_of_queue(policy, waiting, now),
        *_of_roster(policy, agents, now),
        *_of_parties(clusters),
    ]
    order = {kind: place for place, kind in enumerate((*policy.flags, CLUSTER, WAIT, LICENCE))}
    return sorted(found, key=lambda alert: (order[alert.kind], -alert.at.timestamp(), alert.subject))


def _of_calls(policy: Alerts, calls: Iterable[CallRow], now: datetime) -> Iterator[Alert]:
    for call in calls:
        kind = next((flag for flag in policy.flags if flag in call.flags), "")
        if kind and call.started >= now - timedelta(hours=policy.hours):
            yield Alert(kind, call.call, call.started, mask_contact(call.remote), open=call.open)


def _of_queue(policy: Alerts, waiting: Iterable[Waiter], now: datetime) -> Iterator[Alert]:
    for each in waiting:
        if now - each.since > timedelta(seconds=policy.wait_s):
            yield Alert(WAIT, each.call, each.since, each.caller, open=True)


def _of_roster(policy: Alerts, agents: Iterable[Agent], now: datetime) -> Iterator[Alert]:
    last = now.astimezone(LOCAL).date() + timedelta(days=policy.licence_days)
    for agent in agents:
        if agent.licence_until is not None and agent.licence_until <= last:
            yield Alert(LICENCE, agent.name, now, agent=agent.display, until=agent.licence_until)


def _of_parties(clusters: Iterable[Cluster]) -> Iterator[Alert]:
    for each in clusters:
        size = next((str(callers) for callers in GROWN if each.callers >= callers), "")
        subject = sha256(each.party.encode()).hexdigest()[:16] + size
        name = each.party.partition(":")[2]
        yield Alert(CLUSTER, subject, each.last, party=name, callers=each.callers, orders=each.orders)


class Seen:
    """Who has seen to which alert, as far as this process knows; see `SEEN`."""

    def __init__(self) -> None:
        self._by: dict[str, tuple[str, datetime]] | None = None

    @property
    def read(self) -> bool:
        """Whether the audit log has been read."""
        return self._by is not None

    def begin(self, entries: Iterable[AuditEntry]) -> None:
        """Take what the audit log has, oldest first."""
        self._by = {}
        for entry in entries:
            self.add(entry.subject, entry.who, entry.at)

    def add(self, key: str, who: str, at: datetime) -> None:
        """Somebody takes care of it; the first one stays."""
        if self._by is not None:
            self._by.setdefault(key, (who, at))

    def by(self, key: str) -> tuple[str, datetime] | None:
        """Who does, and since when."""
        return self._by.get(key) if self._by is not None else None


def alerts_json(alerts: Iterable[Alert], seen: Seen) -> list[dict[str, Any]]:
    """All of them, those that nobody has seen to first."""
    return sorted(
        (_json(each, seen.by(each.key)) for each in alerts), key=lambda row: row["seen_by"] is not None
    )


def _json(alert: Alert, seen: tuple[str, datetime] | None) -> dict[str, Any]:
    return {
        "key": alert.key,
        "kind": alert.kind,
        "subject": alert.subject,
        "at": alert.at.isoformat(timespec="milliseconds"),
        "caller": alert.caller,
        "agent": alert.agent,
        "open": alert.open,
        "until": alert.until.isoformat() if alert.until is not None else None,
        "party": alert.party,
        "callers": alert.callers,
        "orders": alert.orders,
        "seen_by": seen[0] if seen is not None else None,
        "seen_at": seen[1].isoformat(timespec="seconds") if seen is not None else None,
    }
