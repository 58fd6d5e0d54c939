"""Calls of a matter on both databases, in pages and counts, one matter or all of a kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from hotline.conversation import CallId, Outcome
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine, writing
from hotline.store.sight import Sight
from hotline.store.tables import intents
from hotline.store.upgrade import upgrade
from hotline.store.views import CallFilter
from tests.integration.test_store_calls import CALL, intent, record

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
MATTERS = ("labour.wages", "labour", "labourer", "family", "labour.wages", "labour.injury")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'calls.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


def test_calls_of_a_matter(engine: Engine) -> None:
    store = CallStore(engine)
    like = {
        "matter_label": "",
        "matter_confidence": 1.0,
        "service": "s",
        "service_label": "",
        "service_confidence": 1.0,
        "matters": [],
        "slots": [],
        "evidence": [],
        "source": "speech",
        "flags": [],
        "at": START,
    }
    for number, matter in enumerate(MATTERS):
        started = START + timedelta(days=number)
        store.start(CallId(f"c{number}"), "phone", "", "", started)
        row = {"call_id": f"c{number}", "call_started": started, "matter": matter, **like}
        with writing(engine) as connection:
            connection.execute(insert(intents), [row])

    def found(matter: str, **more: object) -> list[str]:
        wanted = CallFilter(matter=matter, **more)  # type: ignore[arg-type]
        rows: list[str] = [row.call for row in store.search(wanted)]
        assert store.count(wanted) == len(rows)
        return rows

    assert found("labour") == ["c5", "c4", "c1", "c0"]
    assert found("labour.wages") == ["c4", "c0"]
    assert found("lab%") == found("LABOUR") == found("other") == []
    assert found("labour", since=(START + timedelta(days=4)).date()) == ["c5", "c4"]
    assert found("labour", outcome=Outcome.ANSWERED) == []
    assert found("labour", sight=Sight(("wang",))) == ["c5", "c4", "c1", "c0"]
    cursor = store.search(CallFilter(matter="labour", limit=2))[-1].cursor
    assert [row.call for row in store.search(CallFilter(matter="labour", cursor=cursor))] == ["c1", "c0"]
    assert store.count(CallFilter(matter="labour", cursor=cursor)) == 4
    mixed = [CallFilter(matter="labour", limit=limit) for limit in (1, 3)]
    assert [[row.call for row in store.search(each)] for each in mixed] == [["c5"], ["c5", "c4", "c1"]]


def test_a_matter_s_calls_lie_where_the_record_says_they_began(engine: Engine) -> None:
    store = CallStore(engine)
    store.start(CALL, "phone", "", "", START)
    store.save_intent(CALL, intent("labour"), START)
    store.save(record(started=START - timedelta(days=3)))
    day = (START - timedelta(days=3)).date()
    wanted = CallFilter(matter="labour", since=day, until=day + timedelta(days=1))
    assert [row.call for row in store.search(wanted)] == [CALL]
    assert store.count(wanted) == 1
