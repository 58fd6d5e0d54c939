"""The history of the tables on both databases: from empty, again, at once, back; and no drift."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

import hotline.store.tables as store_tables
import workorders.tables as order_tables
from hotline.errors import StoreError
from hotline.store import upgrade as upgrading
from hotline.store.engine import make_engine, writing
from hotline.store.upgrade import current, differences, head, upgrade

pytestmark = pytest.mark.integration


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    engine = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield engine
    engine.dispose()


def test_upgrades_an_empty_database_to_every_table(empty: Engine) -> None:
    assert current(empty) is None
    assert upgrade(empty) == head() == current(empty)
    expected = set(store_tables.metadata.tables) | set(order_tables.metadata.tables)
    assert expected <= set(inspect(empty).get_table_names())


def test_tables_in_code_and_history_agree(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        assert differences(connection) == []


def test_notices_a_table_that_drifted(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.execute(text("ALTER TABLE calls ADD COLUMN stray TEXT"))
        connection.execute(text("DROP INDEX ix_calls_state"))
    with empty.connect() as connection:
        kinds = {difference[0] for difference in differences(connection)}
    assert kinds == {"remove_column", "add_index"}


def test_upgrading_again_changes_nothing(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.execute(text("INSERT INTO login_failures VALUES ('x', 1, '2026-01-01 00:00:00', NULL)"))
    upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM login_failures")).scalar_one() == 1


def test_processes_that_upgrade_at_once_do_not_collide(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: upgrade(empty), range(4))) == {head()}


def test_goes_back_to_empty(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(empty).get_table_names()) == {"alembic_version"}
    upgrade(empty)


def test_refuses_a_database_of_a_later_release(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError):
        upgrade(empty)


def test_a_failing_revision_leaves_the_database_as_it_was(empty: Engine) -> None:
    with writing(empty) as connection:
        connection.execute(text("CREATE TABLE work_orders (id INTEGER)"))
    with pytest.raises(StoreError):
        upgrade(empty)
    assert set(inspect(empty).get_table_names()) == {"work_orders"}


def test_the_audit_log_cannot_be_rewritten(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.execute(text("INSERT INTO audit VALUES (1, '2026-01-01 00:00:00', 'a', 'b', 'c', '')"))
    for statement in ("UPDATE audit SET who = 'z'", "DELETE FROM audit"):
        with pytest.raises(StoreError), writing(empty) as connection:
            connection.execute(text(statement))
    with empty.connect() as connection:
        assert connection.execute(text("SELECT who FROM audit")).scalar_one() == "a"


def test_the_history_ships_with_the_package() -> None:
    folder = Path(upgrading.__file__).parent / "migrations"
    assert (folder / "env.py").is_file()
    assert len(list((folder / "versions").glob("v[0-9]*.py"))) >= 2


def test_orders_from_before_stand_at_the_beginning_of_their_units_feeds(empty: Engine) -> None:
    with writing(empty) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for number, unit, state in (
            (1, "a", "signed"),
            (2, "a", "filed"),
            (3, "b", "replied"),
            (4, "a", "returned"),
        ):
            connection.execute(
                text(
                    "INSERT INTO work_orders (id, number, call_id, matter_no, matter, matter_label, service,"
                    " service_label, district, summary, caller_contact, source, flags, urgency, unit,"
                    " unit_name, state, filed_at, provisional, policy, version, search_text)"
                    " VALUES (:id, :number, :number, 1, '', '', '', '', '', '', '', '', '[]', '', :unit, '',"
                    " :state, '2026-01-01 00:00:00', false, '', 1, '')"
                ),
                {"id": number, "number": f"n{number}", "unit": unit, "state": state},
            )
            connection.execute(
                text(
                    "INSERT INTO order_history (id, order_id, at, actor, action, to_state)"
                    " VALUES (:id, :id, '2026-01-01 00:00:00', 'system', 'file', 'filed')"
                ),
                {"id": number},
            )
    upgrade(empty)
    with empty.connect() as connection:
        changes = connection.execute(
            text("SELECT unit, seq, order_id FROM unit_changes ORDER BY unit, seq")
        ).all()
        heads = connection.execute(text("SELECT unit, last FROM unit_feeds ORDER BY unit")).all()
    assert [tuple(row) for row in changes] == [("a", 1, 1), ("a", 2, 4), ("b", 1, 3)]
    assert [tuple(row) for row in heads] == [("a", 2), ("b", 1)]
