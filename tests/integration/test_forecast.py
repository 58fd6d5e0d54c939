"""What to expect of a day: like days, arrivals by quarters of an hour, on both databases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from hotline.stats.days import day_number
from hotline.stats.forecast import USUAL_HANDLED_S, DayKind, Wish, forecast, kind_of, like_days
from hotline.stats.past_calls import Past, past_calls
from hotline.store.engine import make_engine, writing
from hotline.store.stat_tables import call_facts
from hotline.store.upgrade import upgrade
from tests.fakes.orders import shipped_rules

pytestmark = pytest.mark.integration

MONDAY = date(2026, 11, 23)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    yield made
    made.dispose()


def fact(day: date, minute: int, number: int, **more: object) -> dict[str, object]:
    at = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=8) + timedelta(minutes=minute)
    row = {
        "call_id": f"{day}-{minute}-{number}", "started": at, "day": day_number(day), "hour": minute // 60,
        "channel": "phone", "queue": "legal", "agent": "a", "matter": "", "service": "", "place": "",
        "outcome": "answered", "fate": "answered", "test": 0, "wait_ms": 6_000, "talk_ms": 270_000,
        "hold_ms": 0, "wrap_ms": 30_000, "hands": 1, "asked": 0, "mark": None, "orders": 0, "known": 1,
        "repeated": 0,
    }  # fmt: skip
    return row | more


def test_a_quarter_of_an_hour_is_the_mean_of_like_days(engine: Engine) -> None:
    before, earlier = MONDAY - timedelta(days=7), MONDAY - timedelta(days=14)
    never = MONDAY - timedelta(days=21)
    rows = [fact(before, 9 * 60 + 16, number) for number in range(30)]
    rows += [fact(earlier, 9 * 60 + 29, number) for number in range(20)]
    rows += [fact(before, 9 * 60 + 30, 0, queue="")]  # never asked for a person
    rows += [fact(before, 10 * 60, number, fate="abandoned", wait_ms=40_000) for number in range(20)]
    with writing(engine) as connection:
        connection.execute(call_facts.insert(), rows)
    found = forecast(engine, MONDAY, (before, earlier, never), DayKind.WORKDAY, Wish())
    assert found.days == (before, earlier)  # the line was not there before that
    nine = found.quarters[37]
    assert (nine.expected, nine.spread) == (25, 5)
    assert found.quarters[38].expected == 0
    assert found.quarters[40].expected == 10
    assert found.calls == 70
    assert found.handling.handled_s == pytest.approx(300)
    assert found.handling.patience_s == pytest.approx((50 * 6 + 20 * 40) / 20)
    assert [quarter.calls for quarter in found.quarters if quarter.calls] == [50, 20]
    for quarter in found.quarters:
        behind = past_calls(engine, Past(found.days, quarter=quarter.number), limit=500)
        assert behind.count == len(behind.rows) == quarter.calls
    for of, count in found.handling.counts.items():
        assert past_calls(engine, Past(found.days, of)).count == count
    assert not found.handling.usual_patience
    assert nine.waiting is not None
    assert nine.waiting.level >= 0.8
    assert nine.rostered > nine.agents
    nothing = forecast(engine, MONDAY, (), DayKind.WORKDAY, Wish())
    assert nothing.handling.handled_s == USUAL_HANDLED_S
    assert {each.agents for each in nothing.quarters} == {0}


def test_like_days_are_those_with_the_same_kind_of_work() -> None:
    _, calendar = shipped_rules()
    assert like_days(MONDAY, 3, calendar, MONDAY) == tuple(
        MONDAY - timedelta(days=back) for back in (7, 14, 21)
    )
    makeup = date(2026, 10, 10)  # a Saturday that is worked
    assert kind_of(makeup, calendar) is DayKind.WORKDAY
    assert date(2026, 10, 5) not in like_days(date(2026, 10, 12), 2, calendar, MONDAY)  # a holiday's Monday
    assert kind_of(date(2026, 10, 5), calendar) is DayKind.HOLIDAY
    assert like_days(MONDAY + timedelta(days=14), 2, calendar, MONDAY) == ()  # what has not been yet
