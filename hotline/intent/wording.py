"""Reads `slots.yaml`: how the fields of an order are worded."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from asr.numerals import cardinal
from hotline.intent.policy import Closed, Expression, Words
from hotline.yaml_file import read_model

FILE = "slots.yaml"


class Template(Closed):
    """A pattern with places for lists such as {surname}, and how far to trust it."""

    pattern: str
    confidence: float = Field(gt=0, le=1)


class NameWording(Closed):
    """Callers' names."""

    surnames: str
    common: str
    other: str
    """First characters of names that follow no Chinese surname: Yi and Tibetan ones."""
    compound: Words
    stop: str
    """Characters that no given name holds."""
    patterns: tuple[Template, ...]
    never: Words
    surname_only: str


class PhoneWording(Closed):
    """Telephone numbers."""

    words: Words
    landline: Expression


class IdentityWording(Closed):
    """Identity cards."""

    words: Words


class CaseWording(Closed):
    """Numbers of cases; the named groups head, left, year, right and tail make up a number."""

    patterns: tuple[Expression, ...]
    brackets: dict[str, str]
    round: tuple[str, str]


class RateWording(Closed):
    """So much for each of something."""

    before: Expression
    after: Expression
    counts: tuple[Expression, ...] = ()
    """How many of it; each named group is a number, worth what `worth` says."""
    worth: dict[str, float] = Field(default_factory=dict)
    people: bool = False
    """The people concerned are counted."""
    times: str | None = None
    """Another rate that this one may be told together with."""
    words: dict[str, float] = Field(default_factory=dict)
    """Numbers that are no numerals, such as "half"."""

    def value(self, name: str, said: str) -> float:
        """What a numeral in a named group counts for, in units of the rate."""
        number = self.words.get(said)
        if number is None:
            number = float(said) if said.isascii() else float(cardinal(said) or 0)
        return number * self.worth.get(name, 1.0)


class MoneyWording(Closed):
    """Sums in yuan."""

    amount: Expression
    range: Expression
    approximate: Expression
    digits: dict[str, int]
    scale: dict[str, int]
    not_before: Expression
    total: Words
    left: Words
    """What is left to pay."""
    claimed: Words
    """What the caller is owed or has lost."""
    paid: Words
    """What was given already."""
    about: Words
    rates: dict[str, RateWording]
    display: str
    display_range: str
    display_product: str

    @model_validator(mode="after")
    def _rates_are_known(self) -> "MoneyWording":
        unknown = [rate.times for rate in self.rates.values() if rate.times and rate.times not in self.rates]
        if unknown:
            raise ValueError(f"no such rate: {', '.join(unknown)}")
        return self


class PeopleWording(Closed):
    """How many people are concerned."""

    patterns: tuple[Expression, ...]
    digits: dict[str, int]
    vague: dict[str, int]
    display: str
    display_more: str


class EmployerWording(Closed):
    """Names of firms and sites."""

    called: tuple[Expression, ...]
    """The named group v is a name that was told as one."""
    suffix: Words
    stop: Words
    place: Expression
    """A county or town before a name."""
    lead: Words
    """What a name does not begin with."""
    empty: Words
    """Words that say what kind of firm it is: a name has something besides."""
    confidence: float = Field(gt=0, le=1)
    confidence_called: float = Field(gt=0, le=1)


class CounterpartyWording(Closed):
    """The other side."""

    roles: Words
    titles: Words
    patterns: tuple[Template, ...]
    display: str
    display_surname: str


class LunarYear(Closed):
    """A year of the Chinese calendar."""

    first: date
    """Its first day."""
    days: tuple[Annotated[int, Field(ge=29, le=30)], ...] = Field(min_length=12, max_length=13)
    """Of its months in order."""
    leap: int = Field(default=0, ge=0, le=12)
    """The month that comes twice, 0 for none."""

    @model_validator(mode="after")
    def _one_month_more_in_a_leap_year(self) -> "LunarYear":
        if len(self.days) != (13 if self.leap else 12):
            raise ValueError("twelve months, thirteen in a leap year")
        return self


class DateWording(Closed):
    """Points and stretches of time."""

    point: Expression
    festival: Expression
    season: Expression
    year: Expression
    day: Expression
    week: Expression
    month: Expression
    ago: Expression
    until: Expression
    until_now: Expression
    not_before: Expression
    relative_years: dict[str, int]
    days: dict[str, int]
    weeks: dict[str, int]
    weekdays: dict[str, Annotated[int, Field(ge=0, le=6)]]
    months: dict[str, int]
    units: dict[str, Literal["day", "week", "month", "year"]]
    seasons: dict[str, tuple[int, int]]
    festivals: dict[str, tuple[int, int]]
    """Month and day of the Chinese calendar."""
    lunar_months: dict[str, int]
    lunar: dict[int, LunarYear]


class PlaceWording(Closed):
    """Words around places."""

    here: Expression
    beside: Expression
    """What stands before a name that is an everyday word too, when it is the place."""
    after: Expression
    """And what follows it then."""
    home: Expression
    people_of: Expression
    suffixes: Words
    province: str


class DemandLabel(Closed):
    """A demand as the form puts it."""

    label: str
    any: Words


class DemandWording(Closed):
    """What the caller asks for."""

    asks: Words
    labels: tuple[DemandLabel, ...]
    by_matter: dict[str, str] = Field(default_factory=dict)


class Wording(Closed):
    """The whole file."""

    version: int
    name: NameWording
    phone: PhoneWording
    identity: IdentityWording
    case: CaseWording
    money: MoneyWording
    people: PeopleWording
    employer: EmployerWording
    counterparty: CounterpartyWording
    dates: DateWording
    place: PlaceWording
    demand: DemandWording

    @model_validator(mode="after")
    def _templates_compile(self) -> "Wording":
        for template in (*self.name.patterns, *self.counterparty.patterns):
            self.compile(template.pattern)
        return self

    def compile(self, template: str) -> re.Pattern[str]:
        """A template's pattern with its lists put in. Raises `ValueError` when it is none."""
        name = self.name
        compound = "|".join(name.compound)
        stop = re.escape(name.stop)
        lists = {
            "{surname}": f"(?:{compound}|[{name.surnames}])",
            "{common}": f"(?:{compound}|[{name.common}])",
            "{full}": f"(?:(?:{compound}|[{name.surnames}])[^{stop}\\W\\d_a-zA-Z]{{1,2}})",
            "{other}": f"(?:[{name.other}][^{stop}\\W\\d_a-zA-Z]{{1,4}})",
            "{given}": f"(?:[^{stop}\\W\\d_a-zA-Z]{{1,2}})",
            "{role}": f"(?:{_any(self.counterparty.roles)})",
            "{title}": f"(?:{_any(self.counterparty.titles)})",
        }
        for key, value in lists.items():
            template = template.replace(key, value)
        try:
            return re.compile(template)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error


def _any(words: Words) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def read_wording(flows: Path) -> Wording:
    """The wording in a flow folder. Raises `ConfigError` with every problem at once."""
    return read_model(flows / FILE, Wording)
