"""Reads `policies.yaml`: deadlines, urgency and flags by kind of matter, with effective dates."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from workorders.calendar import OfficeHours, Term, TermUnit, parse_clock
from workorders.life_rules import Case, Condition, LifeReader, LifeRules, is_under
from workorders.model import State

URGENCIES = ("critical", "urgent", "normal", "low")
"""From the most urgent down."""


@dataclass(frozen=True, slots=True)
class FlagRule:
    """Adds a flag to the orders it means."""

    flag: str
    when: Condition
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Policy:
    """How urgent the orders it means are, and how long the unit has."""

    id: str
    when: Condition
    since: date
    until: date | None
    """Last day in force; None: until further notice."""
    urgency: str
    sign: Term | None
    finish: Term | None


@dataclass(frozen=True, slots=True)
class Labels:
    """Chinese names of codes, for pages and exports."""

    states: Mapping[str, str]
    urgencies: Mapping[str, str]
    flags: Mapping[str, str]
    policies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LineService:
    """A service of orders that the line files by itself."""

    label: str
    summary: str
    """May name `{mark}`, the mark that led to it."""


@dataclass(frozen=True, slots=True)
class Policies:
    """All rules, in order; the last deadline rule means everything."""

    notice: str
    """Says that these are sample rules, or whose they are."""
    office: OfficeHours
    flag_rules: tuple[FlagRule, ...]
    deadlines: tuple[Policy, ...]
    labels: Labels
    life: LifeRules = field(default_factory=LifeRules)
    line_services: Mapping[str, LineService] = field(default_factory=dict)
    """What the line itself files orders for; callers do not ask for it."""

    def by_id(self, policy: str) -> Policy | None:
        """The deadline rule of that id; None when it has been taken out of the file."""
        return next((rule for rule in self.deadlines if rule.id == policy), None)

    @property
    def flags_of_rules(self) -> frozenset[str]:
        """Flags that rules add: another matter is looked at afresh."""
        return frozenset(rule.flag for rule in self.flag_rules)

    def flags(self, case: Case) -> tuple[str, ...]:
        """The flags the rules add, those the case has not."""
        added = [rule.flag for rule in self.flag_rules if _in_force(rule, case.day) and rule.when.holds(case)]
        return tuple(flag for flag in dict.fromkeys(added) if flag not in case.flags)

    def deadline(self, case: Case) -> Policy:
        """The first rule in force that means the case; else the last, so that no order is lost for it."""
        for policy in self.deadlines:
            if _in_force(policy, case.day) and policy.when.holds(case):
                return policy
        return self.deadlines[-1]


def _in_force(rule: Policy | FlagRule, day: date) -> bool:
    return rule.since <= day and (rule.until is None or day <= rule.until)


class PolicyReader:
    """Turns the parsed file into `Policies`; `problems` collects what is wrong."""

    def __init__(self, name: str, categories: Collection[str]) -> None:
        self.problems: list[str] = []
        self._name = name
        self._categories = categories

    def read(self, data: Any) -> Policies:
        """Read everything; with `problems` the result must not be used."""
        top = self._mapping(data, "file")
        labels = Labels(
            states=self._texts(top, "states"),
            urgencies=self._texts(top, "urgencies"),
            flags=self._texts(top, "flags"),
            policies={},
        )
        self._complete("states", labels.states, tuple(State))
        self._complete("urgencies", labels.urgencies, URGENCIES)
        flag_rules = tuple(
            self._flag_rule(item, f"flag_rules[{index}]", labels.flags)
            for index, item in enumerate(self._list(top, "flag_rules"))
        )
        names: dict[str, str] = {}
        deadlines = tuple(
            self._policy(item, f"deadlines[{index}]", names, labels.flags)
            for index, item in enumerate(self._list(top, "deadlines"))
        )
        if not deadlines or deadlines[-1].when != Condition() or deadlines[-1].until is not None:
            self._problem("deadlines", "the last rule must mean everything: no 'when', no 'until'")
        return Policies(
            notice=str(top.get("notice", "")),
            office=self._office(self._mapping(top.get("office", {}), "office")),
            flag_rules=flag_rules,
            deadlines=deadlines,
            labels=Labels(labels.states, labels.urgencies, labels.flags, names),
            life=self._life(top.get("life"), labels.flags),
            line_services=self._line_services(top),
        )

    def _line_services(self, top: Mapping[str, Any]) -> Mapping[str, LineService]:
        found: dict[str, LineService] = {}
        for code, item in self._mapping(top.get("line_services", {}), "line_services").items():
            words = self._mapping(item, f"line_services.{code}")
            texts = [str(words.get(name, "")) for name in ("label", "summary")]
            if not all(texts) or set(words) != {"label", "summary"}:
                self._problem(f"line_services.{code}", "needs a label and a summary")
            found[str(code)] = LineService(texts[0], texts[1])
        return found

    def _life(self, data: Any, flags: Mapping[str, str]) -> LifeRules:
        if data is None:
            return LifeRules()
        reader = LifeReader(self._problem, lambda value, where: self._condition(value, where, flags))
        return reader.read(self._mapping(data, "life"))

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(f"{self._name}: {where}: {what}")

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        self._problem(where, "must be a mapping")
        return {}

    def _list(self, parent: Mapping[str, Any], name: str) -> Sequence[Any]:
        value = parent.get(name, [])
        if isinstance(value, list):
            return value
        self._problem(name, "must be a list")
        return []

    def _texts(self, parent: Mapping[str, Any], name: str) -> dict[str, str]:
        return {key: str(value) for key, value in self._mapping(parent.get(name, {}), name).items()}

    def _complete(self, where: str, given: Mapping[str, str], wanted: Sequence[str]) -> None:
        for code in wanted:
            if not given.get(code):
                self._problem(where, f"{code} has no name")
        for code in given:
            if code not in wanted:
                self._problem(where, f"{code} is unknown")

    def _office(self, data: Mapping[str, Any]) -> OfficeHours:
        try:
            spans = []
            for span in data["hours"]:
                opens, closes = str(span).split("-")
                spans.append((parse_clock(opens), parse_clock(closes)))
            return OfficeHours(
                tuple(spans), parse_clock(str(data["day_ends"])), parse_clock(str(data["cutoff"]))
            )
        except KeyError as error:
            self._problem("office", f"{error.args[0]} is missing")
        except (TypeError, ValueError) as error:
            self._problem("office", str(error))
        return OfficeHours()

    def _flag_rule(self, item: Any, where: str, known: Mapping[str, str]) -> FlagRule:
        data = self._mapping(item, where)
        self._only(data, where, ("flag", "when", "since", "until", "basis"))
        flag = str(data.get("flag", ""))
        if flag not in known:
            self._problem(where, f"flag {flag!r} has no name under 'flags'")
        since, until = self._dates(data, where)
        return FlagRule(flag, self._condition(data.get("when", {}), where, known), since, until)

    def _policy(self, item: Any, where: str, names: dict[str, str], flags: Mapping[str, str]) -> Policy:
        data = self._mapping(item, where)
        self._only(
            data, where, ("id", "name", "when", "since", "until", "urgency", "sign", "finish", "basis")
        )
        policy_id = str(data.get("id", ""))
        if not policy_id or policy_id in names:
            self._problem(where, "needs an id of its own")
        names[policy_id] = str(data.get("name", policy_id))
        urgency = str(data.get("urgency", ""))
        if urgency not in URGENCIES:
            self._problem(where, f"urgency must be one of {', '.join(URGENCIES)}")
        since, until = self._dates(data, where)
        return Policy(
            id=policy_id,
            when=self._condition(data.get("when", {}), where, flags),
            since=since,
            until=until,
            urgency=urgency,
            sign=self._term(data.get("sign"), f"{where}.sign"),
            finish=self._term(data.get("finish"), f"{where}.finish"),
        )

    def _only(self, data: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
        for key in data:
            if key not in known:
                self._problem(where, f"{key} is unknown")

    def _dates(self, data: Mapping[str, Any], where: str) -> tuple[date, date | None]:
        since, until = data.get("since"), data.get("until")
        if type(since) is not date:  # a time of day would be a datetime, which is also a date
            self._problem(where, "since must be a date")
            since = date.min
        if until is not None and type(until) is not date:
            self._problem(where, "until must be a date or null")
            until = None
        if until is not None and until < since:
            self._problem(where, "until lies before since")
        return since, until

    def _condition(self, value: Any, where: str, flags: Mapping[str, str]) -> Condition:
        data = self._mapping(value, f"{where}.when")
        self._only(data, f"{where}.when", ("matters", "services", "flags", "at_least"))
        condition = Condition(
            matters=tuple(str(code) for code in self._list(data, "matters")),
            services=tuple(str(code) for code in self._list(data, "services")),
            flags=tuple(str(flag) for flag in self._list(data, "flags")),
            at_least=tuple(self._at_least(data, f"{where}.at_least")),
        )
        for code in condition.matters + condition.services:
            if not any(is_under(category, code) for category in self._categories):
                self._problem(where, f"no category {code!r}")
        for flag in condition.flags:
            if flag not in flags:
                self._problem(where, f"flag {flag!r} has no name under 'flags'")
        return condition

    def _at_least(self, data: Mapping[str, Any], where: str) -> Iterator[tuple[str, float]]:
        for name, least in self._mapping(data.get("at_least", {}), where).items():
            if isinstance(least, int | float):
                yield name, float(least)
            else:
                self._problem(where, f"{name}: must be a number")

    def _term(self, value: Any, where: str) -> Term | None:
        if value is None:
            return None
        try:
            if value == TermUnit.SAME_DAY.value:
                return Term(TermUnit.SAME_DAY)
            [(unit, amount)] = self._mapping(value, where).items()
            return Term(TermUnit(unit), int(amount))
        except (TypeError, ValueError):
            self._problem(
                where, "must be same_day, or one of working_days, working_hours, hours with a number"
            )
            return None
