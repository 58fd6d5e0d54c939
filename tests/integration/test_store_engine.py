"""Opening databases, and what is said when one refuses."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import hotline.store.engine as engines
from hotline.errors import ConfigError, StoreError
from hotline.store.engine import make_engine, reading, writing
from hotline.store.upgrade import upgrade

pytestmark = pytest.mark.integration


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "deep" / "store.sqlite3"


@pytest.fixture
def engine(file: Path) -> Engine:
    made = make_engine(f"sqlite:///{file}")
    upgrade(made)
    return made


def test_makes_the_folder_and_keeps_others_out(engine: Engine, file: Path) -> None:
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM login_failures"))
        for made in file.parent.iterdir():
            assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2), ("secure_delete", 1)],
)
def test_sqlite_is_tuned_on_every_connection(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as one, engine.connect().execution_options(read_only=True) as other:
        del one
        assert other.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_a_reader_neither_blocks_nor_sees_a_writer(engine: Engine) -> None:
    count = text("SELECT count(*) FROM login_failures")
    with reading(engine) as reader:
        assert reader.execute(count).scalar_one() == 0
        with writing(engine) as writer:
            writer.execute(text("INSERT INTO login_failures VALUES ('a', 1, '2026-01-01', NULL)"))
        assert reader.execute(count).scalar_one() == 0
    with reading(engine) as reader:
        assert reader.execute(count).scalar_one() == 1


def test_a_failed_block_leaves_nothing(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO login_failures VALUES ('a', 1, '2026-01-01', NULL)"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM login_failures")).scalar_one() == 0


def test_a_locked_database_says_so_and_may_be_tried_again(
    file: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.1)
    impatient = make_engine(f"sqlite:///{file}")
    with writing(engine), pytest.raises(StoreError, match="locked") as refused, writing(impatient):
        pass
    assert refused.value.retryable


def test_a_full_disk_says_so_and_leaves_the_database_sound(engine: Engine) -> None:
    def fill() -> None:
        insert = text("INSERT INTO audit VALUES (NULL, '2026-01-01', 'a', 'b', 'c', :much)")
        with writing(engine) as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            connection.execute(insert, {"much": "secret words" * 100_000})

    with pytest.raises(StoreError, match="full") as refused:
        fill()
    assert refused.value.retryable
    assert "secret" not in str(refused.value)
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == 0


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "not.sqlite3"
    file.write_bytes(b"something else entirely, and long enough to be read as a header" * 50)
    with pytest.raises(StoreError, match="no database"):
        upgrade(make_engine(f"sqlite:///{file}"))


def test_an_unusable_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        make_engine(f"sqlite:///{tmp_path / 'file' / 'store.sqlite3'}")


def test_a_server_that_is_not_there_says_so() -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        upgrade(make_engine("postgresql://hotline:hidden@127.0.0.1:1/hotline"))


def test_questions_to_postgresql_are_not_compiled(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"
        assert connection.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
    engine.dispose()


def test_a_wrong_database_name_says_so(postgres_url: str) -> None:
    head, _, tail = postgres_url.rpartition("/")
    wrong = f"{head}/absent{tail[tail.index('?') :]}" if "?" in tail else f"{head}/absent"
    with pytest.raises(StoreError):
        upgrade(make_engine(wrong))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite"])
def test_urls_that_cannot_be_used_are_configuration_errors(url: str) -> None:
    with pytest.raises(ConfigError):
        make_engine(url)


def test_memory_databases_keep_their_data_between_threads() -> None:
    engine = make_engine("sqlite://")
    upgrade(engine)

    def write() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO login_failures VALUES ('a', 1, '2026-01-01', NULL)"))

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM login_failures")).scalar_one() == 1


def test_what_was_committed_survives_the_end_of_the_process(engine: Engine, file: Path) -> None:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO login_failures VALUES ('a', 1, '2026-01-01', NULL)"))
    # No dispose: another process reads the file and its log as a kill would leave them.
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT count(*) FROM login_failures").fetchone() == (1,)
    other.close()
