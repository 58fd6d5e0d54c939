"""Lines of orders that an older release sealed with their words: compared with them, then without them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from hotline.audit.chain import GENESIS, digest_of
from hotline.audit.sealer import linked
from hotline.audit.verify import Wanted, verify
from hotline.stats.statistics import Statistics
from hotline.store import upgrade as upgrading
from hotline.store.engine import make_engine, reading, writing
from hotline.store.files import FileStore
from hotline.store.tables import audit_chain
from hotline.store.upgrade import upgrade
from tests.fakes.ended_orders import Desk, secrets_in
from tests.fakes.orders import NOW, shipped_rules
from workorders.queries import views_of
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work
from workorders.tables import work_orders

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

OLD_LINES = (
    ("file", "filed", None, None, None, None),
    ("edit", "filed", "phone", "13800001234", "13900005678", None),
    ("urge", "filed", "urges", "0", "1", "秘密的备注"),
    ("archive", "archived", None, None, None, None),
)
"""Of an older release: action, state, field, before, after, text."""


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A database of the release before, an order in it, its lines sealed with their words; upgraded now."""
    file = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    engine = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    with writing(engine) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0017")
        connection.execute(
            text(
                "INSERT INTO work_orders (id, number, call_id, matter_no, matter, matter_label, service,"
                " service_label, district, summary, caller_contact, source, flags, urgency, unit, unit_name,"
                " state, filed_at, provisional, policy, version, search_text) VALUES (1,"
                " 'SC-20261123-510104-00001-7', 'c', 1, 'm', 'm', 's', 's', '510104', '包工头拖欠三个月工资',"
                " '13800001234', 'speech', '[]', 'normal', 'u', 'u', 'archived', '2026-11-23 03:00:00',"
                " false, 'p', 1, '')"
            )
        )
        rows = []
        for number, line in enumerate(OLD_LINES, 1):
            names = ("action", "to_state", "field", "machine_value", "human_value", "text")
            row = dict(zip(names, line, strict=True)) | {"order_id": 1, "actor": "li", "from_state": None}
            connection.execute(
                text(
                    "INSERT INTO order_history (order_id, at, actor, action, from_state, to_state, field,"
                    " machine_value, human_value, text) VALUES (:order_id, '2026-11-23 03:00:00', :actor,"
                    " :action, :from_state, :to_state, :field, :machine_value, :human_value, :text)"
                ),
                row,
            )
            rows.append(("order_history", number, digest_of(row | {"at": NOW})))
        for entry in linked((0, GENESIS), rows):
            connection.execute(audit_chain.insert().values(**entry, sealed_at=NOW))
    upgrade(engine)
    rules, calendar = shipped_rules()
    service = WorkOrderService(unit_of_work(engine), rules, calendar)
    yield Desk(engine, FileStore(tmp_path / "attachments", 0), tmp_path, service, Statistics(engine))
    engine.dispose()


def test_lines_of_an_older_release_are_compared_with_their_words_and_lose_them_in_time(old: Desk) -> None:
    with reading(old.engine) as connection:
        assert "13800001234" not in str(connection.execute(text("SELECT * FROM order_history")).all())
        query = select(work_orders).where(work_orders.c.id == 1)
        (view,) = views_of(connection, connection.execute(query).mappings().all())
    assert [(line.machine_value, line.human_value, line.text) for line in view.history] == [
        each[3:] for each in OLD_LINES
    ]
    assert old.problems() == []
    assert old.sweep().orders == 1
    assert secrets_in(old.everything()) == []
    assert old.problems() == []
    assert verify(old.engine, Wanted()).erased_lines == 2
    lock = "order_history_append_only ON order_history"
    name = lock if old.engine.dialect.name == "postgresql" else "order_history_no_update"
    with writing(old.engine) as connection:
        connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE order_history SET actor = 'x' WHERE id = 2"))
    assert old.problems() == [("changed", "order_history", "2")]


def test_a_line_of_an_older_release_with_other_words_is_named(old: Desk) -> None:
    with writing(old.engine) as connection:
        connection.execute(text("UPDATE order_texts SET human_value = 'x' WHERE history_id = 2"))
        connection.execute(text("DELETE FROM order_texts WHERE history_id = 3"))
    assert old.problems() == [("changed", "order_history", "2"), ("changed", "order_history", "3")]


def test_words_that_wait_to_be_sealed_are_kept_for_that(old: Desk) -> None:
    with writing(old.engine) as connection:
        name = "audit_chain_append_only ON audit_chain"
        if old.engine.dialect.name != "postgresql":
            name = "audit_chain_no_delete"
        connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("DELETE FROM audit_chain WHERE row_id > 1"))
    assert old.sweep().orders == 0
    old.seal()
    assert old.sweep().orders == 1
    assert old.problems() == []
