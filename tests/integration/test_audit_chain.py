"""The audit chain on both databases: sealed once and in order, and every way to tamper with it is named."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from hotline.audit.chain import GENESIS
from hotline.audit.export import lines
from hotline.audit.report import Report
from hotline.audit.roots import KeyUnusable, Signer, make_key, read_key, read_public, read_roots
from hotline.audit.sealer import GAP_SECONDS, Sealer
from hotline.audit.verify import Wanted, verify
from hotline.conversation import CallId
from hotline.store.audit import AuditStore
from hotline.store.calls import RECORDING, CallStore
from hotline.store.engine import make_engine, writing
from hotline.store.retention import Retention
from hotline.store.upgrade import upgrade
from tests.fakes.web_line import record

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ORDER = (
    "INSERT INTO work_orders (id, number, call_id, matter_no, matter, matter_label, service, service_label,"
    " district, summary, caller_contact, source, flags, urgency, unit, unit_name, state, filed_at,"
    " provisional, policy, version, search_text)"
    " VALUES (1, 'n', 'c', 1, 'm', 'm', 's', 's', '510000', 's', '', 'speech', '[]',"
    " 'normal', 'u', 'u', 'filed', '2026-03-02 04:00:00', false, 'p', 1, '')"
)
STEP = (
    "INSERT INTO order_history (order_id, at, actor, action, to_state, human_value)"
    " VALUES (1, '2026-03-02 04:00:00.5', 'system', 'urge', 'filed', :text)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'audit.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    with writing(made) as connection:
        connection.execute(text(ORDER))
    yield made
    made.dispose()


def history(engine: Engine, *texts: str) -> None:
    with writing(engine) as connection:
        for each in texts:
            connection.execute(text(STEP), {"text": each})


def audited(engine: Engine, count: int) -> None:
    for number in range(count):
        AuditStore(engine).record("wang", "call.unmask", f"c{number}", NOW, "为了回访")


def sealer(engine: Engine, clock: Callable[[], float] = lambda: 0.0) -> Sealer:
    return Sealer(engine, lambda: NOW, clock)


def sealed(engine: Engine) -> None:
    """Five rows of each table in the chain."""
    audited(engine, 5)
    history(engine, "a", "b", "c", "d", "e")
    assert sealer(engine).seal_all() == 10


def unlock(connection: Connection, table: str) -> None:
    """What whoever owns the database can do: take the triggers away."""
    if connection.dialect.name == "postgresql":
        name = "audit_append_only" if table == "audit" else f"{table}_append_only"
        connection.execute(text(f"DROP TRIGGER {name} ON {table}"))
        return
    for what in ("update", "delete"):
        connection.execute(text(f"DROP TRIGGER {table}_no_{what}"))


def tamper(engine: Engine, table: str, *statements: str) -> None:
    with writing(engine) as connection:
        unlock(connection, table)
        for statement in statements:
            connection.execute(text(statement))


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(each.kind, each.source, each.row) for each in report.broken]


def looked(engine: Engine) -> list[tuple[str, str, str]]:
    return found(verify(engine, Wanted()))


def test_an_untouched_chain_is_whole_and_says_what_waits(engine: Engine) -> None:
    sealed(engine)
    audited(engine, 2)
    report = verify(engine, Wanted())
    assert (report.sound, report.first, report.last) == (True, 1, 10)
    assert report.state is not None
    assert (report.state.waiting, report.state.oldest) == (2, NOW)
    sealer(engine).seal_all()
    assert verify(engine, Wanted()).last == 12


def test_without_its_locks_nothing_in_the_chain_can_be_altered(engine: Engine) -> None:
    sealed(engine)
    for table in ("order_history", "audit_chain", "audit"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {STEADY[table]}"):
            with pytest.raises(Exception, match="rule"), writing(engine) as connection:
                connection.execute(text(statement))


STEADY = {"order_history": "actor = 'x'", "audit_chain": "hash = 'x'", "audit": "who = 'x'"}

SWAP = (
    "UPDATE order_history SET id = -1 WHERE id = 2",
    "UPDATE order_history SET id = 2 WHERE id = 4",
    "UPDATE order_history SET id = 4 WHERE id = -1",
)
PUT_IN = (
    "INSERT INTO audit (id, at, who, action, subject, detail)"
    " SELECT 0, at, who, action, subject, detail FROM audit WHERE id = 1"
)
TAMPERED = {
    "a changed character": (
        "order_history",
        ("UPDATE order_history SET human_value = 'C' WHERE id = 3",),
        [("changed", "order_history", "3")],
    ),
    "a changed instant": (
        "audit",
        ("UPDATE audit SET at = '2026-03-02 04:00:00.000001' WHERE id = 2",),
        [("changed", "audit", "2")],
    ),
    "a changed person": (
        "audit",
        ("UPDATE audit SET who = 'li' WHERE id = 5",),
        [("changed", "audit", "5")],
    ),
    "a deleted row": (
        "order_history",
        ("DELETE FROM order_history WHERE id = 2",),
        [("deleted", "order_history", "2")],
    ),
    "the last row deleted": (
        "audit",
        ("DELETE FROM audit WHERE id = 5",),
        [("deleted", "audit", "5")],
    ),
    "reordered rows": (
        "order_history",
        SWAP,
        [("reordered", "order_history", "2"), ("reordered", "order_history", "4")],
    ),
    "a row put in before": (
        "audit",
        (PUT_IN,),
        [("inserted", "audit", "0")],
    ),
    "an altered entry": (
        "audit_chain",
        ("UPDATE audit_chain SET digest = hash WHERE seq = 4",),
        [("entry_changed", "chain", "4"), ("changed", "audit", "4")],
    ),
    "an entry that is gone, and its row": (
        "audit_chain",
        ("DELETE FROM audit_chain WHERE seq = 7",),
        [("entry_missing", "chain", "7"), ("inserted", "order_history", "2")],
    ),
    "the first entry gone": (
        "audit_chain",
        ("DELETE FROM audit_chain WHERE seq = 1",),
        [("entry_missing", "chain", "1"), ("inserted", "audit", "1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_named(engine: Engine, how: str) -> None:
    table, statements, expected = TAMPERED[how]
    sealed(engine)
    assert looked(engine) == []
    tamper(engine, table, *statements)
    there = looked(engine)
    # on SQLite, where ids have no gaps, a missing entry also leaves a row that nothing vouches for
    assert [each for each in there if each in expected] == expected
    assert {each[0] for each in there} <= {each[0] for each in expected} | {"deleted"}
    assert there[0] == expected[0], "the first broken row comes first"


def test_an_order_that_was_put_into_another_state_is_named(engine: Engine) -> None:
    sealed(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE work_orders SET state = 'archived'"))
    report = verify(engine, Wanted())
    assert found(report) == [("state_changed", "work_orders", "n")]
    assert report.broken[0].detail == "filed > archived"


def test_a_row_deleted_before_it_was_sealed_leaves_a_gap_on_sqlite(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("ids of PostgreSQL have gaps of their own")
    sealed(engine)
    history(engine, "f", "g")
    tamper(engine, "order_history", "DELETE FROM order_history WHERE id = 6")
    sealer(engine).seal_all()
    assert looked(engine) == [("deleted", "order_history", "6")]


def test_many_sealers_make_one_chain(engine: Engine) -> None:
    """Writers and sealers at once: every row has exactly one entry, and there is no fork."""

    def write(number: int) -> None:
        for step in range(10):
            AuditStore(engine).record("wang", "x", f"{number}-{step}", NOW)

    def seal(_number: int) -> None:
        for _ in range(10):
            sealer(engine).seal()

    jobs = [(write, number) for number in range(4)] + [(seal, number) for number in range(3)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda job: job[0](job[1]), jobs))
    late = [0.0]
    last = sealer(engine, lambda: late[0])
    for _ in range(4):
        last.seal_all()
        late[0] += GAP_SECONDS
    report = verify(engine, Wanted())
    assert (report.sound, report.last) == (True, 40)
    assert report.state is not None
    assert report.state.waiting == 0


def test_a_slow_transaction_is_waited_for_and_a_rolled_back_one_passed(engine: Engine) -> None:
    """On PostgreSQL an id may be committed after a higher one: it is sealed too, and is no tampering."""
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer")
    late = [0.0]
    following = sealer(engine, lambda: late[0])
    history(engine, "a")
    slow = engine.connect()
    slow.begin()
    slow.execute(text(STEP), {"text": "slow"})
    history(engine, "c")
    assert following.seal_all() == 1
    late[0] = GAP_SECONDS  # the gap is old, but who made it still writes: it cannot be settled yet
    with pytest.raises(Exception, match="locked"):
        following.seal()
    slow.commit()
    slow.close()
    assert following.seal_all() == 2
    gone = engine.connect()
    gone.begin()
    gone.execute(text(STEP), {"text": "gone"})
    history(engine, "e")
    gone.rollback()
    gone.close()
    assert following.seal_all() == 0
    late[0] += GAP_SECONDS
    following.seal()
    assert following.seal_all() == 1
    assert verify(engine, Wanted()).sound


def test_recordings_are_sealed_once_at_close_and_looked_at(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    store = CallStore(engine, lambda: NOW)
    for call in ("c1", "c2", "c3"):
        (folder / f"{call}.wav").write_bytes(call.encode() * 100)
        sha256 = hashlib.sha256((folder / f"{call}.wav").read_bytes()).hexdigest()
        kept = replace(record(CallId(call), NOW - timedelta(days=10), None), recording_sha256=sha256)
        store.save(kept)
        store.save(kept)
    assert [entry.action for entry in AuditStore(engine).entries()] == [RECORDING] * 3
    sealer(engine).seal_all()
    whole = verify(engine, Wanted(tapes=folder))
    assert (whole.sound, whole.recordings) == (True, 3)
    (folder / "c1.wav").write_bytes(b"x" + (folder / "c1.wav").read_bytes()[1:])
    (folder / "c2.wav").unlink()
    assert found(verify(engine, Wanted(tapes=folder))) == [
        ("recording_changed", "recording", "c1"),
        ("recording_missing", "recording", "c2"),
    ]
    assert verify(engine, Wanted()).sound
    Retention(engine, folder, 5).sweep(NOW)
    sealer(engine).seal_all()
    swept = verify(engine, Wanted(tapes=folder))
    assert (swept.sound, swept.deleted_recordings) == (True, 3)


def test_signed_roots_show_that_a_chain_was_made_anew(engine: Engine, tmp_path: Path) -> None:
    key, folder = tmp_path / "audit.key", tmp_path / "roots"
    public = read_public(make_key(key))
    signer = Signer(engine, read_key(key), folder)
    assert signer.sign_due(NOW) is None
    sealed(engine)
    assert signer.sign_due(NOW) is None  # sealed today: yesterday had nothing
    tomorrow = NOW + timedelta(days=1)
    root = signer.sign_due(tomorrow)
    assert root is not None
    assert (root.number, root.day, root.seq, root.prev) == (1, "2026-03-02", 10, GENESIS)
    assert signer.sign_due(tomorrow) is None
    audited(engine, 1)
    sealer(engine).seal_all()
    assert signer.sign_now(NOW + timedelta(hours=1)) is not None
    kept = Wanted(roots=tuple(read_roots(folder)), public=public)
    good = verify(engine, kept)
    assert (good.sound, good.roots, good.signed) == (True, 2, True)

    # the owner of the database changes a row and computes the whole chain anew: only the kept roots tell
    tamper(engine, "order_history", "UPDATE order_history SET human_value = 'other' WHERE id = 1")
    tamper(engine, "audit_chain", "DELETE FROM audit_chain")
    sealer(engine).seal_all()
    assert verify(engine, Wanted(roots=())).sound
    assert ("root_mismatch", "root", "1") in found(verify(engine, kept))

    # roots signed by somebody else, and a roots file with a line less
    other = read_public(make_key(tmp_path / "other.key"))
    assert ("root_signature", "root", "1") in found(verify(engine, Wanted(roots=kept.roots, public=other)))
    [file] = folder.glob("*.jsonl")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    short = Wanted(roots=tuple(read_roots(folder)), public=public)
    assert ("root_missing", "root", "2") in found(verify(engine, short))


def test_an_export_can_be_verified_without_us(engine: Engine) -> None:
    """The dozen lines of docs/audit.md."""
    sealed(engine)
    prev = "0" * 64

    def canonical(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    for number, line in enumerate(lines(engine), 1):
        entry = json.loads(line)
        if "content" in entry:
            assert entry["digest"] == hashlib.sha256(canonical(entry["content"])).hexdigest()
        linked = [prev, number, entry["source"], entry["row_id"], entry["digest"]]
        assert (entry["prev"], entry["hash"]) == (prev, hashlib.sha256(canonical(linked)).hexdigest())
        prev = entry["hash"]
    assert b"work_orders" not in line
    assert sum(1 for _ in lines(engine, since=NOW.date())) == 10
    assert sum(1 for _ in lines(engine, until=NOW.date() - timedelta(days=1))) == 0


def test_keys_are_never_overwritten_and_must_be_secret(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "audit.key"
    make_key(key)
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyUnusable, match="never overwritten"):
        make_key(key)
    key.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod"):
        read_key(key)
    with pytest.raises(KeyUnusable):
        read_public(key)


def test_a_range_of_days_is_looked_at_by_itself(engine: Engine) -> None:
    sealed(engine)
    audited(engine, 1)
    Sealer(engine, lambda: NOW + timedelta(days=1)).seal_all()
    tamper(engine, "order_history", "UPDATE order_history SET human_value = 'C' WHERE id = 3")
    later = verify(engine, Wanted(since=NOW.date() + timedelta(days=1)))
    assert (later.sound, later.first, later.last) == (True, 11, 11)
    assert not verify(engine, Wanted(until=NOW.date())).sound
