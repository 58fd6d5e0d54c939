"""Topics on both databases: what was said, in letters or by sound; share, trend and list; what grows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from asr.audio import LegId, UtteranceId
from asr.transcript import SpanMap, TranscriptEvent
from hotline.conversation import CallId, Speaker
from hotline.stats.days import day_number
from hotline.stats.figures import share
from hotline.stats.periods import By, period
from hotline.stats.statistics import Statistics
from hotline.stats.topic_matches import Within, places_of
from hotline.stats.topics import Topic, TopicRefused
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine, writing
from hotline.store.stat_tables import call_facts
from hotline.store.tables import calls
from hotline.store.upgrade import upgrade

pytestmark = pytest.mark.integration

DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WEEK = period(DAY - timedelta(days=6), DAY)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    yield made
    made.dispose()


def call(engine: Engine, name: str, text: str, ago: int = 0) -> None:
    at = AT - timedelta(days=ago)
    row = {
        "id": name, "state": "closed", "channel": "phone", "remote": "02812340001", "dialled": "12348",
        "started": at, "ended": at + timedelta(minutes=2), "flow": "12348", "outcome": "answered",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(calls.insert(), [row])
    spans = SpanMap(((0, len(text), 0, len(text)),))
    said = TranscriptEvent(
        UtteranceId(f"{name}-1"), LegId("caller"), 1, "final", text, "", text, 0, 16_000, spans=spans
    )
    CallStore(engine).add_final(CallId(name), Speaker.CALLER, said)


def facts(day: date, number: int, **more: object) -> dict[str, object]:
    row = {
        "call_id": f"{day}-{number:06}", "started": AT, "day": day_number(day), "hour": 9, "channel": "phone",
        "queue": "legal", "agent": "", "matter": "", "service": "", "place": "", "outcome": "answered",
        "fate": "answered", "test": 0, "wait_ms": 0, "talk_ms": 0, "hold_ms": 0, "wrap_ms": 0, "hands": 1,
        "asked": 0, "mark": None, "orders": 0, "known": 1, "repeated": 0,
    }  # fmt: skip
    return row | more


def test_words_count_where_they_were_said_and_the_list_is_as_long_as_the_figure(engine: Engine) -> None:
    call(engine, "a", "疫情期间用电子劳动合同有没得效")
    call(engine, "b", "网上签的合同算不算数", ago=1)
    call(engine, "c", "电子，劳动合同分开说的", ago=2)
    call(engine, "d", "我要离婚", ago=2)
    call(engine, "old", "电子劳动合同", ago=30)
    stats = Statistics(engine)
    topic = stats.topics.save(Topic("电子合同", ("电子劳动合同", "网上签", " ")), "wang", AT)
    stats.facts.refresh()
    found = stats.matches.found(topic, WEEK, By.DAY)
    assert topic.words == ("电子劳动合同", "网上签")
    assert (found.count, found.whole) == (2, 4)
    assert sum(count for _, count in found.trend) == 2
    assert stats.matches.count(topic, WEEK) == (2, 4)
    assert sorted(stats.matches.calls(topic, WEEK, "", 10)) == ["a", "b"]
    assert stats.matches.calls(topic, WEEK, "a", 1) == ["b"]
    assert found.matters
    for rows, column in ((found.matters, "matter"), (found.places, "place")):
        for code, number in rows:
            within = Within(**{column: code})
            assert stats.matches.count(topic, WEEK, within)[0] == number
            assert len(stats.matches.calls(topic, WEEK, "", 10, within)) == number
        assert stats.matches.count(topic, WEEK, Within(**{column: "none"}))[0] == 0
    everything = period(DAY - timedelta(days=60), DAY)
    assert stats.matches.count(topic, everything)[0] == 3  # what was said before the topic was thought of
    only = stats.topics.save(replace(topic, until=DAY - timedelta(days=1)), "li", AT)
    assert stats.matches.count(only, WEEK)[0] == 1
    assert stats.topics.get(only.id or 0) == replace(only, created_by="wang")
    assert stats.topics.drop(only.id or 0)
    assert not stats.topics.drop(only.id or 0)


def test_what_sounds_alike_counts_where_it_is_wanted_and_nothing_is_heard_twice(engine: Engine) -> None:
    call(engine, "a", "老板拖欠我们的公资")  # 工资, as a recogniser may write it
    call(engine, "b", "笑得了")
    stats = Statistics(engine)
    letters = stats.topics.save(Topic("工资", ("工资",)), "wang", AT)
    sound = stats.topics.save(Topic("工资（读音）", ("工资",), phonetic=True), "wang", AT)
    stats.facts.refresh()
    assert stats.topics.listen(letters, 1).total == 0
    heard = stats.topics.listen(sound, 5)
    assert heard.done == heard.total > 0
    assert stats.matches.count(letters, WEEK)[0] == 0
    assert stats.matches.calls(sound, WEEK, "", 10) == ["a"]
    call(engine, "c", "工资没得发")
    call(engine, "d", "农民供资讨不到")
    stats.facts.refresh()
    stats.topics.listen(sound, 5)
    assert stats.matches.calls(sound, WEEK, "", 10) == ["a", "c", "d"]
    other = stats.topics.save(replace(sound, words=("晓得",)), "wang", AT)  # what was heard is forgotten
    stats.topics.listen(other, 5)
    assert stats.matches.calls(other, WEEK, "", 10) == ["b"]


def test_topics_that_make_no_sense_are_refused(engine: Engine) -> None:
    store = Statistics(engine).topics
    store.save(Topic("合同", ("合同",)), "wang", AT)
    for wrong in (
        Topic("合同", ("租房",)),
        Topic(" ", ("租房",)),
        Topic("空", ("，",)),
        Topic("没有", (), id=99),
    ):
        with pytest.raises(TopicRefused):
            store.save(wrong, "wang", AT)


def test_the_share_of_a_published_report(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'share.sqlite3'}")
    upgrade(engine)
    rows = [facts(DAY, number, service="epidemic" if number < 1_546 else "") for number in range(51_927)]
    with writing(engine) as connection:
        connection.execute(call_facts.insert(), rows)
    stats = Statistics(engine)
    count, whole = stats.matches.count(Topic("疫情", (), service="epidemic"), WEEK)
    assert (count, whole, str(share(count, whole))) == (1_546, 51_927, "2.98")
    engine.dispose()


def test_a_place_and_a_matter_stand_out_against_their_own_past(engine: Engine) -> None:
    monday = DAY
    rows: list[dict[str, object]] = []
    for week in range(9):
        day = monday - timedelta(weeks=8 - week)
        usual = {("510116", "labour.wages"): 3, ("510104", "divorce"): 20, ("511502", "land"): 0}
        now = {("510116", "labour.wages"): 14, ("510104", "divorce"): 24, ("511502", "land"): 4}
        for (place, matter), number in (now if week == 8 else usual).items():
            rows += [facts(day, len(rows) + one, place=place, matter=matter) for one in range(number)]
    rows += [facts(monday, 100_000 + one, place="510000", matter="debt") for one in range(50)]
    with writing(engine) as connection:
        connection.execute(call_facts.insert(), rows)
    [spot] = Statistics(engine).hotspots(monday)
    assert (spot.place, spot.matter, spot.count, spot.usual) == ("510116", "labour.wages", 14, 3.0)
    assert spot.weeks == (3,) * 8  # four calls are too few to be told of, and a province is no place


def test_words_are_found_whatever_the_width_of_their_letters() -> None:
    assert places_of("ABC", "说了ａｂｃ和abc") == [(2, 5), (6, 9)]
    assert places_of("工资", "工资工资") == [(0, 2), (2, 4)]
    assert places_of("", "工资") == []
