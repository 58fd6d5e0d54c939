"""Reads `intents.yaml`: matters, services, flags, hand-off numbers, crisis words, wording of fields."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from hotline.errors import ConfigError
from hotline.yaml_file import read_model

FILE = "intents.yaml"

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
Words = tuple[Annotated[str, Field(min_length=1)], ...]


def _compiled(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error


Expression = Annotated[re.Pattern[str], BeforeValidator(_compiled)]


class Closed(BaseModel):
    """A frozen part of the file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Category(Closed):
    """A matter or a service and the wording it is recognised by."""

    code: Code
    label: str = Field(min_length=1)
    strong: Words = ()
    plain: Words = ()
    weak: Words = ()
    near: tuple[tuple[str, str], ...] = ()
    """Pairs of words that mean the category when they stand close together."""
    classes: Words = ()
    """Labels of the trained classifier that mean this category."""


class Flag(Closed):
    """A mark on the order; every condition that is given must hold."""

    code: Code
    label: str
    basis: str
    matters: tuple[Code, ...] = ()
    words: Words = ()
    people_min: int | None = Field(default=None, ge=2)
    amount_min: int | None = Field(default=None, gt=0)
    """Yuan from which on it holds whatever the number of people, beside one of `amount_flags`."""
    amount_flags: tuple[Code, ...] = ()
    by_words: bool = True
    """False: nothing that is said sets it, only what the caller did."""
    service: Code | None = None
    """Proposed when the caller asks for no service in words."""


class HandOff(Closed):
    """A number outside this line."""

    number: str = Field(pattern=r"^\d{3,5}$")
    label: str
    words: Words


class CrisisKind(Closed):
    """A kind of emergency and the words that tell of it."""

    code: Code
    label: str
    hand_off: str
    words: Words
    unless: Words = ()
    patterns: tuple[Expression, ...] = ()
    excuses: tuple[Expression, ...] = ()
    """A hit that lies within one of these is none."""


class Guessing(Closed):
    """From which probability on a sentence without known wording is pointed out as an emergency."""

    enough: float = Field(gt=0, lt=1)
    enough_growing: float = Field(gt=0, lt=1)
    """While it is still being said."""


class SummaryLine(Closed):
    """One line of the summary: written when the slot is known."""

    slot: str
    text: str = Field(pattern=r"\{value\}")


class SummaryText(Closed):
    """Texts of an order's summary."""

    opening: str
    opening_unnamed: str
    lines: tuple[SummaryLine, ...]
    said: str
    flags: str
    nothing: str
    callback: str
    """Of a caller who wants to be called back."""
    join: str


class Policy(Closed):
    """The whole file."""

    version: int
    matters: tuple[Category, ...] = Field(min_length=1)
    services: tuple[Category, ...] = Field(min_length=1)
    default_service: Code
    flags: tuple[Flag, ...] = ()
    hand_offs: tuple[HandOff, ...] = ()
    crisis: tuple[CrisisKind, ...] = Field(min_length=1)
    crisis_guess: Guessing
    summary: SummaryText

    @field_validator("matters", "services")
    @classmethod
    def _unique(cls, value: tuple[Category, ...]) -> tuple[Category, ...]:
        codes = [category.code for category in value]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return value


def read_policy(flows: Path) -> Policy:
    """The policy in a flow folder. Raises `ConfigError` with every problem at once."""
    path = flows / FILE
    policy = read_model(path, Policy)
    if problems := [f"{path}: {problem}" for problem in _check(policy)]:
        raise ConfigError(problems)
    return policy


def _check(policy: Policy) -> Iterator[str]:
    """Problems between entries that no single one shows."""
    matters = {category.code for category in policy.matters}
    services = {category.code for category in policy.services}
    if "other" not in matters:
        yield "matters: there must be one with the code 'other'"
    if policy.default_service not in services:
        yield f"default_service: no service {policy.default_service!r}"
    for both in sorted(matters & services):
        yield f"services: {both!r} is a matter's code too"
    for flag in policy.flags:
        yield from _check_flag(flag, matters, services)
    numbers = {hand_off.number for hand_off in policy.hand_offs}
    for kind in policy.crisis:
        if kind.hand_off not in numbers:
            yield f"crisis.{kind.code}.hand_off: no hand_offs entry {kind.hand_off!r}"


def _check_flag(flag: Flag, matters: set[str], services: set[str]) -> Iterator[str]:
    for code in flag.matters:
        if code not in matters:
            yield f"flags.{flag.code}.matters: no matter {code!r}"
    if flag.service is not None and flag.service not in services:
        yield f"flags.{flag.code}.service: no service {flag.service!r}"
    if flag.amount_min is not None and not flag.amount_flags:
        yield f"flags.{flag.code}.amount_flags: must name the flags beside which the sum counts"
    if flag.by_words and not (flag.matters or flag.words or flag.people_min):
        yield f"flags.{flag.code}: has no condition"
