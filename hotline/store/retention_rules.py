"""How long is kept what callers said, and what orders say of them: reads `retention.yaml`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hotline.errors import ConfigError
from hotline.yaml_file import problems_of, read_model

FILE = "retention.yaml"

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]


class Closed(BaseModel):
    """A frozen part of the file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class When(Closed):
    """Which calls; all that is given must hold, of a list any one."""

    complaint: bool | None = None
    """An order of the call is a complaint."""
    flags: tuple[Code, ...] = ()
    matters: tuple[Code, ...] = ()
    """Codes or what stands before their dots."""
    services: tuple[Code, ...] = ()


class Rule(Closed):
    """How long the calls it means are kept."""

    id: Code
    name: str = Field(min_length=1, max_length=64)
    when: When = When()
    days: int | None = Field(default=None, ge=1, le=36_500)
    """None: `privacy.recording_days`."""
    basis: str = Field(default="", max_length=200)


class OrderRule(Closed):
    """How long what orders say of people is kept after the last thing that happened to them."""

    id: Code
    name: str = Field(min_length=1, max_length=64)
    when: When = When()
    days: int = Field(ge=1, le=36_500)
    basis: str = Field(default="", max_length=200)


class RetentionFile(Closed):
    """The whole file."""

    version: int = 1
    rules: tuple[Rule, ...] = ()
    orders: tuple[OrderRule, ...] = ()
    """Empty: what orders say is never deleted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the rules look at in a call or an order."""

    complaint: bool = False
    flags: tuple[str, ...] = ()
    matter: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """All rules; the first that means a call counts."""

    rules: tuple[Rule, ...]
    days: int
    """Of rules that name no days, and of calls that none means."""

    def of(self, kind: Kind) -> tuple[str, int]:
        """Id of the rule that means the call, and how many days it is kept."""
        for rule in self.rules:
            if _holds(rule.when, kind):
                return rule.id, rule.days if rule.days is not None else self.days
        return "", self.days

    @property
    def shortest(self) -> int:
        """Days after which anything may be due at all."""
        return min((rule.days or self.days for rule in self.rules), default=self.days)

    @property
    def longest(self) -> int:
        """Days after which everything is due that is not held."""
        return max((self.days, *(rule.days or self.days for rule in self.rules)))


@dataclass(frozen=True, slots=True)
class OrderRules:
    """All rules for orders; the first that means one counts."""

    rules: tuple[OrderRule, ...] = ()

    def of(self, kind: Kind) -> tuple[str, int]:
        """Id of the rule that means the order, and the days. The last rule means everything."""
        rule = next(rule for rule in self.rules if _holds(rule.when, kind))
        return rule.id, rule.days

    @property
    def shortest(self) -> int:
        """Days after which anything may be due at all."""
        return min(rule.days for rule in self.rules)


def read_order_retention(flows: Path) -> OrderRules:
    """The rules for orders in a flow folder; none without the file. Raises `ConfigError`."""
    return OrderRules(_read(flows / FILE).orders if (flows / FILE).exists() else ())


def read_retention(flows: Path, days: int) -> RetentionRules:
    """The rules in a flow folder; without the file everything is kept `days`. Raises `ConfigError`."""
    path = flows / FILE
    if not path.exists():
        return RetentionRules((), days)
    return RetentionRules(_read(path).rules, days)


def _read(path: Path) -> RetentionFile:
    read = read_model(path, RetentionFile)
    rules: tuple[tuple[Rule | OrderRule, ...], ...] = (read.rules, read.orders)
    for each in rules:
        ids = [rule.id for rule in each]
        if len(set(ids)) < len(ids):
            raise ConfigError([f"{path}: an id stands there twice"])
        if each and each[-1].when != When():
            raise ConfigError([f"{path}: the last rule must mean everything: no 'when'"])
    return read


def retention_problems(flows: Path) -> list[str]:
    """What is wrong with the rules in a flow folder."""
    return problems_of(lambda: read_retention(flows, 1))


def _holds(when: When, kind: Kind) -> bool:
    return (
        (when.complaint is None or when.complaint == kind.complaint)
        and (not when.flags or any(flag in kind.flags for flag in when.flags))
        and (not when.matters or any(_under(kind.matter, code) for code in when.matters))
        and (not when.services or any(_under(kind.service, code) for code in when.services))
    )


def _under(code: str, prefix: str) -> bool:
    return code == prefix or code.startswith(f"{prefix}.")
