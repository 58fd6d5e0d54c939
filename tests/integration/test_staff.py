"""Agents of a line and their log on real databases: exact, complete after a crash, followed while it runs."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Engine

import hotline.staff as staffing
from asr.audio import LegId
from hotline.acd.model import AcdLog, Agent, LogKind, Presence, Shift
from hotline.acd.policy import read_acd_policy
from hotline.bus import InProcessBus
from hotline.call.line import utc_now
from hotline.conversation import (
    AudioFacts,
    CallId,
    CallRecord,
    EndCause,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Speaker,
)
from hotline.errors import ConfigError
from hotline.events import AcdLogged
from hotline.metrics import Metrics
from hotline.settings import AcdSettings
from hotline.staff import Staff
from hotline.stats.agent_log import queue_log, write_log
from hotline.store.acd_log import AcdLogStore
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine
from hotline.store.roster import Profile, RosterRefused, RosterStore
from hotline.store.upgrade import upgrade
from tests.fakes.acd_parts import NotingDevice, StillLeg

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

NOW = datetime(2026, 3, 2, 1, 2, 3, 456_000, tzinfo=UTC)
LI = Agent(
    "li",
    "李律师",
    frozenset({"labour", "dialect.zigong"}),
    "8001",
    "15101",
    date(2027, 5, 31),
    (Shift(frozenset({0, 1}), 540, 1050), Shift(frozenset({5}), 1320, 360)),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'staff.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'staff.sqlite3'}")
    upgrade(made)
    yield made
    made.dispose()


def line(kind: LogKind, call: str = "", agent: str = "", ms: int = 0, **facts: str | float) -> AcdLog:
    at = NOW + timedelta(milliseconds=ms)
    return AcdLog(at, kind, CallId(call) if call else None, agent or None, "legal" if call else "", facts)


def made_staff(engine: Engine, bus: InProcessBus | None = None) -> Staff:
    policy = read_acd_policy(Path(__file__).parents[2] / "ivr_flows")
    return Staff(AcdSettings(), policy, engine, bus or InProcessBus(), Metrics())


def test_a_profile_is_kept_whole_and_a_desk_phone_has_one_owner(engine: Engine) -> None:
    roster = RosterStore(engine)
    wu = Profile(Agent("wu", "Wu", frozenset()), phone_only=False)
    roster.save([Profile(LI, phone_only=True), wu], NOW)
    assert roster.all() == [Profile(LI, phone_only=True), wu]
    assert roster.get("li") == Profile(LI, phone_only=True)
    assert roster.get("nobody") is None
    with pytest.raises(RosterRefused):
        roster.save([replace(wu, agent=replace(wu.agent, phone="8001"))], NOW)
    assert roster.get("wu") == wu
    roster.save([Profile(replace(LI, skills=frozenset()))], NOW)
    assert [profile.agent.skills for profile in roster.all()] == [frozenset(), frozenset()]
    roster.save([wu], NOW, instead=True)
    assert roster.all() == [wu]
    assert roster.remove("wu")
    assert not roster.remove("wu")


def test_lines_are_exact_to_the_millisecond_and_in_order(engine: Engine) -> None:
    log = AcdLogStore(engine)
    lines = [
        line(LogKind.ENTERQUEUE, "c1", position=1, priority=0),
        line(LogKind.CONNECT, "c1", "li", 1, waited_ms=1, ring_ms=1, device="phone"),
        line(LogKind.READY, "", "wu", 2, paused_ms=1.5),
    ]
    log.add(lines)
    log.add([])
    assert log.of_call(CallId("c1")) == lines[:2]
    assert list(log.iter_between(NOW, NOW + timedelta(milliseconds=2))) == lines[:2]
    assert list(log.iter_between(NOW + timedelta(milliseconds=2), NOW + timedelta(1))) == lines[2:]


def test_many_lines_are_read_in_pages(lite: Engine) -> None:
    log = AcdLogStore(lite)
    lines = [line(LogKind.READY, "", f"a{number}", number) for number in range(2500)]
    log.add(lines)
    assert list(log.iter_between(NOW, NOW + timedelta(1))) == lines


def test_after_a_kill_what_was_open_is_closed_once(engine: Engine) -> None:
    log = AcdLogStore(engine)
    log.add(
        [
            line(LogKind.AGENTLOGIN, "", "li"),
            line(LogKind.AGENTLOGIN, "", "wu"),
            line(LogKind.AGENTLOGOFF, "", "wu"),
            line(LogKind.AGENTLOGIN, "", "chen"),
            line(LogKind.AGENTLOGOFF, "", "chen"),
            line(LogKind.AGENTLOGIN, "", "chen"),
            line(LogKind.ENTERQUEUE, "waits"),
            line(LogKind.ENTERQUEUE, "talks"),
            line(LogKind.CONNECT, "talks", "li"),
            line(LogKind.REQUEUE, "talks"),
            line(LogKind.CONNECT, "waits", "li", handed=True),
            line(LogKind.ENTERQUEUE, "left"),
            line(LogKind.ABANDON, "left"),
        ]
    )
    later = NOW + timedelta(hours=1)
    closed = log.recover(later)
    assert [(each.kind, each.agent or each.call) for each in closed] == [
        (LogKind.AGENTLOGOFF, "li"),
        (LogKind.AGENTLOGOFF, "chen"),
        (LogKind.ABANDON, "waits"),
        (LogKind.ABANDON, "talks"),
    ]
    assert all(each.at == later and each.facts == {"reason": "restart"} for each in closed)
    assert log.recover(later) == []


async def test_what_happens_is_on_the_bus_and_in_the_database(lite: Engine) -> None:
    bus = InProcessBus()
    staff = made_staff(lite, bus)
    await staff.open()
    with bus.subscribe(AcdLogged) as events, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for task in staff.tasks():
                tasks.start_soon(task)
            seat = staff.acd.sign_in(staff.agent("li", "Li"))
            device = NotingDevice()
            seat.plug(device)
            seat.ready()
            waits = staff.acd.enter(await staff.want(CallId("c1"), "anonymous", "wages"))
            assert device.ringing[0].accept(StillLeg(), device)
            assert await waits.connected() is not None
            assert staff.figures().talking == staff.figures().connected == 1
            seat.talk_over(CallId("c1"))
            await staff.close()
            tasks.cancel_scope.cancel()
        events.close()
        seen = [each.body.log async for each in events if isinstance(each.body, AcdLogged)]
    kinds = [each.kind.value for each in seen]
    assert kinds == [
        "agentlogin",
        "ready",
        "enterqueue",
        "ringagent",
        "connect",
        "wrapup",
        "agentlogoff",
    ]
    kept = list(AcdLogStore(lite).iter_between(NOW - timedelta(3650), utc_now() + timedelta(1)))
    assert kept == seen
    assert seen[2].facts == {"priority": 30, "position": 1, "reasons": "green_channel"}
    assert seat.presence is Presence.OFFLINE
    assert staff.store.recover(utc_now()) == []


async def test_the_roster_is_followed_while_the_line_runs(
    lite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staffing, "ROSTER_SECONDS", 0.02)
    staff = made_staff(lite)
    await staff.open()
    seat = staff.acd.sign_in(staff.agent("li", "Li"))
    assert seat.agent.skills == frozenset()
    RosterStore(lite).save([Profile(LI)], NOW)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(staff._follow_roster)
            while seat.agent != LI:  # noqa: ASYNC110 outside state
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    assert staff.agent("li") == LI


async def test_who_was_cut_off_comes_back_earlier(lite: Engine) -> None:
    staff, calls, now = made_staff(lite), CallStore(lite), utc_now()

    def ended(number: str, outcome: Outcome, cause: EndCause, minutes_ago: float) -> None:
        when = now - timedelta(minutes=minutes_ago)
        call = CallId(f"call-{number}-{minutes_ago}")
        leg = LegRecord(
            LegId("l"), Speaker.CALLER, number, when, when, cause, AudioFacts(), RecognitionFacts("", 0, 0, 0)
        )
        record = CallRecord(
            call=call,
            channel="phone",
            dialled="12348",
            started=when - timedelta(minutes=3),
            answered=when,
            ended=when,
            legs=(leg,),
            flow="",
            flow_path=(),
            digits="",
            consent_version=None,
            consent_at=None,
            recording=None,
            recording_sha256=None,
            recording_origin=0,
            orders=(),
            outcome=outcome,
        )
        calls.start(call, "phone", number, "12348", record.started)
        calls.save(record)

    ended("13800000001", Outcome.ABANDONED, EndCause.REMOTE_HANGUP, 5)
    ended("13800000002", Outcome.ANSWERED, EndCause.TRANSPORT, 5)
    ended("13800000003", Outcome.ANSWERED, EndCause.REMOTE_HANGUP, 5)
    ended("13800000004", Outcome.ABANDONED, EndCause.REMOTE_HANGUP, 31)
    ended("anonymous", Outcome.ABANDONED, EndCause.REMOTE_HANGUP, 5)
    found = {}
    for number in ("13800000001", "13800000002", "13800000003", "13800000004", "anonymous"):
        found[number] = (await staff.want(CallId("c"), number, "legal")).reasons
    assert found == {
        "13800000001": ("dropped_before",),
        "13800000002": ("dropped_before",),
        "13800000003": (),
        "13800000004": (),
        "anonymous": (),
    }


async def test_a_database_that_fails_costs_a_caller_only_the_priority(lite: Engine, tmp_path: Path) -> None:
    staff = made_staff(lite)
    with sqlite3.connect(tmp_path / "staff.sqlite3") as raw:
        raw.execute("DROP TABLE utterances")
        raw.execute("DROP TABLE IF EXISTS utterance_index")
        raw.execute("ALTER TABLE calls RENAME TO gone")
    raw.close()
    assert (await staff.want(CallId("c"), "13800000001", "legal")).priority == 0


def test_the_log_is_written_as_table_as_json_and_as_asterisk_writes_it(tmp_path: Path) -> None:
    lines = [
        line(LogKind.ENTERQUEUE, "c1", position=2, priority=0),
        line(LogKind.CONNECT, "c1", "li", 7, waited_ms=61_400, ring_ms=2_600, position=1),
        line(LogKind.RINGNOANSWER, "c1", "wu", ring_ms=20_000, misses=1),
        line(LogKind.ABANDON, "c2", waited_ms=5_000, position=1),
        line(LogKind.PAUSE, "", "li", reason="rest"),
    ]
    assert [queue_log(each) for each in lines] == [
        "1772413323|c1|legal|NONE|ENTERQUEUE|||2",
        "1772413323|c1|legal|li|CONNECT|61||3",
        "1772413323|c1|legal|wu|RINGNOANSWER|20000",
        "1772413323|c2|legal|NONE|ABANDON|1||5",
        "1772413323|NONE|NONE|li|PAUSE|reason=rest",
    ]
    table = BytesIO()
    assert write_log(lines, table, "csv") == 5
    rows = table.getvalue().decode("utf-8-sig").splitlines()
    assert rows[0].split(",")[1:5] == ["事件", "通话编号", "队列", "坐席"]
    assert rows[2].startswith("2026-03-02T01:02:03.463Z,CONNECT,c1,legal,li,")
    lasting = BytesIO()
    assert write_log(lines, lasting, "jsonl") == 5
    assert (
        lasting.getvalue().splitlines()[4].startswith(b'{"at": "2026-03-02T01:02:03.456Z", "kind": "pause"')
    )
    book = BytesIO()
    assert write_log(lines, book, "xlsx") == 5
    with pytest.raises(ConfigError):
        write_log(lines, BytesIO(), "pdf")
