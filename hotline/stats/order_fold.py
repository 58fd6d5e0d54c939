"""What an order's history says of it, in figures (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workorders.model import LEVELS, Action

REACHED = ("reached", "gave_up")
"""Outcomes of a visit after which the caller counts as asked."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an order's history, as far as it is counted."""

    at: datetime
    action: str
    before: str = ""
    after: str = ""


@dataclass(slots=True)
class Progress:
    """How far an order has come. A redone order starts its clocks again: what stood before counts no more."""

    dispatched: datetime | None = None
    """For the first time."""
    signed: datetime | None = None
    """By the unit that has it now; an answer stands for a signature."""
    finished: datetime | None = None
    """The answer that stands: not sent back by the reviewer, not done again."""
    due_plain: datetime | None = None
    """The due date before the first extension granted; None without one."""
    approved: datetime | None = None
    """For the first time."""
    visited: int = 0
    visit_mark: int | None = None
    level: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, action: Action) -> int:
        """How often that happened."""
        return self.counts.get(action.value, 0)


def progress(steps: Iterable[Step]) -> Progress:
    """Fold the history, oldest line first."""
    found = Progress()
    for step in steps:
        found.counts[step.action] = found.counts.get(step.action, 0) + 1
        _take(found, step)
    return found


def _take(found: Progress, step: Step) -> None:
    match step.action:
        case Action.DISPATCH:
            found.dispatched = found.dispatched or step.at
        case Action.SIGN:
            found.signed = found.signed or step.at
        case Action.REPLY:
            found.signed, found.finished = found.signed or step.at, step.at
        case Action.REJECT:
            found.finished = None
        case Action.REASSIGN:
            found.signed = None
        case Action.REDO:
            found.signed = found.finished = found.due_plain = None
        case Action.APPROVE:
            found.approved = found.approved or step.at
        case _:
            _take_traced(found, step)


def _take_traced(found: Progress, step: Step) -> None:
    match step.action:
        case Action.GRANT_EXTENSION:
            found.due_plain = found.due_plain or _instant(step.before)
        case Action.SUPERVISE:
            found.level = max(found.level, LEVELS.index(step.after) if step.after in LEVELS else 0)
        case Action.VISIT:
            _visit(found, step.after)


def _visit(found: Progress, what: str) -> None:
    outcome, _, mark = what.partition(" ")
    if outcome in REACHED:
        found.visited = 1
    if mark.isdigit():
        found.visit_mark = int(mark)


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def latest_mark(life: Mapping[str, Any]) -> int | None:
    """The last mark given in the visits that the order's row holds."""
    marks = [visit.get("rating") for visit in life.get("visits", ())]
    return next((int(mark) for mark in reversed(marks) if mark is not None), None)
