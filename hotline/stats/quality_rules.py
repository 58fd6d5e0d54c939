"""What is inspected, what the machine looks for, and the sheet: reads `ivr_flows/quality.yaml`."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hotline.yaml_file import problems_of, read_model

FILE = "quality.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Always(_Part):
    """Calls that are always inspected: everything given must hold."""

    id: str = Field(pattern=r"^[a-z_]{1,32}$")
    name: str = Field(min_length=1)
    mark_most: int | None = Field(default=None, ge=1, le=5)
    """The caller gave at most this mark."""
    flags: tuple[str, ...] = ()
    """One of these was found in what was said."""
    minutes: float | None = Field(default=None, gt=0)
    """The talk was longer."""


class Looked(_Part):
    """One thing the machine looks for; which numbers it reads stands at its function."""

    name: str = Field(min_length=1)
    words: tuple[str, ...] = ()
    seconds: float = Field(default=0, ge=0)
    within_s: float = Field(default=0, ge=0)
    per_minute: float = Field(default=0, ge=0)
    shortest: int = Field(default=0, ge=0)


class Item(_Part):
    """A line of the sheet."""

    id: str = Field(pattern=r"^[a-z_]{1,32}$")
    name: str = Field(min_length=1)
    most: int = Field(ge=1, le=100)
    """Points."""


class Marks(_Part):
    """What the machine looks for."""

    greeting: Looked
    notice: Looked
    interruption: Looked
    silence: Looked
    speed: Looked
    forbidden: Looked
    promise: Looked


class QualityRules(_Part):
    """The whole file."""

    version: int
    share: float = Field(gt=0, le=100)
    """Per cent of the answered calls of a day."""
    always: tuple[Always, ...] = ()
    marks: Marks
    sheet: tuple[Item, ...] = Field(min_length=1)

    @property
    def names(self) -> Mapping[str, str]:
        """Id of a rule → its name."""
        return {rule.id: rule.name for rule in self.always}

    @property
    def full(self) -> int:
        """Points of a faultless call."""
        return sum(item.most for item in self.sheet)


def read_quality(folder: Path) -> QualityRules:
    """The rules of a flow folder. Raises `ConfigError` naming what is wrong."""
    return read_model(folder / FILE, QualityRules)


def quality_problems(folder: Path) -> list[str]:
    """What is wrong with the file; empty when it is sound."""
    return problems_of(lambda: read_quality(folder))
