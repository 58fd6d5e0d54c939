"""Orders whose time is over, on both databases: the person is gone, facts and chain hold."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from hotline.audit.erasing import ACTION
from hotline.audit.order_retention import SweptOrders
from hotline.audit.verify import Wanted, verify
from hotline.conversation import CallId
from hotline.errors import ConfigError, StoreError
from hotline.stats.statistics import Statistics
from hotline.store.audit import AuditStore
from hotline.store.engine import make_engine, reading, writing
from hotline.store.files import FileLost, FileStore
from hotline.store.holds import HoldStore
from hotline.store.retention_rules import Kind, OrderRule, OrderRules, When, read_order_retention
from hotline.store.upgrade import upgrade
from tests.fakes.ended_orders import DAYS, LATER, SECRETS, Desk, secrets_in
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.errors import ForbiddenMove
from workorders.model import Action, Actor, State
from workorders.outbox_rows import OutboxRows
from workorders.queries import OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work
from workorders.tables import work_orders
from workorders.word_tables import word_columns, write_words

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    file = f"sqlite:///{tmp_path / 'kept.sqlite3'}"
    engine = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(engine)
    folder = tmp_path / "attachments"
    rules, calendar = shipped_rules()
    service = WorkOrderService(unit_of_work(engine), rules, calendar)
    flows = Path(__file__).parents[2] / "ivr_flows"
    yield Desk(engine, FileStore(folder, 0), folder, service, Statistics(engine, flows, ()))
    engine.dispose()


def test_what_is_personal_is_gone_everywhere_and_the_facts_stay(desk: Desk, tmp_path: Path) -> None:
    number = desk.file()
    desk.end(number, rating=4)
    young = desk.file("call-2", content=b"another", filed_at=NOW + timedelta(days=DAYS))
    desk.seal()
    before, facts = desk.get(number), desk.facts()
    assert len(secrets_in(desk.everything())) == len(SECRETS) + 1
    with writing(desk.engine) as connection:  # only the ended order is looked at below
        connection.execute(text("UPDATE work_orders SET summary = '', caller_contact = '', party = ''"
                                " WHERE number = :n"), {"n": young})  # fmt: skip
        row = connection.execute(select(work_orders).where(work_orders.c.number == young)).mappings().one()
        write_words(connection, word_columns(row["id"], dict(row)))
    swept = desk.sweep()
    assert (swept.orders, swept.files) == (1, 1)
    assert swept.texts >= 6

    after = desk.get(number)
    assert after.order == replace(
        before.order, summary="", caller_contact="", fields=(), content_deleted_at=LATER,
        version=before.order.version + 1, life=replace(before.order.life, party=""),
    )  # fmt: skip
    assert after.attachments == ()
    assert [(line.at, line.actor, line.action, line.to_state) for line in after.history] == [
        (line.at, line.actor, line.action, line.to_state) for line in before.history
    ]
    assert {line.text for line in after.history} == {None}
    edit = next(line for line in after.history if line.action is Action.EDIT)
    assert (edit.field, edit.machine_value, edit.human_value) == ("phone", None, None)
    visit = next(line for line in after.history if line.action is Action.VISIT)
    assert visit.human_value == "reached 4", "marks are counted"
    assert desk.facts() == facts
    with pytest.raises(FileLost):
        desk.files.get(before.attachments[0].sha256)

    still = desk.get(young)
    assert {item.field.name for item in still.order.fields} >= {"caller_name", "phone"}
    assert any(line.text for line in still.history)
    assert desk.files.get(still.attachments[0].sha256) == b"another"
    found = {
        word: OrderQueries(desk.engine).search(OrderFilter(text=word)) for word in ("李四光", "13800001234")
    }
    assert {word: [row.number for row in rows] for word, rows in found.items()} == {
        "李四光": [young],
        "13800001234": [],
    }


def test_nothing_of_it_is_left_in_any_table_or_file(desk: Desk, tmp_path: Path) -> None:
    number = desk.file()
    desk.end(number)
    desk.seal()
    desk.sweep()
    assert secrets_in(desk.everything()) == []
    assert number in desk.everything()
    assert not any(path.is_file() for path in desk.folder.rglob("*"))
    if desk.engine.dialect.name == "sqlite":
        desk.engine.dispose()
        for file in tmp_path.glob("kept.sqlite3*"):
            found = [each for each in SECRETS if each.encode() in file.read_bytes()]
            assert found == [], file.name


def test_the_chain_holds_and_the_certificate_says_what_went(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    desk.seal()
    texts = desk.sweep().texts
    assert desk.problems() == []
    desk.seal()
    report = verify(desk.engine, Wanted())
    assert report.sound
    assert report.erased_lines == texts
    (entry,) = [each for each in AuditStore(desk.engine).entries() if each.action == ACTION]
    assert (entry.who, entry.subject) == ("system", number)
    assert '"rule": "all"' in entry.detail
    assert '"fields": ["caller_name", "phone", "employer"' in entry.detail
    assert f'"texts": {texts}' in entry.detail
    assert re.search(r'"files": \[{"sha256": "[0-9a-f]{64}", "size": 12}\]', entry.detail)
    assert secrets_in(entry.detail) == []


def test_words_that_are_altered_or_go_without_a_certificate_are_named(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    other = desk.file("call-2")
    desk.seal()
    desk.sweep()
    with reading(desk.engine) as connection:
        lines = connection.scalars(text("SELECT history_id FROM order_texts ORDER BY history_id")).all()
    with writing(desk.engine) as connection:
        connection.execute(
            text("UPDATE order_texts SET human_value = 'x' WHERE history_id = :id"), {"id": lines[0]}
        )
        connection.execute(text("DELETE FROM order_texts WHERE history_id = :id"), {"id": lines[-1]})
    assert other
    assert desk.problems() == [
        ("words_changed", "order_history", str(lines[0])),
        ("words_missing", "order_history", str(lines[-1])),
    ]


def test_nothing_is_done_to_an_emptied_order(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    stale = desk.get(number).order
    desk.seal()
    desk.sweep()
    with pytest.raises(ForbiddenMove, match="deleted"):
        desk.act(number, Action.RELATE, to=(other := desk.file("call-2")))
    with pytest.raises(ForbiddenMove, match="deleted"):
        desk.act(other, Action.RELATE, to=number)
    assert stale.version < desk.get(number).order.version, "who has read it before cannot write it back"


def held(desk: Desk, number: str) -> None:
    HoldStore(desk.engine).place(CallId("call-1"), "banzhang", "诉讼", NOW)


def its_call_goes_on(desk: Desk, number: str) -> None:
    desk.service.handle(wage_claim("call-1", 2))
    desk.quiet()


def a_related_one_goes_on(desk: Desk, number: str) -> None:
    desk.act(desk.file("call-9"), Action.RELATE, to=number)
    with writing(desk.engine) as connection:
        connection.execute(text("UPDATE referrals SET status = 'success'"))
    desk.quiet()


def a_referral_goes_on(desk: Desk, number: str) -> None:
    with writing(desk.engine) as connection:
        connection.execute(text("UPDATE referrals SET status = 'accepted'"))


def a_delivery_waits(desk: Desk, number: str) -> None:
    with writing(desk.engine) as connection:
        connection.execute(text("UPDATE order_outbox SET status = 'waiting'"))


@pytest.mark.parametrize(
    "why", [held, its_call_goes_on, a_related_one_goes_on, a_referral_goes_on, a_delivery_waits]
)
def test_what_is_still_needed_is_kept(desk: Desk, why: Any) -> None:
    number = desk.file()
    desk.end(number)
    desk.seal()
    why(desk, number)
    assert desk.sweep().orders == 0
    assert desk.get(number).order.content_deleted_at is None
    if why is held:
        HoldStore(desk.engine).release(CallId("call-1"), "banzhang", LATER)
        assert desk.sweep().orders == 1


def test_time_counts_from_the_last_thing_that_happened(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    last = max(line.at for line in desk.get(number).history)
    assert desk.sweep(last + timedelta(days=DAYS)).orders == 0
    assert desk.sweep(last + timedelta(days=DAYS, seconds=1)).orders == 1
    assert desk.sweep(LATER) == SweptOrders(), "once"


def test_what_was_merged_into_it_goes_with_it_and_not_before(desk: Desk) -> None:
    parent, child = desk.file(), desk.service.handle(wage_claim("call-2")).number
    desk.act(child, Action.MERGE, to=parent)
    desk.quiet()
    desk.seal()
    assert desk.get(child).order.state is State.MERGED
    assert desk.sweep().orders == 0
    desk.act(parent, Action.REPLY, Actor.UNIT, text="秘密的答复")
    desk.act(parent, Action.APPROVE)
    desk.act(parent, Action.VISIT, outcome="reached", rating=5)
    desk.act(parent, Action.VISIT, outcome="reached", rating=5, to=child)
    desk.act(parent, Action.SETTLE)
    desk.act(parent, Action.ARCHIVE)
    with writing(desk.engine) as connection:
        connection.execute(text("UPDATE referrals SET status = 'success'"))
    desk.quiet()
    desk.seal()
    assert desk.sweep().orders == 2
    assert secrets_in(desk.everything()) == []
    assert desk.problems() == []


def test_a_file_that_another_order_has_too_stays_for_it(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    other = desk.file("call-2", filed_at=NOW + timedelta(days=DAYS))
    desk.seal()
    assert desk.sweep().files == 0
    (file,) = desk.get(other).attachments
    assert desk.files.get(file.sha256) == b"secret proof"


class Killed(BaseException):
    """The process ends here."""


def test_killed_in_the_middle_it_goes_on_and_nothing_is_half_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [desk.file(f"call-{n}", content=f"proof {n}".encode()) for n in range(3)]
    for number in numbers:
        desk.end(number)
    desk.seal()
    before, real = [desk.get(number) for number in numbers], desk.files.delete
    seen = 0

    def delete(sha256: str) -> bool:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise Killed
        return real(sha256)

    monkeypatch.setattr(desk.files, "delete", delete)
    with pytest.raises(Killed):
        desk.sweep()
    assert [desk.get(number) for number in numbers] == before
    assert [each for each in AuditStore(desk.engine).entries() if each.action == ACTION] == []
    monkeypatch.undo()
    assert desk.sweep().orders == 3
    assert desk.problems() == []
    assert secrets_in(desk.everything()) == []


def test_a_file_that_cannot_be_deleted_leaves_its_order_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = desk.file()
    desk.end(number)
    desk.seal()

    def refuse(_sha256: str) -> bool:
        raise FileLost("a file cannot be deleted: Read-only file system")

    monkeypatch.setattr(desk.files, "delete", refuse)
    with pytest.raises(StoreError, match="Read-only"):
        desk.sweep()
    assert desk.get(number).order.content_deleted_at is None


def test_files_that_no_order_names_go_after_a_day(desk: Desk) -> None:
    sha256 = desk.files.put(b"stray")
    path = desk.folder / sha256[:2] / sha256
    now = datetime.fromtimestamp(path.stat().st_mtime, NOW.tzinfo)
    assert desk.sweep(now + timedelta(hours=23)).files == 0
    os.utime(path, (now.timestamp() - 90_000,) * 2)
    assert desk.files.put(b"stray") == sha256, "somebody is about to name it"
    assert desk.sweep(now + timedelta(hours=23)).files == 0
    assert desk.sweep(now + timedelta(hours=25)).files == 1


def test_a_dead_letter_of_an_emptied_order_tells_nothing(desk: Desk) -> None:
    number = desk.file()
    desk.end(number)
    with writing(desk.engine) as connection:
        connection.execute(text("UPDATE order_outbox SET status = 'dead'"))
        payloads = text("SELECT payload FROM order_outbox")
        assert connection.execute(payloads).all()
    desk.seal()
    assert desk.sweep().orders == 1
    rows = OutboxRows(desk.engine, lambda: LATER, timedelta(minutes=1))
    with reading(desk.engine) as connection:
        letters = connection.scalars(text("SELECT delivery_id FROM order_outbox")).all()
    assert [each for each in letters if rows.revive(each)] == []


def test_the_shipped_rules_are_sound_and_rules_are_optional(tmp_path: Path) -> None:
    flows = Path(__file__).parents[2] / "ivr_flows"
    rules = read_order_retention(flows)
    assert rules.of(Kind(complaint=True))[0] == "complaint"
    assert rules.of(Kind(flags=("minor",)))[0] == "sensitive"
    assert rules.of(Kind())[0] == "ordinary"
    assert read_order_retention(tmp_path).rules == ()
    file = tmp_path / "retention.yaml"
    file.write_text("version: 1\n")
    assert read_order_retention(tmp_path).rules == ()
    file.write_text("orders: [{id: a, name: a, days: 3, when: {complaint: true}}]\n")
    with pytest.raises(ConfigError, match="last rule"):
        read_order_retention(tmp_path)
    assert OrderRules((OrderRule(id="a", name="a", days=3, when=When()),)).of(Kind()) == ("a", 3)
