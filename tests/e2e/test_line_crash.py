"""kill -9 and SIGTERM in mid-call: one record a call, one dispatched order a matter, whatever dies."""

import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import StartLine, wav_seconds
from tests.e2e.line import ended, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(180)]

FIRST_WORDS = "SELECT * FROM utterances"


def test_a_dead_recognition_worker_costs_no_call_and_no_order(
    start_line: StartLine, brief_flows: Path, demo_voice: Path
) -> None:
    line = start_line(brief_flows)
    call = line.call(demo_voice)
    wait_for(lambda: line.rows(FIRST_WORDS), 60, "the first words")
    time.sleep(2)  # the caller is in the middle of something
    worker = line.asr_worker()
    assert worker is not None
    worker.kill()
    new = wait_for(
        lambda: (found := line.asr_worker()) and found.pid != worker.pid and found, 30, "a new worker"
    )
    assert "local_hangup" not in ended(call, 120)  # at the caller's end it is the remote end that hung up
    (row,) = line.balanced(1)
    assert (row["outcome"], row["detail"]) == ("order_filed", "local_hangup")
    (leg,) = line.rows("SELECT * FROM legs")
    said = line.rows("SELECT * FROM utterances ORDER BY seq")
    assert leg["utterances"] == len(said)
    assert leg["degraded"] == sum(each["degraded"] for each in said)
    assert said[-1]["text"]  # what came after the death was understood
    (order,) = line.orders()
    assert (order["matter"], order["state"]) == ("labour.wages", "dispatched")
    assert new.is_running()
    assert line.alive


def test_kill_between_filing_and_dispatch_and_in_mid_call(
    start_line: StartLine, brief_flows: Path, short_voice: Path, demo_voice: Path
) -> None:
    line = start_line(brief_flows)
    long = line.call(demo_voice, "--caller", "13855556666")
    short = line.call(short_voice, "--caller", "13811112222")
    database = sqlite3.connect(line.data / "hotline.sqlite3", timeout=5, isolation_level=None)
    try:
        hold_before_dispatch(database)
        (consent,) = line.rows(
            "SELECT at FROM consents JOIN calls ON calls.id = call_id WHERE remote LIKE '%13855556666%'"
        )
        died = datetime.now(UTC)
        line.kill()
    finally:
        database.close()
    assert len(line.orders()) == 1
    assert [row["state"] for row in line.calls()] == ["open", "open"]
    long.kill()
    short.kill()
    long.communicate()
    short.communicate()

    line.start()
    wait_for(lambda: line.orders()[0]["state"] == "dispatched", 20, "the order is dispatched")
    calls = line.rows("SELECT * FROM calls ORDER BY remote")
    assert {(row["state"], row["outcome"], row["detail"]) for row in calls} == {
        ("closed", "error", "server_died")
    }
    assert calls[0]["id"] == line.orders()[0]["call_id"]
    assert json.loads(calls[0]["orders"]) == [line.orders()[0]["number"]]
    assert json.loads(calls[1]["orders"]) == []
    tape = line.data / "recordings" / f"{calls[1]['id']}.wav"
    since = datetime.fromisoformat(consent["at"]).replace(tzinfo=UTC)
    assert wav_seconds(tape) == pytest.approx((died - since).total_seconds(), abs=1.0)
    assert calls[1]["recording"] == tape.name
    dispatches = "SELECT * FROM order_history WHERE to_state = 'dispatched'"
    assert len(line.rows(dispatches)) == 1

    line.stop()
    line.start()  # nothing is done twice by starting once more
    time.sleep(3)
    assert len(line.orders()) == len(line.rows(dispatches)) == 1
    assert len(line.calls()) == 2
    line.stop()


def hold_before_dispatch(database: sqlite3.Connection) -> None:
    """Take the write lock the moment an order has been filed, so that the line cannot note its dispatch."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if database.execute("SELECT count(*) FROM work_orders").fetchone()[0]:
            database.execute("BEGIN IMMEDIATE")
            (state,) = database.execute("SELECT state FROM work_orders").fetchone()
            assert state == "filed", "dispatch was quicker than the test"
            return
        time.sleep(0.001)
    raise AssertionError("no order was filed")


def test_shutdown_in_mid_call_hangs_up_and_keeps_what_was_said(
    start_line: StartLine, brief_flows: Path, demo_voice: Path
) -> None:
    line = start_line(brief_flows)
    call = line.call(demo_voice)
    wait_for(lambda: line.rows(FIRST_WORDS), 60, "the first words")
    began = time.monotonic()
    line.stop()
    assert time.monotonic() - began < 20
    assert "call ended (remote_hangup)" in ended(call, 10)  # a BYE came
    (row,) = line.balanced(1)
    assert (row["outcome"], row["detail"]) == ("order_filed", "shutdown")  # said is filed, even cut short
    tape = line.data / "recordings" / row["recording"]
    assert wav_seconds(tape) > 2
    assert not list(tape.parent.glob("*.part.wav"))
    line.start()
    wait_for(lambda: line.orders()[0]["state"] == "dispatched", 20, "the order is dispatched")
    assert len(line.calls()) == 1
