"""A database file that another process writes to: refused writers keep nobody else waiting."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hotline.errors import StoreError
from hotline.store import engine as engines
from hotline.store.engine import make_engine, reading, writing

pytestmark = pytest.mark.integration


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.2)
    return tmp_path / "turns.sqlite3"


@pytest.fixture
def line(file: Path) -> Engine:
    engine = make_engine(f"sqlite:///{file}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counted (n INTEGER)"))
    return engine


def test_a_turn_ends_with_the_writer_that_was_refused(file: Path, line: Engine) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StoreError, match="locked"), writing(line):
                pass
        other.execute("COMMIT")
    with writing(line) as connection:
        connection.execute(text("INSERT INTO counted VALUES (1)"))


def test_a_turn_ends_with_a_transaction_that_fails_and_with_one_that_nobody_ends(line: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(line):
        _ = 1 / 0
    left = line.connect()
    left.execute(text("INSERT INTO counted VALUES (1)"))
    left.close()
    broken = line.connect()
    broken.execute(text("INSERT INTO counted VALUES (1)"))
    broken.invalidate()
    broken.close()
    with writing(line) as connection:
        connection.execute(text("INSERT INTO counted VALUES (2)"))
    with reading(line) as connection:
        assert connection.execute(text("SELECT n FROM counted")).scalars().all() == [2]


def test_readers_wait_for_no_turn(line: Engine) -> None:
    with writing(line) as connection:
        connection.execute(text("INSERT INTO counted VALUES (1)"))
        with reading(line) as other:
            assert other.scalar(text("SELECT count(*) FROM counted")) == 0


def test_nobody_is_passed_by(line: Engine) -> None:
    """Each of eight writers writes as often as the others, give or take one that is under way."""
    written = [0] * 8
    done = threading.Event()

    def write(number: int) -> None:
        while not done.is_set():
            with writing(line) as connection:
                connection.execute(text("INSERT INTO counted VALUES (:n)"), {"n": number})
            written[number] += 1
            if sum(written) >= 400:
                done.set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert min(written) >= 20, written
