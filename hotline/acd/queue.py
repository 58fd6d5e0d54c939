"""Waiting calls: in which order they are served, what skills they still ask for, how long it takes (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from hotline.acd.model import Wanted


@dataclass(frozen=True, slots=True)
class SkillRules:
    """Which wished skills a call gives up, and in which order. Patterns as in `fnmatch`: `dialect.*`."""

    give_up: tuple[str, ...] = ()
    """First to last; a skill that no pattern names comes after all of these."""
    keep: tuple[str, ...] = ()
    """Never given up."""
    queues: dict[str, frozenset[str]] = field(default_factory=dict)
    """Skills that calls of a queue ask for; a queue that is not named asks for none."""

    def droppable(self, skills: Iterable[str]) -> tuple[str, ...]:
        """Those of the skills that may be given up, first to last."""
        loose = [skill for skill in skills if not any(fnmatchcase(skill, each) for each in self.keep)]
        return tuple(sorted(loose, key=lambda skill: (self._rank(skill), skill)))

    def needed(self, skills: frozenset[str], steps: int, on_duty: Sequence[frozenset[str]]) -> frozenset[str]:
        """What an agent must have after `steps` relaxations, given what those on duty can do.

        What nobody on duty has is given up at once, then one after the other until somebody fits. Skills
        that are kept stay, whoever is there.
        """
        order = list(self.droppable(skills))
        left = skills - frozenset(order[:steps])
        known = frozenset[str]().union(*on_duty)
        left -= frozenset(skill for skill in order if skill not in known)
        for skill in order[steps:]:
            if any(left <= has for has in on_duty):
                break
            left -= {skill}
        return left

    def _rank(self, skill: str) -> int:
        for rank, pattern in enumerate(self.give_up):
            if fnmatchcase(skill, pattern):
                return rank
        return len(self.give_up)


class Queued(Protocol):
    """What the order of the queue rests on."""

    @property
    def wanted(self) -> Wanted:
        """What the call asks for."""

    @property
    def head(self) -> bool:
        """Before the others of its priority."""

    @property
    def number(self) -> int:
        """Grows with each call that enters."""


Q = TypeVar("Q", bound=Queued)


def served_order(calls: Iterable[Q]) -> list[Q]:
    """By priority, then those put at the head, then by age."""
    return sorted(calls, key=lambda call: (-call.wanted.priority, not call.head, call.number))


def position(call: Q, order: Sequence[Q]) -> int:
    """From 1; 0 when it is not among them. Calls that wait for another named agent are in nobody's way."""
    place = 0
    for other in order:
        if other.wanted.agent is None or other.wanted.agent == call.wanted.agent:
            place += 1
        if other is call:
            return place
    return 0


def estimate(place: int, able: int, free: int, handle_s: float) -> float | None:
    """Seconds until the call at `place` is served, by `able` agents of whom `free` are free now.

    With all `able` agents talking, one becomes free every `handle_s / able` on average; the call needs as
    many of these as there are calls before it and not yet served by the free ones, and one for itself:
    `max(0, place - free) * handle_s / able`. What this leaves out: calls of higher priority that are yet to
    come and agents going on a break (it is longer then), callers who give up before (shorter), and how long
    the present talks have been going on. Nobody able: None.
    """
    if able <= 0 or place <= 0:
        return None
    return max(0, place - free) * handle_s / able
