"""What the life of an order goes by besides deadlines: extensions, visits, pool, complaints, timers; data."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

TIMER_ACTIONS = ("remind", "urge", "supervise", "release")
"""What a timer may do; all of them actions of an order's life."""
TIMER_BASES = ("sign", "finish", "lease", "review", "visit", "appointment")
OFFSET_UNITS = ("hours", "working_days")
MAX_OFFSET = 2_000
PARTY_LENGTH = 160
"""Characters of the key of another party."""
_LEVELS = ("yellow", "orange", "red")


@dataclass(frozen=True, slots=True)
class Case:
    """What a policy looks at."""

    matter: str
    service: str
    flags: frozenset[str]
    amounts: Mapping[str, float]
    """Fields whose value is a number, e.g. `people`, `amount`."""
    day: date
    """Asia/Shanghai day of filing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """All groups that are given must hold; within a group any member is enough. Empty: always."""

    matters: tuple[str, ...] = ()
    """Code prefixes: `labour` also means `labour.wages`."""
    services: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    at_least: tuple[tuple[str, float], ...] = ()
    """Field and smallest value."""

    def holds(self, case: Case) -> bool:
        """Whether the case is meant."""
        return (
            (not self.matters or any(is_under(case.matter, code) for code in self.matters))
            and (not self.services or any(is_under(case.service, code) for code in self.services))
            and (not self.flags or any(flag in case.flags for flag in self.flags))
            and (
                not self.at_least
                or any(case.amounts.get(name, float("-inf")) >= least for name, least in self.at_least)
            )
        )


def is_under(code: str, prefix: str) -> bool:
    """Whether a dotted code is the prefix or lies under it; `*` is above all."""
    return prefix in ("*", code) or code.startswith(prefix + ".")


@dataclass(frozen=True, slots=True)
class TimerRule:
    """When something happens to an order by itself."""

    id: str
    of: str
    """One of `TIMER_BASES`: counted from the end of the time to sign, of the time to answer, of a claim's
    lease, of the way to a notary's appointment; or from when the order began to wait for review, or for a
    visit."""
    does: str
    unit: str = "hours"
    amount: int = 0
    """So much later; negative: before."""
    level: str = ""
    """Supervise: yellow, orange or red."""


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Which orders lawyers may take, and how."""

    when: Condition | None = None
    """None: nothing is pooled."""
    lease_minutes: int = 30
    """Who has not reached the caller by then loses the order."""
    cap: int = 3
    """Orders one person may hold that have not reached the caller yet."""


@dataclass(frozen=True, slots=True)
class SimilarRules:
    """Which orders may be about the same thing."""

    days: int = 30
    """Same caller, same matter: filed within so many days of each other."""
    party_days: int = 180
    """Same other party, same place."""
    fields: tuple[str, ...] = ("employer", "counterparty")
    """Where the other party stands; the first that says something."""
    generic: tuple[str, ...] = ()
    """Words that name nobody."""
    endings: tuple[str, ...] = ()
    """What the name of a firm may end in or do without."""
    cluster: int = 3
    """So many callers with the same other party are shown as a possible incident."""

    def party(self, values: Mapping[str, str], district: str) -> str:
        """The key of the other party in a place; empty when there is none, or the place is not known."""
        for name in self.fields:
            folded = "".join(each for each in _folded(values.get(name, "")) if each.isalnum())
            ending = next((each for each in self.endings if folded.endswith(each) and folded != each), "")
            folded = folded.removesuffix(ending)
            if len(folded) >= 2 and folded not in self.generic and not district.endswith("0000"):
                return f"{district}:{folded}"[:PARTY_LENGTH]
        return ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@dataclass(frozen=True, slots=True)
class LifeRules:
    """Everything the life of an order reads from `policies.yaml`, `life`."""

    extension_days: int = 10
    """Longest extension, in working days."""
    visit_days: int = 3
    """Days with a failed visit after which the caller counts as asked."""
    complaints: tuple[str, ...] = ("complaint",)
    """Services whose orders are complaints (codes or prefixes)."""
    emergencies: tuple[str, ...] = ("crisis",)
    """Flags of orders that never enter the pool, besides the most urgent ones."""
    pool: PoolRules = PoolRules()
    similar: SimilarRules = SimilarRules()
    timers: tuple[TimerRule, ...] = ()


class LifeReader:
    """Reads the section `life`; what is wrong is told to `problem(where, what)`."""

    def __init__(
        self, problem: Callable[[str, str], None], condition: Callable[[Any, str], Condition]
    ) -> None:
        self._problem = problem
        self._condition = condition

    def read(self, data: Mapping[str, Any]) -> LifeRules:
        """The rules; with problems the result must not be used."""
        known = ("extension_days", "visit_days", "complaints", "emergencies", "pool", "similar", "timers")
        self._only(data, "life", known)
        timers = tuple(
            self._timer(item, f"life.timers[{index}]")
            for index, item in enumerate(self._list(data, "timers"))
        )
        ids = [timer.id for timer in timers]
        if len(ids) != len(set(ids)):
            self._problem("life.timers", "each needs an id of its own")
        return LifeRules(
            extension_days=self._number(data, "extension_days", 10),
            visit_days=self._number(data, "visit_days", 3),
            complaints=tuple(str(code) for code in self._list(data, "complaints")),
            emergencies=tuple(str(flag) for flag in self._list(data, "emergencies")),
            pool=self._pool(data.get("pool", {})),
            similar=self._similar(data.get("similar", {})),
            timers=timers,
        )

    def _similar(self, data: Any) -> SimilarRules:
        if not isinstance(data, dict):
            self._problem("life.similar", "must be a mapping")
            return SimilarRules()
        known = ("days", "party_days", "fields", "generic", "endings", "cluster")
        self._only(data, "life.similar", known)
        usual = SimilarRules()
        return SimilarRules(
            days=self._number(data, "days", usual.days),
            party_days=self._number(data, "party_days", usual.party_days),
            fields=tuple(str(each) for each in self._list(data, "fields")) or usual.fields,
            generic=tuple(str(each) for each in self._list(data, "generic")),
            endings=tuple(str(each) for each in self._list(data, "endings")),
            cluster=self._number(data, "cluster", usual.cluster),
        )

    def _pool(self, data: Any) -> PoolRules:
        if not isinstance(data, dict):
            self._problem("life.pool", "must be a mapping")
            return PoolRules()
        self._only(data, "life.pool", ("when", "lease_minutes", "cap"))
        when = data.get("when")
        return PoolRules(
            when=None if when is None else self._condition(when, "life.pool"),
            lease_minutes=self._number(data, "lease_minutes", 30),
            cap=self._number(data, "cap", 3),
        )

    def _timer(self, item: Any, where: str) -> TimerRule:
        if not isinstance(item, dict):
            self._problem(where, "must be a mapping")
            return TimerRule("", "finish", "remind")
        self._only(item, where, ("id", "name", "of", "before", "after", "does", "level"))
        code, of, does = (str(item.get(key, "")) for key in ("id", "of", "does"))
        level = str(item.get("level", ""))
        if not 0 < len(code) <= 32:
            self._problem(where, "needs an id of at most 32 characters")
        if of not in TIMER_BASES:
            self._problem(where, f"of must be one of {', '.join(TIMER_BASES)}")
        if does not in TIMER_ACTIONS:
            self._problem(where, f"does must be one of {', '.join(TIMER_ACTIONS)}")
        if (does == "supervise") != bool(level) or (level and level not in _LEVELS):
            self._problem(where, f"supervise needs a level of {', '.join(_LEVELS)}, the others none")
        unit, amount = self._offset(item, where)
        return TimerRule(code, of, does, unit, amount, level)

    def _offset(self, item: Mapping[str, Any], where: str) -> tuple[str, int]:
        given = [key for key in ("before", "after") if item.get(key)]
        if not given:
            return "hours", 0
        value = item[given[0]]
        if len(given) == 1 and isinstance(value, dict) and len(value) == 1:
            [(unit, amount)] = value.items()
            if unit in OFFSET_UNITS and type(amount) is int and 0 < amount <= MAX_OFFSET:
                return str(unit), -amount if given[0] == "before" else amount
        self._problem(where, "before or after takes hours or working_days with a number")
        return "hours", 0

    def _number(self, data: Mapping[str, Any], name: str, otherwise: int) -> int:
        value = data.get(name, otherwise)
        if type(value) is int and 1 <= value <= MAX_OFFSET:
            return value
        self._problem("life", f"{name} must be a number from 1 to {MAX_OFFSET}")
        return otherwise

    def _list(self, data: Mapping[str, Any], name: str) -> list[Any]:
        value = data.get(name, [])
        if isinstance(value, list):
            return value
        self._problem("life", f"{name} must be a list")
        return []

    def _only(self, data: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
        for key in data:
            if key not in known:
                self._problem(where, f"{key} is unknown")
