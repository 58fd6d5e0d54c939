"""Reads `slots.yaml`: how the fields of an order are worded."""

import re
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from hotline.errors import ConfigError
from hotline.intent.policy import Closed, Expression, Words
from hotline.yaml_file import read_yaml

FILE = "slots.yaml"


class Template(Closed):
    """A pattern with places for lists such as {surname}, and how far to trust it."""

    pattern: str
    confidence: float = Field(gt=0, le=1)


class NameWording(Closed):
    """Callers' names."""

    surnames: str
    common: str
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


class MoneyWording(Closed):
    """Sums in yuan."""

    amount: Expression
    scale: dict[str, int]
    not_before: Expression
    total: Words
    about: Words
    per_month: Expression
    per_person: Expression
    per_day: Expression
    months: Expression
    display: str
    display_product: str
    unit_month: str
    unit_person: str


class PeopleWording(Closed):
    """How many people are concerned."""

    patterns: tuple[Expression, ...]
    display: str
    display_more: str


class EmployerWording(Closed):
    """Names of firms and sites."""

    suffix: Words
    stop: Words
    empty: Words
    confidence: float = Field(gt=0, le=1)


class CounterpartyWording(Closed):
    """The other side."""

    roles: Words
    titles: Words
    patterns: tuple[Template, ...]
    display: str
    display_surname: str


class DateWording(Closed):
    """Points and stretches of time."""

    point: Expression
    season: Expression
    year: Expression
    day: Expression
    week: Expression
    month: Expression
    ago: Expression
    until: Expression
    relative_years: dict[str, int]
    days: dict[str, int]
    weeks: dict[str, int]
    months: dict[str, int]
    units: dict[str, Literal["day", "month", "year"]]
    seasons: dict[str, tuple[int, int]]
    new_year: Words
    last_month: str
    first_month: str
    lunar: tuple[tuple[int, date, date], ...]
    """Lunar year, first day of its last month, first day of the next year."""


class PlaceWording(Closed):
    """Words around places."""

    here: Expression
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
    path = flows / FILE
    try:
        return Wording.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(
            [f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        ) from error
