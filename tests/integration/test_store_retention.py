"""What is too old is gone from rows, index and disk; the figures stay."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from asr.audio import LegId, UtteranceId
from asr.transcript import TranscriptEvent
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
    Speaker,
)
from hotline.store.audit import AuditEntry, AuditStore
from hotline.store.calls import RECORDING, CallStore
from hotline.store.engine import make_engine, reading, writing
from hotline.store.holds import HoldStore
from hotline.store.retention import ACTION, Retention, Swept
from hotline.store.retention_rules import (
    Kind,
    RetentionRules,
    Rule,
    When,
    read_retention,
    retention_problems,
)
from hotline.store.tables import calls, intents
from hotline.store.upgrade import upgrade
from hotline.store.views import CallFilter

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
WORDS = "老板拖欠工资"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'kept.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


def keep(engine: Engine, recordings: Path, name: str, age: timedelta, recording: str | None = None) -> None:
    store, call, at = CallStore(engine), CallId(name), NOW - age
    recording = recording or f"{name}.wav"
    (recordings / recording).write_bytes(b"sound")
    os.utime(recordings / recording, (at.timestamp(), at.timestamp()))
    store.start(call, "phone", "13800001234", "12348", at)
    store.add_final(
        call,
        Speaker.CALLER,
        TranscriptEvent(UtteranceId("u"), LegId("l"), 1, "final", WORDS, "", WORDS, 0, 16_000),
    )
    matter = Candidate("labour.wages", "欠薪", 1.0)
    slot = Slot("phone", "13800001234", "138 0000 1234", 1.0, ())
    store.save_intent(call, Intent(matter, matter, (matter,), (slot,), (), Source.SPEECH), at)
    leg = LegRecord(
        LegId("l"),
        Speaker.CALLER,
        "13800001234",
        at,
        at,
        EndCause.REMOTE_HANGUP,
        AudioFacts(),
        RecognitionFacts(),
    )
    store.save(
        CallRecord(
            call=call,
            channel="phone",
            dialled="12348",
            started=at,
            answered=at,
            ended=at + timedelta(seconds=60),
            legs=(leg,),
            flow="12348",
            flow_path=(),
            digits="13800001234",
            consent_version=None,
            consent_at=None,
            recording=recording,
            recording_sha256="ab" * 32,
            recording_origin=0,
            orders=(),
            outcome=Outcome.ANSWERED,
        )
    )


def test_deletes_what_is_too_old_and_nothing_else(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    keep(engine, recordings, "young", timedelta(days=29))
    retention = Retention(engine, recordings, 30)
    assert retention.sweep(NOW) == Swept(calls=1, utterances=1, recordings=1)
    assert [path.name for path in recordings.iterdir()] == ["young.wav"]
    store = CallStore(engine)
    assert store.transcript(CallId("old")) == []
    assert [row.call for row in store.search(CallFilter(text="工资"))] == ["young"]
    young = store.get(CallId("young"))
    assert young is not None
    assert young.content_deleted_at is None
    assert young.row.recorded


def test_the_figures_stay_and_the_person_goes(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    Retention(engine, recordings, 30).sweep(NOW)
    view = CallStore(engine).get(CallId("old"))
    assert view is not None
    assert (view.row.outcome, view.row.talk_seconds, view.row.matter) == (
        Outcome.ANSWERED,
        60.0,
        "labour.wages",
    )
    assert view.recording_sha256 == "ab" * 32
    assert view.content_deleted_at == NOW
    assert view.intent is not None
    assert view.intent.slots == ()
    assert "13800001234" not in repr(view)


def test_every_deletion_is_in_the_audit_log_once(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    retention = Retention(engine, recordings, 30)
    retention.sweep(NOW)
    assert retention.sweep(NOW + timedelta(hours=1)) == Swept(0, 0, 0)
    (entry,) = [each for each in AuditStore(engine).entries() if each.action != RECORDING]
    assert (entry.who, entry.action, entry.subject, entry.at) == ("system", "retention.delete", "old", NOW)


def test_finishes_what_a_crash_cut_short(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    (recordings / "old.wav").unlink()
    assert Retention(engine, recordings, 30).sweep(NOW) == Swept(calls=1, utterances=1, recordings=0)


def test_deletes_old_audio_that_no_call_names(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "young", timedelta(days=29))
    for name, age in (("stray.wav", 31), ("fresh.wav", 1)):
        (recordings / name).write_bytes(b"sound")
        at = (NOW - timedelta(days=age)).timestamp()
        os.utime(recordings / name, (at, at))
    os.utime(recordings / "young.wav", (0, 0))
    assert Retention(engine, recordings, 30).sweep(NOW) == Swept(0, 0, recordings=1)
    assert sorted(path.name for path in recordings.iterdir()) == ["fresh.wav", "young.wav"]


def test_never_deletes_outside_the_recordings(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31), recording="../outside.wav")
    Retention(engine, recordings, 30).sweep(NOW)
    assert (recordings.parent / "outside.wav").exists()


def test_an_open_call_is_left_alone(engine: Engine, recordings: Path) -> None:
    CallStore(engine).start(CallId("open"), "phone", "1", "12348", NOW - timedelta(days=40))
    assert Retention(engine, recordings, 30).sweep(NOW) == Swept(0, 0, 0)


def test_deleted_words_are_not_left_in_the_files(tmp_path: Path, recordings: Path) -> None:
    file = tmp_path / "bare.sqlite3"
    engine = make_engine(f"sqlite:///{file}")
    upgrade(engine)
    keep(engine, recordings, "old", timedelta(days=31))

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("bare.sqlite3*"))

    assert WORDS.encode() in on_disk()
    Retention(engine, recordings, 30).sweep(NOW)
    left = on_disk()
    assert WORDS.encode() not in left
    assert "拖欠".encode() not in left
    assert b"13800001234" not in left
    engine.dispose()


RULES = RetentionRules(
    (
        Rule(id="complaint", name="c", when=When(complaint=True), days=100),
        Rule(id="grave", name="g", when=When(flags=("crisis",)), days=10),
        Rule(id="all", name="a"),
    ),
    30,
)


def test_every_kind_of_call_has_its_own_time(engine: Engine, recordings: Path) -> None:
    for call, flags in (("plain", ()), ("grave", ("crisis",)), ("complaint", ("crisis",))):
        keep(engine, recordings, call, timedelta(days=20))
        with writing(engine) as connection:
            connection.execute(update(intents).where(intents.c.call_id == call).values(flags=list(flags)))
    with writing(engine) as connection:
        connection.execute(text(COMPLAINT), {"call": "complaint"})
    retention = Retention(engine, recordings, RULES)
    assert retention.sweep(NOW).calls == 1
    assert gone(engine) == {"grave"}
    assert retention.sweep(NOW + timedelta(days=11)).calls == 1
    assert gone(engine) == {"grave", "plain"}
    assert retention.sweep(NOW + timedelta(days=81)).calls == 1
    rules = {each.subject: json.loads(each.detail)["rule"] for each in certificates(engine)}
    assert rules == {"grave": "grave", "plain": "all", "complaint": "complaint"}


def test_a_held_call_is_kept_until_it_is_let_go(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    holds = HoldStore(engine)
    assert holds.place(CallId("old"), "wang", "an inquiry", NOW)
    assert not holds.place(CallId("old"), "li", "twice", NOW)
    retention = Retention(engine, recordings, 30)
    assert retention.sweep(NOW) == Swept(0, 0, 0)
    assert [(each.call, each.who) for each in holds.all()] == [("old", "wang")]
    assert holds.release(CallId("old"), "wang", NOW)
    assert not holds.release(CallId("old"), "wang", NOW)
    assert retention.sweep(NOW).calls == 1


def test_a_certificate_keeps_the_hashes_of_what_is_gone(engine: Engine, recordings: Path) -> None:
    keep(engine, recordings, "old", timedelta(days=31))
    said = CallStore(engine).transcript(CallId("old"))
    Retention(engine, recordings, 30).sweep(NOW)
    (certificate,) = certificates(engine)
    whole = "".join(f"{each.text}\n" for each in said).encode()
    assert json.loads(certificate.detail) == {
        "utterances": len(said),
        "transcript_sha256": hashlib.sha256(whole).hexdigest(),
        "rule": "",
        "days": 30,
        "recording": "old.wav",
        "sha256": "ab" * 32,
    }
    assert not any(each.text in certificate.detail for each in said)


def test_many_pages_are_gone_through_whatever_is_kept(
    engine: Engine, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotline.store.retention.BATCH", 2)
    for number in range(5):
        keep(engine, recordings, f"c{number}", timedelta(days=40 - number))
    HoldStore(engine).place(CallId("c1"), "wang", "kept", NOW)
    assert Retention(engine, recordings, RULES).sweep(NOW).calls == 4
    assert gone(engine) == {"c0", "c2", "c3", "c4"}


def test_the_shipped_rules_are_sound_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    flows = Path(__file__).parents[2] / "ivr_flows"
    assert retention_problems(flows) == []
    assert read_retention(flows, 730).of(Kind(complaint=True)) == ("complaint", 1095)
    assert read_retention(flows, 730).of(Kind()) == ("ordinary", 730)
    assert read_retention(tmp_path, 9).of(Kind()) == ("", 9)
    for wrong in ("rules: [{id: a}]", "rules: [{id: a, name: b, when: {flags: [x]}}]", "rule: []"):
        (tmp_path / "retention.yaml").write_text(wrong)
        assert len(retention_problems(tmp_path)) >= 1, wrong


COMPLAINT = (
    "INSERT INTO work_orders (number, call_id, matter_no, matter, matter_label, service, service_label,"
    " district, summary, caller_contact, source, flags, urgency, unit, unit_name, state, filed_at,"
    " provisional, policy, version, search_text, kind) VALUES ('n', :call, 1, 'm', 'm', 's', 's', '510000',"
    " 's', '', 'speech', '[]', 'normal', 'u', 'u', 'filed', '2026-03-02 04:00:00', false, 'p', 1, '',"
    " 'complaint')"
)


def certificates(engine: Engine) -> list[AuditEntry]:
    return [each for each in AuditStore(engine).entries() if each.action == ACTION]


def gone(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.scalars(select(calls.c.id).where(calls.c.content_deleted_at.is_not(None))))
