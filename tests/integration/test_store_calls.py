"""Calls in the database: written as they happen, closed whatever happens, found by what was said."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from asr.audio import LegId, UtteranceId
from asr.transcript import SpanMap, TranscriptEvent, Word
from hotline.conversation import (
    AudioFacts,
    CallId,
    CallRecord,
    Candidate,
    EndCause,
    Intent,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Slot,
    Source,
    Span,
    Speaker,
)
from hotline.errors import StoreError
from hotline.store.calls import CallStore
from hotline.store.engine import RowRefused, make_engine
from hotline.store.upgrade import upgrade
from hotline.store.views import CallFilter
from workorders.tables import work_orders

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
CALL = CallId("call-1")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'calls.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> CallStore:
    return CallStore(engine)


def final(words: str, number: int = 1, raw: str | None = None) -> TranscriptEvent:
    return TranscriptEvent(
        utterance=UtteranceId(f"u{number}"),
        leg=LegId("leg-1"),
        seq=number,
        kind="final",
        stable=words,
        tail="",
        raw=words if raw is None else raw,
        start=number * 16_000,
        end=(number + 1) * 16_000,
        words=(Word("老板", 16_000, 20_000, 0.5), Word("钱", 20_000, 22_000)),
        spans=SpanMap(((0, 2, 0, 3),)),
        confidence=0.75,
        engine="whisper-base",
        degraded=True,
        rewrote_stable=True,
        gap=320,
    )


def intent(matter: str = "labour.wages") -> Intent:
    span = Span(UtteranceId("u1"), 0, 2, "工资")
    matters = (Candidate(matter, "欠薪", 0.9), Candidate("family", "婚姻家庭", 0.1))
    slot = Slot("amount", "15000", "一万五千元", 0.8, (span,))
    service = Candidate("aid", "法律援助", 0.6)
    return Intent(matters[0], service, matters, (slot,), (span,), Source.SPEECH, ("green_channel",))


def record(
    call: CallId = CALL, started: datetime = START, outcome: Outcome = Outcome.ORDER_FILED
) -> CallRecord:
    leg = LegRecord(
        leg=LegId("leg-1"),
        speaker=Speaker.CALLER,
        remote="13800001234",
        started=started,
        ended=started + timedelta(seconds=90),
        cause=EndCause.REMOTE_HANGUP,
        audio=AudioFacts(4500, 3, 2, 1, 60, "PCMA"),
        recognition=RecognitionFacts("whisper-base", 7, 1, 20),
    )
    return CallRecord(
        call=call,
        channel="phone",
        dialled="12348",
        started=started,
        answered=started + timedelta(seconds=2),
        ended=started + timedelta(seconds=90),
        legs=(leg,),
        flow="12348",
        flow_path=("greeting", "notice", "message"),
        digits="10",
        consent_version="2026-01",
        consent_at=started + timedelta(seconds=9),
        recording="2026/03/01/call-1.wav",
        recording_sha256="ab" * 32,
        recording_origin=144_000,
        orders=("SC-20260301-510104-00001-7",),
        outcome=outcome,
        detail="",
    )


def start(store: CallStore, call: CallId = CALL, at: datetime = START) -> None:
    store.start(call, "phone", "13800001234", "12348", at)


def test_gives_back_what_it_was_given(store: CallStore) -> None:
    start(store)
    store.save_intent(CALL, intent(), START)
    store.save(record())
    view = store.get(CALL)
    assert view is not None
    expected = record()
    assert view.legs == expected.legs
    assert view.intent == intent()
    assert (view.flow, view.flow_path, view.digits) == ("12348", expected.flow_path, "10")
    assert (view.consent_version, view.consent_at) == ("2026-01", expected.consent_at)
    assert (view.recording, view.recording_sha256) == (expected.recording, expected.recording_sha256)
    assert view.recording_origin == 144_000
    row = view.row
    assert (row.remote, row.dialled, row.channel, row.open) == ("13800001234", "12348", "phone", False)
    assert (row.started, row.answered, row.ended) == (expected.started, expected.answered, expected.ended)
    assert (row.outcome, row.orders, row.talk_seconds) == (Outcome.ORDER_FILED, expected.orders, 88.0)
    assert (row.matter, row.matter_label, row.flags) == ("labour.wages", "欠薪", ("green_channel",))


def test_a_call_is_on_record_from_its_start(store: CallStore) -> None:
    start(store)
    (row,) = store.search(CallFilter())
    assert (row.call, row.open, row.outcome, row.ended, row.talk_seconds) == (CALL, True, None, None, None)


def test_unknown_calls_are_none(store: CallStore) -> None:
    assert store.get(CallId("nobody\x00")) is None
    assert store.transcript(CallId("nobody")) == []


def test_writing_twice_changes_nothing(store: CallStore) -> None:
    for _ in range(2):
        start(store)
        store.add_final(CALL, Speaker.CALLER, final("老板拖欠工资"))
        store.add_finals([(CALL, Speaker.CALLER, final("别的", 1)), (CALL, Speaker.AGENT, final("您好", 2))])
        store.consent(CALL, "2026-01", START)
        store.save(record())
    assert [line.text for line in store.transcript(CALL)] == ["老板拖欠工资", "您好"]
    assert store.count(CallFilter()) == 1


def test_transcript_keeps_every_detail(store: CallStore) -> None:
    start(store)
    event = final("老板欠我工钱", raw="老板儿欠我工钱")
    store.add_final(CALL, Speaker.CALLER, event)
    (line,) = store.transcript(CALL)
    assert (line.text, line.raw, line.spans, line.words) == (event.text, event.raw, event.spans, event.words)
    assert (line.utterance, line.leg, line.seq, line.speaker) == ("u1", "leg-1", 1, Speaker.CALLER)
    assert (line.start, line.end, line.gap, line.confidence) == (16_000, 32_000, 320, 0.75)
    assert (line.engine, line.degraded, line.rewrote_stable) == ("whisper-base", True, True)


def test_transcript_is_in_order_of_speaking(store: CallStore) -> None:
    start(store)
    store.add_finals([(CALL, Speaker.CALLER, final(str(n), n)) for n in (3, 1, 2)])
    assert [line.seq for line in store.transcript(CALL)] == [1, 2, 3]


def test_partials_are_refused(store: CallStore) -> None:
    start(store)
    with pytest.raises(ValueError):
        store.add_final(CALL, Speaker.CALLER, replace(final("工资"), kind="partial"))
    store.add_finals([])


def test_a_final_without_its_call_is_refused_for_good(store: CallStore) -> None:
    with pytest.raises(RowRefused) as refused:
        store.add_final(CallId("nobody"), Speaker.CALLER, final("我的身份证号码"))
    assert not refused.value.retryable
    assert "身份证" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_latest_intent_wins(store: CallStore) -> None:
    start(store)
    later = START + timedelta(seconds=10)
    store.save_intent(CALL, intent("labour.injury"), later)
    store.save_intent(CALL, intent("labour.wages"), START)
    view = store.get(CALL)
    assert view is not None
    assert view.intent is not None
    assert view.intent.matter.code == "labour.injury"
    store.save_intent(CALL, intent("family"), later + timedelta(seconds=1))
    assert store.search(CallFilter())[0].matter == "family"


def test_a_call_that_never_started_is_saved_all_the_same(store: CallStore) -> None:
    store.save(record())
    assert store.search(CallFilter())[0].remote == "13800001234"


def test_hostile_addresses_do_not_cost_the_record(store: CallStore) -> None:
    store.start(CALL, "phone", "sip:\x00\udcff" + "9" * 5_000, "\x00", START)
    bad = replace(record().legs[0], remote="\x00\ud800")
    store.save(replace(record(), legs=(bad,), dialled="\x00"))
    assert store.count(CallFilter()) == 1


def test_calls_left_open_by_a_dead_process_are_closed_once(store: CallStore) -> None:
    start(store)
    store.add_final(CALL, Speaker.CALLER, final("工资", 4))
    store.save(record(CallId("whole")))
    assert store.recover(START + timedelta(hours=9)) == [CALL]
    row = next(row for row in store.search(CallFilter()) if row.call == CALL)
    assert (row.outcome, row.detail, row.open) == (Outcome.ERROR, "server_died", False)
    assert row.ended == START + timedelta(seconds=5), "the last thing heard, not the restart"
    assert store.recover(START + timedelta(hours=10)) == []


def test_recovery_finds_the_orders_filed_before_the_end(store: CallStore, engine: Engine) -> None:
    start(store)
    order = {
        "number": "SC-1", "call_id": CALL, "matter_no": 1, "matter": "m", "matter_label": "m", "service": "s",
        "service_label": "s", "district": "510000", "summary": "", "caller_contact": "", "source": "speech",
        "flags": [], "urgency": "normal", "unit": "u", "unit_name": "u", "state": "filed", "filed_at": START,
        "provisional": False, "policy": "p", "version": 1, "search_text": "",
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(work_orders.insert().values(order))
    store.recover(START + timedelta(hours=1))
    assert store.search(CallFilter())[0].orders == ("SC-1",)


def test_recovery_never_ends_a_call_in_the_future(store: CallStore) -> None:
    start(store)
    store.add_final(CALL, Speaker.CALLER, final("工资", 40))
    now = START + timedelta(seconds=3)
    store.recover(now)
    assert store.search(CallFilter())[0].ended == now


@pytest.mark.parametrize("words", ["工资", "离婚", "离", "拖欠工资", "拖欠 离婚", "３个月", "OK", "工地"])
def test_finds_what_was_said(store: CallStore, words: str) -> None:
    start(store)
    store.add_finals(
        [
            (CALL, Speaker.CALLER, final("老板拖欠工资3个月，ok", 1, raw="老板在工地欠钱")),
            (CALL, Speaker.CALLER, final("我还想离婚", 2)),
        ]
    )
    assert [row.call for row in store.search(CallFilter(text=words))] == [CALL]
    assert store.count(CallFilter(text=words)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "工伤",
        "资离",
        "离婚 借条",
        '工资" OR "借条',
        "工资*借",
        "'; DROP TABLE calls; --借",
        "NEAR(工资 借条)",
        "借:*",
    ],
)
def test_finds_nothing_else_and_runs_nothing(store: CallStore, words: str) -> None:
    start(store)
    store.add_final(CALL, Speaker.CALLER, final("老板拖欠工资，离婚"))
    assert store.search(CallFilter(text=words)) == []
    assert store.count(CallFilter()) == 1


@pytest.mark.parametrize("words", ['"', "\x00", "\ud800", "%", "_", "*", "()", "' OR '1'='1", "\\"])
def test_signs_alone_are_no_condition_and_no_error(store: CallStore, words: str) -> None:
    start(store)
    assert store.count(CallFilter(text=words)) in {0, 1}


def test_search_uses_its_index(store: CallStore, engine: Engine) -> None:
    start(store)
    explain = {
        "sqlite": "EXPLAIN QUERY PLAN SELECT rowid FROM utterance_index WHERE utterance_index MATCH '工资'",
        "postgresql": "EXPLAIN SELECT id FROM utterances "
        "WHERE to_tsvector('simple', search) @@ phraseto_tsquery('simple', '工资')",
    }[engine.dialect.name]
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
        plan = str(connection.execute(text(explain)).all())
    assert "VIRTUAL TABLE INDEX" in plan or "ix_utterances_search" in plan


def test_days_are_those_of_shanghai_and_windows_half_open(store: CallStore) -> None:
    midnight = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)  # 1 March, 00:00 in Shanghai
    moments = {
        "before": midnight - timedelta(microseconds=1),
        "first": midnight,
        "last": midnight + timedelta(days=1, microseconds=-1),
        "after": midnight + timedelta(days=1),
    }
    for name, moment in moments.items():
        start(store, CallId(name), moment)
    day = CallFilter(since=date(2026, 3, 1), until=date(2026, 3, 2))
    assert [row.call for row in store.search(day)] == ["last", "first"]
    assert store.count(day) == 2
    exported = store.iter_export(moments["first"], moments["after"])
    assert [row.call for row in exported] == ["first", "last"]


def test_filters_by_outcome_and_matter(store: CallStore) -> None:
    for name, matter in (("a", "labour.wages"), ("b", "labour"), ("c", "labourer"), ("d", "family")):
        outcome = Outcome.ABANDONED if name == "a" else Outcome.ANSWERED
        store.save(record(CallId(name), outcome=outcome))
        store.save_intent(CallId(name), intent(matter), START)

    def names(**wanted: object) -> list[str]:
        return sorted(row.call for row in store.search(CallFilter(**wanted)))  # type: ignore[arg-type]

    assert names(outcome=Outcome.ABANDONED) == ["a"]
    assert names(matter="labour") == ["a", "b"]
    assert names(matter="labour.wages") == ["a"]
    assert (names(matter="lab%"), names(outcome=Outcome.ABANDONED, matter="labour")) == ([], ["a"])


def test_pages_follow_each_other_without_gap_or_double(store: CallStore) -> None:
    for number in range(23):  # many start in the same moment
        start(store, CallId(f"c{number:02}"), START + timedelta(seconds=number // 5))
    seen: list[str] = []
    cursor = ""
    while page := store.search(CallFilter(limit=4, cursor=cursor)):
        assert len(page) <= 4
        seen += [row.call for row in page]
        cursor = page[-1].cursor
    assert len(seen) == len(set(seen)) == 23
    assert seen == [row.call for row in store.search(CallFilter(limit=100))]


@pytest.mark.parametrize("cursor", ["nonsense", "!!!", "AAAA", "ZGF5IG9uZQ==", "é"])
def test_a_foreign_cursor_begins_at_the_beginning(store: CallStore, cursor: str) -> None:
    start(store)
    assert len(store.search(CallFilter(cursor=cursor))) == 1


def test_an_export_lets_others_write(store: CallStore) -> None:
    for number in range(3):
        start(store, CallId(f"c{number}"), START)
    rows = store.iter_export(START, START + timedelta(days=1))
    next(rows)
    start(store, CallId("late"), START)
    assert len(list(rows)) == 2, "as it was when the reading began"
    assert store.count(CallFilter()) == 4


def test_writers_wait_for_each_other(store: CallStore) -> None:
    start(store)
    problems: list[Exception] = []

    def write(number: int) -> None:
        try:
            for line in range(10):
                store.add_final(CALL, Speaker.CALLER, final("工资", number * 100 + line))
        except StoreError as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.transcript(CALL)) == 60


def test_earlier_calls_are_those_of_the_same_number(store: CallStore) -> None:
    said = {
        "old": ("13800001234", -91), "before": ("13800001234", -2), "other": ("13800009999", -1),
        "now": ("13800001234", 0), "later": ("13800001234", 1), "web": ("web:127.0.0.1", 0),
        "web2": ("web:127.0.0.1", 1),
    }  # fmt: skip
    for name, (remote, days) in said.items():
        store.start(CallId(name), "phone", remote, "12348", START + timedelta(days=days))
    assert [row.call for row in store.earlier(CallId("now"))] == ["before"]
    assert [row.call for row in store.earlier(CallId("later"))] == ["now", "before"]
    assert store.earlier(CallId("web2")) == store.earlier(CallId("?")) == []  # an address tells nobody apart
