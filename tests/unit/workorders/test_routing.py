"""Routing and policies: the shipped rules, fallbacks, effective dates, and every problem named."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.fakes.orders import FLOWS, NOW, shipped_categories, shipped_rules
from workorders.calendar import Term, TermUnit
from workorders.life_rules import Case
from workorders.model import State
from workorders.routing import BadRoutingData, RoutingRules, case_of, check

pytestmark = pytest.mark.unit

RULES, _ = shipped_rules()
CATEGORIES = ("labour.wages", "labour.injury", "notary", "consult")


def case(**changes: object) -> Case:
    values: dict[str, object] = {
        "matter": "labour.wages",
        "service": "consult",
        "flags": frozenset(),
        "amounts": {},
        "day": date(2026, 11, 23),
    }
    return Case(**(values | changes))  # type: ignore[arg-type]


def test_the_shipped_data_are_sound_and_say_they_are_samples() -> None:
    assert check(FLOWS, shipped_categories()) == []
    assert RULES.policies.notice.startswith("示例规则")


def test_every_place_has_its_units() -> None:
    units = {unit.code: unit.name for unit in RULES.units()}
    assert len(units) == 2 * (1 + 21 + 183) + 1
    prefectures = [place for place in RULES.places if place.level == "prefecture"]
    assert len(prefectures) == 21
    for place in prefectures:
        assert units[f"legal_aid-{place.code}"] == f"{place.name}法律援助中心"
        assert units[f"justice-{place.code}"] == f"{place.name}司法局"
    assert len(set(units.values())) == len(units), "two units share a name"


@pytest.mark.parametrize(
    ("matter", "service", "kind"),
    [
        ("labour.wages", "consult", "legal_aid"),
        ("labour.wages", "notary", "justice"),
        ("family", "aid.apply", "legal_aid"),
        ("family", "aid.complaint", "justice"),  # not to the one complained of
        ("other", "nuisance", "desk"),
        ("other", "lawyer.complaint", "justice"),
    ],
)
def test_service_before_matter_and_longest_prefix(matter: str, service: str, kind: str) -> None:
    assert RULES.decide(case(matter=matter, service=service), "510104").unit.code.startswith(kind)


@pytest.mark.parametrize(
    ("changes", "policy", "finish"),
    [
        ({"flags": frozenset({"green_channel"})}, "wages_green", Term(TermUnit.SAME_DAY)),
        ({}, "ordinary", Term(TermUnit.WORKING_DAYS, 5)),
        ({"flags": frozenset({"minor"})}, "vulnerable", Term(TermUnit.WORKING_DAYS, 3)),
        ({"flags": frozenset({"crisis", "green_channel"})}, "crisis", Term(TermUnit.HOURS, 24)),
        (
            {"flags": frozenset({"green_channel"}), "amounts": {"amount": 500_000.0}},
            "group",
            Term(TermUnit.SAME_DAY),
        ),
        ({"amounts": {"amount": 500_000.0}}, "ordinary", Term(TermUnit.WORKING_DAYS, 5)),
        ({"service": "nuisance"}, "record_only", None),
    ],
)
def test_shipped_deadlines(changes: dict[str, object], policy: str, finish: Term | None) -> None:
    decision = RULES.decide(case(**changes), "510104")
    assert (decision.policy, decision.finish) == (policy, finish)


def test_the_day_of_a_case_is_chengdus() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    assert case_of("a", "b", (), {}, late).day == date(2026, 11, 24)
    assert case_of("a", "b", (), {}, NOW).day == date(2026, 11, 23)


ROUTING = {
    "province": "四川省",
    "kinds": {"aid": {"name": "{place}法援", "levels": ["prefecture", "province"]}},
    "matters": {"labour": "aid"},
    "by_matter": ["consult"],
    "services": {"notary": "aid"},
    "units": {"aid-510100": {"name": "市中心", "webhook": "https://example.org/x"}},
}
POLICIES = {
    "office": {"hours": ["09:00-17:00"], "day_ends": "18:00", "cutoff": "17:00"},
    "flag_rules": [],
    "deadlines": [
        {
            "id": "old",
            "since": date(2020, 1, 1),
            "until": date(2026, 6, 30),
            "when": {"matters": ["labour"]},
            "urgency": "normal",
            "finish": {"working_days": 9},
        },
        {"id": "rest", "since": date(2020, 1, 1), "urgency": "low", "sign": None},
    ],
    "states": {state.value: state.name for state in State},
    "urgencies": {"critical": "一", "urgent": "二", "normal": "三", "low": "四"},
    "flags": {"minor": "未成年人"},
}
PLACES = "# c\nprefecture\t510100\t成都市\ncounty\t510104\t锦江区\ntownship\t510104001\t某街道\n"


def write(folder: Path, routing: object = ROUTING, policies: object = POLICIES, places: str = PLACES) -> Path:
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing, allow_unicode=True), encoding="utf-8")
    (folder / "policies.yaml").write_text(yaml.safe_dump(policies, allow_unicode=True), encoding="utf-8")
    (folder / "places.tsv").write_text(places, encoding="utf-8")
    return folder


def test_overrides_fallback_and_effective_dates(tmp_path: Path) -> None:
    rules = RoutingRules.load(write(tmp_path), CATEGORIES)
    assert rules.webhooks == {"aid-510100": "https://example.org/x"}
    unit = rules.decide(case(), "510104").unit
    assert (unit.code, unit.name) == ("aid-510100", "市中心")  # no such unit in the county
    for days, policy in ((0, "old"), (1, "rest")):
        day = date(2026, 6, 30) + timedelta(days=days)
        assert rules.decide(case(day=day), "510104").policy == policy
    assert rules.decide(case(day=date(1999, 1, 1)), "510104").policy == "rest"


def kind(**changes: object) -> Callable[[dict[str, object]], object]:
    return lambda routing: routing["kinds"]["aid"].update(changes)  # type: ignore[index]


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda r: r["matters"].pop("labour"), "matters: labour.wages has no route"),
        (lambda r: r.pop("by_matter"), "matters: consult has no route"),
        (lambda r: r["matters"].update(labur="aid"), "matters.labur: no such category"),
        (lambda r: r["services"].update(notary="nobody"), "services.notary: no unit kind 'nobody'"),
        (lambda r: r.pop("province"), "province: the province needs a name"),
        (lambda r: r.update(extra=1), "extra: is unknown"),
        (lambda r: r.update(matters=[1]), "matters: must be a mapping with text keys"),
        (kind(levels=["town"]), "kinds.aid: levels must be some of"),
        (kind(levels=["county"]), "kinds.aid: levels must end in province"),
        (kind(levels=5), "kinds.aid: levels must be a list"),
        (kind(name="无地名"), "kinds.aid: the name needs {place}"),
        (lambda r: r["units"].update({"aid-51010": {"name": "x"}}), "units.aid-51010: a unit's code is"),
        (lambda r: r["units"].update({"aid-510104": {"webhook": "ftp://x"}}), "webhook is unknown or wrong"),
        (
            lambda r: r["units"].update({"aid-510104": {"webhook": "http://example.org/"}}),
            "webhook is unknown or wrong",
        ),
    ],
)
def test_broken_routes_are_named(
    tmp_path: Path, break_it: Callable[[dict[str, object]], object], problem: str
) -> None:
    routing = yaml.safe_load(yaml.safe_dump(ROUTING))
    break_it(routing)
    with pytest.raises(BadRoutingData) as caught:
        RoutingRules.load(write(tmp_path, routing), CATEGORIES)
    assert any(problem in item for item in caught.value.problems), caught.value.problems
    assert all(item.startswith("routing.yaml: ") for item in caught.value.problems)


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda p: p["deadlines"].pop(), "the last rule must mean everything"),
        (lambda p: p["deadlines"][0].update(urgency="now"), "urgency must be one of"),
        (lambda p: p["deadlines"][0].update(id="rest"), "needs an id of its own"),
        (lambda p: p["deadlines"][0].update(since="soon"), "since must be a date"),
        (lambda p: p["deadlines"][0].update(since=datetime(2026, 1, 1)), "since must be a date"),  # noqa: DTZ001
        (lambda p: p["deadlines"][0].update(until=date(2019, 1, 1)), "until lies before since"),
        (lambda p: p["deadlines"][0].update(finish={"weeks": 1}), "finish: must be same_day, or"),
        (lambda p: p["deadlines"][0].update(finish="tomorrow"), "finish: must be"),
        (lambda p: p["deadlines"][0].update(finish={"hours": 0}), "finish: must be same_day, or"),
        (lambda p: p["deadlines"][0].update(when={"matters": ["law"]}), "no category 'law'"),
        (lambda p: p["deadlines"][0].update(when={"flags": ["tall"]}), "flag 'tall' has no name"),
        (lambda p: p["deadlines"][0].update(when={"colour": 1}), "colour is unknown"),
        (
            lambda p: p["deadlines"][0].update(when={"at_least": {"people": "ten"}}),
            "people: must be a number",
        ),
        (lambda p: p["deadlines"].append(7), "deadlines[2]: must be a mapping"),
        (lambda p: p["states"].pop("filed"), "states: filed has no name"),
        (lambda p: p["states"].update(gone="没了"), "states: gone is unknown"),
        (lambda p: p["office"].update(hours=["17:00-09:00"]), "office: office hours must be spans in order"),
        (lambda p: p["office"].update(hours="always"), "office: "),
        (lambda p: p.pop("office"), "office: hours is missing"),
        (lambda p: p.update(flag_rules=[{"flag": "tall", "since": date(2026, 1, 1)}]), "flag 'tall'"),
        (lambda p: p.update(flag_rules={}), "flag_rules: must be a list"),
    ],
)
def test_broken_policies_are_named(
    tmp_path: Path, break_it: Callable[[dict[str, object]], object], problem: str
) -> None:
    policies = yaml.safe_load(yaml.safe_dump(POLICIES))
    break_it(policies)
    with pytest.raises(BadRoutingData) as caught:
        RoutingRules.load(write(tmp_path, policies=policies), CATEGORIES)
    assert any(problem in item for item in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("places", "problem"),
    [
        ("prefecture\t5101\t成都市\n", "places.tsv:1: a code has six digits"),
        ("prefecture\t510100\n", "places.tsv:1: needs kind, code, name"),
        ("county\t510104\t锦江区\n", "places.tsv: 510104 lies in no known prefecture"),
        (PLACES + PLACES, "places.tsv: a code stands there twice"),
    ],
)
def test_broken_places_are_named(tmp_path: Path, places: str, problem: str) -> None:
    problems = check(write(tmp_path, places=places), CATEGORIES)
    assert problem in problems


def test_missing_and_unreadable_files_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "policies.yaml").write_bytes(b"\xff")
    problems = check(tmp_path, CATEGORIES)
    for name in (
        "routing.yaml: not YAML at line 1",
        "policies.yaml: not UTF-8",
        "places.tsv: ",
        "calendar-*.tsv: ",
    ):
        assert any(item.startswith(name) for item in problems), name


@pytest.mark.parametrize("text", ["", "[]", "7", "text", "? [1]\n: 2\n", "kinds: 3\nunits: []\n"])
def test_a_file_of_the_wrong_shape_is_our_error(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    for name in ("routing.yaml", "policies.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    problems = check(tmp_path, CATEGORIES)
    for name in ("routing.yaml", "policies.yaml"):
        assert any(item.startswith(name) for item in problems)
