"""Reads `acd.yaml`: priorities, skills of queues, what is given up, reasons of being busy, roster words."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hotline.acd.model import Wanted
from hotline.acd.queue import SkillRules
from hotline.conversation import CallId
from hotline.errors import ConfigError
from hotline.yaml_file import problems_of, read_model

FILE = "acd.yaml"
DROPPED_BEFORE = "dropped_before"
"""The reason that the line itself finds, from the caller's earlier calls."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
Pattern = Annotated[str, Field(pattern=r"^[a-z*][a-z0-9_.*]*$")]
Label = Annotated[str, Field(min_length=1, max_length=32)]
Words = tuple[str, ...]


class Closed(BaseModel):
    """A frozen part of the file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Queue(Closed):
    """What the calls of one queue ask for."""

    label: Label
    skills: tuple[Code, ...] = ()
    reasons: tuple[Code, ...] = ()


class Priority(Closed):
    """A reason for being served earlier."""

    label: Label
    points: int = Field(ge=0, le=1000)


class RosterWords(Closed):
    """How roster files are written."""

    columns: dict[str, Words] = {}
    days: tuple[Words, ...] = ()
    """Seven, from Monday on."""
    every_day: Words = ()
    until: Words = ("-",)
    between_skills: Words = (",",)
    between_shifts: Words = (";",)
    between_days: Words = (",",)
    affirmed: Words = ("yes",)
    denied: Words = ("no", "")


class Alerts(Closed):
    """What a supervisor is told of."""

    flags: tuple[Code, ...] = ()
    """Flags of calls, the gravest first."""
    hours: int = Field(default=12, ge=1, le=72)
    """How long a call's alert stands."""
    wait_s: int = Field(default=60, ge=5, le=3600)
    """Who waits for longer is an alert."""
    licence_days: int = Field(default=30, ge=0, le=365)
    """So long before a licence expires."""


class AcdPolicy(Closed):
    """The whole file."""

    version: int = 1
    skills: dict[Code, Label] = {}
    queues: dict[Code, Queue] = {}
    priorities: dict[Code, Priority] = {}
    dropped_within_minutes: int = Field(default=30, ge=0, le=24 * 60)
    """0: an earlier call changes nothing."""
    give_up: tuple[Pattern, ...] = ()
    keep: tuple[Pattern, ...] = ()
    busy: dict[Code, Label] = {}
    busy_by_itself: dict[Code, Label] = {}
    numbers: dict[Annotated[str, Field(pattern=r"^\+?[0-9]{2,15}$")], Label] = {}
    """Outside numbers that have a button on the console; the outbound policy must permit them."""
    roster: RosterWords = RosterWords()
    alerts: Alerts = Alerts()

    @property
    def rules(self) -> SkillRules:
        """What the distribution goes by."""
        queues = {name: frozenset(queue.skills) for name, queue in self.queues.items()}
        return SkillRules(self.give_up, self.keep, queues)

    def want(
        self,
        call: CallId,
        queue: str,
        reasons: Iterable[str] = (),
        skills: Iterable[str] = (),
        agent: str | None = None,
    ) -> Wanted:
        """What a call asks for: the queue's skills and these, the sum of the points of its reasons.

        A queue or reason that the file does not name asks for nothing and counts nothing: a call is never
        lost for a misspelt word in a flow.
        """
        known = self.queues.get(queue)
        asked = frozenset(skills) | frozenset(known.skills if known is not None else ())
        why = tuple(dict.fromkeys((*(known.reasons if known is not None else ()), *reasons)))
        points = sum(self.priorities[each].points for each in why if each in self.priorities)
        return Wanted(call, queue, points, asked, why, agent)


def read_acd_policy(flows: Path) -> AcdPolicy:
    """The policy in a flow folder; all defaults when it has no such file.

    Raises `ConfigError` with every problem at once, each naming its place.
    """
    path = flows / FILE
    if not path.exists():
        return AcdPolicy()
    policy = read_model(path, AcdPolicy)
    if problems := [f"{path}: {problem}" for problem in _check(policy)]:
        raise ConfigError(problems)
    return policy


def acd_problems(flows: Path) -> list[str]:
    """What is wrong with the policy in a flow folder."""
    return problems_of(lambda: read_acd_policy(flows))


def _check(policy: AcdPolicy) -> Iterator[str]:
    """Problems between entries that no single one shows."""
    for name, queue in policy.queues.items():
        yield from (
            f"queues.{name}.skills: no skill {each!r}" for each in queue.skills if each not in policy.skills
        )
        yield from (
            f"queues.{name}.reasons: no priority {each!r}"
            for each in queue.reasons
            if each not in policy.priorities
        )
    for both in sorted(set(policy.busy) & set(policy.busy_by_itself)):
        yield f"busy.{both}: the line gives this reason itself"
    words = policy.roster
    if words.days and len(words.days) != 7:
        yield f"roster.days: must be seven, from Monday on, not {len(words.days)}"
    heads = [head.casefold() for heads in words.columns.values() for head in heads]
    for twice in sorted({head for head in heads if heads.count(head) > 1}):
        yield f"roster.columns: {twice!r} names two columns"
