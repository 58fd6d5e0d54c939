"""Invents what becomes of orders: dispatched, signed, answered (some late, some returned), asked about."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from hotline.store.views import LOCAL
from workorders.number import OrderNumber
from workorders.timer_plan import FIRED

Row = dict[str, Any]
GOING_ON = {"signed", "visiting"}
"""States in which orders here may end up that have not ended."""

DAY = timedelta(days=1)
NAMED = {True: 0.7, False: 0.25}
"""Share of orders that name the other party: about work, and about anything else."""
FIRMS = 2_000
"""In each place; a few of them many complain about."""
LATE, OPEN, RETURNED, EXTENDED, VISITED, REDONE = 0.06, 0.03, 0.05, 0.05, 0.9, 0.01


@dataclass(slots=True)
class Orders:
    """Makes orders with their histories; ids count on."""

    dice: random.Random
    last: int = 0
    _firms: random.Random = field(default_factory=lambda: random.Random(1))
    _given: dict[tuple[date, str], int] = field(default_factory=dict)
    """Last sequence number of a day and district."""
    rows: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    timers: list[Row] = field(default_factory=list)

    def drain(self) -> tuple[list[Row], list[Row], list[Row]]:
        """What was made since the last time: orders, lines of history, and timers."""
        made = self.rows, self.steps, self.timers
        self.rows, self.steps, self.timers = [], [], []
        return made

    def file(self, call: Row, intent: Row, agent: str, filed: datetime) -> None:
        """An order from a call."""
        self.last += 1
        place = intent["slots"][0]["value"] if intent["slots"] else "510000"
        number, said = self._number(filed, place), f"{intent['matter_label']} {intent['service_label']}"
        state = "filed"
        due = filed + 7 * DAY
        life: Row = {}
        for at, action, state, before, after in self._way(filed, due):
            self._step(at, action, state, before, after)
            if action == "grant_extension":
                due = due + 5 * DAY
            if action == "visit":
                outcome, _, mark = after.partition(" ")
                visit = {"at": at.isoformat(), "by": agent, "how": "agent", "outcome": outcome}
                life = {"visits": [visit | {"rating": int(mark) if mark else None}]}
        if state in GOING_ON:
            # One that went off: an order without any would be taken for one from before there were timers,
            # and the line would plan and fire them all while it is measured.
            fired = {"rule": "overdue", "at": due, "status": FIRED, "finished_at": due}
            self.timers.append({"order_id": self.last} | fired)
        self.rows.append(
            {
                "id": self.last, "number": number, "call_id": call["id"], "matter_no": 1,
                "matter": intent["matter"], "matter_label": intent["matter_label"][:64],
                "service": intent["service"], "service_label": intent["service_label"][:64],
                "district": place, "summary": said, "caller_contact": call["remote"], "source": "speech",
                "flags": [], "urgency": "normal", "unit": f"legal_aid-{place}",
                "unit_name": f"Legal aid {place}", "state": state, "filed_at": filed,
                "sign_by": filed + DAY, "due_at": due, "provisional": False, "policy": "ordinary",
                "version": 1, "search_text": f"{number}\n{said}".casefold(), "owner": agent, "life": life,
                "party": self._party(intent["matter"], place),
            }
        )  # fmt: skip

    def _party(self, matter: str, place: str) -> str:
        """Empty where none is named."""
        if self._firms.random() >= NAMED[matter.startswith("labour")]:
            return ""
        return f"{place}:employer {int(FIRMS * self._firms.random() ** 2)}"

    def _number(self, filed: datetime, place: str) -> str:
        day = filed.astimezone(LOCAL).date()
        self._given[day, place] = self._given.get((day, place), 0) + 1
        return str(OrderNumber(day, place, self._given[day, place]))

    def _way(self, filed: datetime, due: datetime) -> Iterator[tuple[datetime, str, str, str, str]]:
        """(when, action, state after, what was before, what is after)."""
        dice = self.dice
        yield filed, "file", "filed", "", ""
        sent = filed + timedelta(seconds=dice.uniform(1, 120))
        yield sent, "dispatch", "dispatched", "", ""
        if dice.random() < RETURNED:
            back = sent + timedelta(hours=dice.uniform(1, 30))
            yield back, "return", "returned", "", ""
            sent = back + timedelta(hours=dice.uniform(0.5, 5))
            yield sent, "reassign", "filed", "a", "b"
            yield sent + timedelta(seconds=30), "dispatch", "dispatched", "", ""
        signed = sent + timedelta(hours=dice.lognormvariate(1.6, 0.9))
        yield signed, "sign", "signed", "", ""
        if dice.random() < OPEN:
            return
        if dice.random() < EXTENDED:
            longer = due + 5 * DAY
            yield due - DAY, "grant_extension", "signed", due.isoformat(), longer.isoformat()
        hours = dice.lognormvariate(3.9, 0.6) if dice.random() > LATE else dice.uniform(170, 400)
        replied = max(signed + timedelta(minutes=5), sent + timedelta(hours=hours))
        if replied > due:
            yield due, "urge", "signed", "0", "1"
            if replied > due + DAY:
                yield due + DAY, "supervise", "signed", "", "yellow"
        yield replied, "reply", "replied", "", ""
        approved = replied + timedelta(hours=dice.uniform(0.5, 30))
        yield approved, "approve", "visiting", "", ""
        if dice.random() < VISITED:
            asked = approved + timedelta(hours=dice.uniform(4, 60))
            mark = dice.choices((0, 1, 2, 3, 4, 5), (8, 1, 1, 3, 22, 65))[0]
            yield asked, "visit", "visiting", "", f"reached {mark or ''}".strip()
            yield asked + timedelta(minutes=5), "settle", "settled", "", ""

    def _step(self, at: datetime, action: str, state: str, before: str, after: str) -> None:
        self.steps.append(
            {
                "order_id": self.last, "at": at, "actor": "system", "action": action, "from_state": None,
                "to_state": state, "machine_value": before or None, "human_value": after or None,
            }
        )  # fmt: skip
