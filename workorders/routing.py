"""Which unit gets an order, how urgent it is and how long it may take; all of it from data."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from workorders.addresses import is_allowed
from workorders.calendar import SHANGHAI, BadCalendar, Term, WorkCalendar
from workorders.errors import RoutingError
from workorders.exchange_rules import EXCHANGE_FILE, ExchangeReader, ExchangeRules, is_outside
from workorders.life_rules import Case, is_under
from workorders.outward import Outward, read_outward
from workorders.places import Place, Places
from workorders.policies import Labels, Policies, PolicyReader

ROUTING_FILE = "routing.yaml"
POLICIES_FILE = "policies.yaml"
LEVELS = ("county", "prefecture", "province")
"""From the nearest unit to the farthest."""
_KEYS = ("notice", "province", "kinds", "matters", "by_matter", "services", "units", "outward")
_CODE = re.compile(r"[a-z][a-z0-9_]*")


class BadRoutingData(RoutingError):
    """Routing, policy or place data are wrong. `problems` lists each."""

    code = "order.routing_data"

    def __init__(self, problems: Collection[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Unit:
    """A handling unit."""

    code: str
    """`<kind>-<district>`, e.g. `legal_aid-510104`."""
    name: str
    district: str


@dataclass(frozen=True, slots=True)
class UnitKind:
    """Units of one kind, named after their place."""

    code: str
    name: str
    """With `{place}`."""
    levels: tuple[str, ...]
    """Where such units exist."""
    province_name: str | None = None
    """The provincial unit's name, where the pattern does not give it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say about an order."""

    unit: Unit
    district: str
    """The place it was routed by: the given one, or the nearest known above it."""
    urgency: str
    flags: tuple[str, ...]
    """Given ones first, then those the rules add."""
    sign: Term | None
    finish: Term | None
    policy: str


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The rules in force, checked when loaded."""

    places: Places
    kinds: Mapping[str, UnitKind]
    matters: Mapping[str, str]
    """Code prefix → unit kind."""
    services: Mapping[str, str]
    """Code prefix → unit kind; wins over the matter, where there is one."""
    names: Mapping[str, str]
    """Unit code → name, where it differs from the pattern."""
    webhooks: Mapping[str, str]
    """Unit code → address of its own system."""
    policies: Policies
    outward: Outward
    """What units see of callers."""
    exchange: ExchangeRules = field(default_factory=ExchangeRules)

    @classmethod
    def load(cls, flows: Path, categories: Collection[str]) -> "RoutingRules":
        """Read `routing.yaml`, `policies.yaml`, `exchange.yaml` and `places.tsv` of the flow folder.

        `categories`: every matter and service code there is. Raises `BadRoutingData` with every problem.
        """
        problems: list[str] = []
        routing = _parse(flows / ROUTING_FILE, problems)
        province = str(routing.get("province", "")) if isinstance(routing, dict) else ""
        places = Places.load(flows, province, problems)
        written = _parse(flows / POLICIES_FILE, problems)
        own = written.get("line_services", {}) if isinstance(written, dict) else {}
        categories = {*categories, *(own if isinstance(own, dict) else ())}
        reader = PolicyReader(POLICIES_FILE, categories)
        policies = reader.read(written)
        rules = _RoutingReader(places, categories, problems).read(routing, policies)
        problems += reader.problems
        exchange = ExchangeReader(lambda where, what: problems.append(f"{EXCHANGE_FILE}: {where}: {what}"))
        there = (flows / EXCHANGE_FILE).exists()  # a folder from before there was any exchange lacks it
        outside = exchange.read(_parse(flows / EXCHANGE_FILE, problems)) if there else ExchangeRules()
        if problems:
            raise BadRoutingData(problems)
        return replace(rules, exchange=outside)

    @property
    def labels(self) -> Labels:
        """Chinese names of states, urgencies, flags and policies."""
        return self.policies.labels

    def decide(self, case: Case, district: str) -> Decision:
        """Unit, urgency, flags and terms for a case in a district. Raises `RoutingError`."""
        place = self.places.nearest(district)
        flags = (*sorted(case.flags), *self.policies.flags(case))
        policy = self.policies.deadline(
            Case(case.matter, case.service, frozenset(flags), case.amounts, case.day)
        )
        return Decision(
            unit=self.unit(self.kind(case.matter, case.service), place),
            district=place.code,
            urgency=policy.urgency,
            flags=flags,
            sign=policy.sign,
            finish=policy.finish,
            policy=policy.id,
        )

    def kind(self, matter: str, service: str) -> UnitKind:
        """The kind of unit for a category: the service's route, else the matter's. Raises `RoutingError`."""
        code = _longest(self.services, service) or _longest(self.matters, matter)
        if code is None:
            raise RoutingError(f"no route for {matter} and {service}")
        return self.kinds[code]

    def unit(self, kind: UnitKind, place: Place) -> Unit:
        """The nearest unit of a kind: county, then prefecture, then province."""
        while place.level not in kind.levels and place.level != "province":
            place = self.places.above(place)
        code = f"{kind.code}-{place.code}"
        name = self.names.get(code) or self._pattern(kind, place)
        return Unit(code, name, place.code)

    def by_code(self, code: str) -> Unit:
        """The unit, or the system outside, of a code. Raises `RoutingError` when there is none."""
        if is_outside(code):
            return Unit(code, self.exchange.system(code).name, "")
        kind, place = self._parts(code)
        return self.unit(kind, place)

    def above(self, code: str) -> Unit:
        """The unit of the same kind one level up, where an order goes that this one sent back.

        Raises `RoutingError` at the top, where a person must choose.
        """
        kind, place = self._parts(code)
        if place.level == "province":
            raise RoutingError(f"there is no unit above {code}")
        return self.unit(kind, self.places.above(place))

    def _parts(self, code: str) -> tuple[UnitKind, Place]:
        name, _, district = code.rpartition("-")
        kind = self.kinds.get(name)
        if kind is None or district not in self.places:
            raise RoutingError(f"no unit {code[:64]!r}")
        place = self.places.nearest(district)
        if place.level not in kind.levels:
            raise RoutingError(f"no unit {code[:64]!r}")
        return kind, place

    def units(self) -> list[Unit]:
        """Every unit there is, province first."""
        return [
            self.unit(kind, place)
            for kind in self.kinds.values()
            for place in self.places
            if place.level in kind.levels
        ]

    def _pattern(self, kind: UnitKind, place: Place) -> str:
        if place.level == "province" and kind.province_name is not None:
            return kind.province_name
        return kind.name.replace("{place}", self.places.full_name(place))


def load_calendar(flows: Path, rules: RoutingRules) -> WorkCalendar:
    """The calendar with the office hours of the policies. Raises `BadCalendar`."""
    return WorkCalendar.load(flows, rules.policies.office)


def check(flows: Path, categories: Collection[str]) -> list[str]:
    """Every problem of the routing, policy, place and calendar data; empty when sound."""
    problems: list[str] = []
    try:
        RoutingRules.load(flows, categories)
    except BadRoutingData as error:
        problems += error.problems
    try:
        WorkCalendar.load(flows)
    except BadCalendar as error:
        problems += error.problems
    return problems


def case_of(
    matter: str, service: str, flags: Collection[str], amounts: Mapping[str, float], filed_at: datetime
) -> Case:
    """A case as the rules see it; the day is Shanghai's."""
    return Case(matter, service, frozenset(flags), amounts, filed_at.astimezone(SHANGHAI).date())


def _longest(routes: Mapping[str, str], code: str) -> str | None:
    under = [prefix for prefix in routes if is_under(code, prefix)]
    return routes[max(under, key=lambda prefix: (prefix != "*", len(prefix)))] if under else None


def _parse(path: Path, problems: list[str]) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path.name}: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{path.name}: not UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problems.append(f"{path.name}: not YAML{where}")
    return {}


class _RoutingReader:
    """Turns the parsed `routing.yaml` into rules."""

    def __init__(self, places: Places, categories: Collection[str], problems: list[str]) -> None:
        self._places = places
        self._categories = categories
        self._problems = problems

    def read(self, data: Any, policies: Policies) -> RoutingRules:
        top = self._mapping(data, "file")
        for key in top:
            if key not in (
                "notice",
                "province",
                "kinds",
                "matters",
                "by_matter",
                "services",
                "units",
                "outward",
            ):
                self._problem(key, "is unknown")
        if not top.get("province"):
            self._problem("province", "the province needs a name")
        kinds = {
            code: self._kind(code, value)
            for code, value in self._mapping(top.get("kinds", {}), "kinds").items()
        }
        matters = self._routes(top, "matters", kinds)
        services = self._routes(top, "services", kinds)
        by_matter = self._list(top, "by_matter", "file")
        for category in self._categories:
            routed = _longest(matters, category) or _longest(services, category)
            if routed is None and category not in by_matter:
                self._problem("matters", f"{category} has no route")
        names, webhooks = self._units(self._mapping(top.get("units", {}), "units"), kinds)
        outward = read_outward(top, kinds, self._problem)
        return RoutingRules(self._places, kinds, matters, services, names, webhooks, policies, outward)

    def _problem(self, where: str, what: str) -> None:
        self._problems.append(f"{ROUTING_FILE}: {where}: {what}")

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        self._problem(where, "must be a mapping with text keys")
        return {}

    def _list(self, parent: Mapping[str, Any], name: str, where: str) -> list[Any]:
        value = parent.get(name, [])
        if isinstance(value, list):
            return value
        self._problem(where, f"{name} must be a list")
        return []

    def _kind(self, code: str, value: Any) -> UnitKind:
        where = f"kinds.{code}"
        data = self._mapping(value, where)
        levels = tuple(str(level) for level in self._list(data, "levels", where))
        name = str(data.get("name", ""))
        province_name = data.get("province_name")
        if not _CODE.fullmatch(code):
            self._problem(where, "a code is lower-case letters, digits and _")
        if not levels or any(level not in LEVELS for level in levels):
            self._problem(where, f"levels must be some of {', '.join(LEVELS)}")
        elif "province" not in levels:
            self._problem(where, "levels must end in province, where everything falls back to")
        if "{place}" not in name and levels != ("province",):
            self._problem(where, "the name needs {place}")
        if not name and province_name is None:
            self._problem(where, "needs a name")
        return UnitKind(code, name, levels, None if province_name is None else str(province_name))

    def _routes(self, top: Mapping[str, Any], axis: str, kinds: Collection[str]) -> dict[str, str]:
        routes: dict[str, str] = {}
        for code, kind in self._mapping(top.get(axis, {}), axis).items():
            if code != "*" and not any(is_under(category, code) for category in self._categories):
                self._problem(f"{axis}.{code}", "no such category")
            if not isinstance(kind, str) or kind not in kinds:
                self._problem(f"{axis}.{code}", f"no unit kind {kind!r}")
            else:
                routes[code] = kind
        return routes

    def _units(
        self, data: Mapping[str, Any], kinds: Mapping[str, UnitKind]
    ) -> tuple[dict[str, str], dict[str, str]]:
        names: dict[str, str] = {}
        webhooks: dict[str, str] = {}
        for code, value in data.items():
            where = f"units.{code}"
            unit = self._mapping(value, where)
            kind, _, district = code.rpartition("-")
            if kind not in kinds or district not in self._places:
                self._problem(where, "a unit's code is <kind>-<district> of a known kind and place")
            for key, text in unit.items():
                if key == "name" and text:
                    names[code] = str(text)
                elif key == "caller":
                    continue  # read with the rest of what leaves the house
                elif key == "webhook" and is_allowed(str(text)):
                    webhooks[code] = str(text)
                else:
                    self._problem(
                        where, f"{key} is unknown or wrong (a webhook is https, or http to loopback)"
                    )
        return names, webhooks
