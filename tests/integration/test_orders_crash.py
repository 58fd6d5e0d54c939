"""kill -9 around filing and dispatch, fifty times: after the restart every matter is one dispatched order."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, func, select

from hotline.store.engine import make_engine
from workorders.tables import metadata, order_history, order_outbox, work_orders

pytestmark = pytest.mark.integration

ROUNDS = 50
MATTERS = 3
LONGEST_LIFE_S = 0.35
"""From the fork; an undisturbed worker has filed and delivered everything after about half of it."""


class Unit:
    """A unit's system which takes a delivery once, however often it comes."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.orders: dict[str, str] = {}
        """Order number by delivery id."""

    @property
    def repeated(self) -> int:
        """Deliveries that came more than once."""
        return sum(count > 1 for count in self.attempts.values())


@contextmanager
def unit_system(unit: Unit) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            delivery = self.headers["Hotline-Delivery"]
            unit.attempts[delivery] += 1
            unit.orders[delivery] = json.loads(body)["number"]
            time.sleep(0.005)  # a real system takes a moment: room to be killed in
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the sender was killed
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def worker_factory(database: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("orders_child.py")), str(database), url, "s" * 20],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(10)


def start(process: subprocess.Popen[str], call: str, mode: str) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{call} {mode}\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def status(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def stage(engine: Engine, call: str) -> str:
    """How far the killed worker had come."""
    with engine.connect() as connection:
        states = connection.scalars(select(work_orders.c.state).where(work_orders.c.call_id == call)).all()
        waiting = connection.scalar(
            select(func.count())
            .select_from(order_outbox.join(work_orders))
            .where(work_orders.c.call_id == call, order_outbox.c.status == "waiting")
        )
    if not states:
        return "nothing filed"
    if "filed" in states:
        return "filed, not dispatched"
    if waiting:
        return "dispatched, not delivered"
    return "some filed, all delivered" if len(states) < MATTERS else "all done"


@pytest.mark.timeout(120)
def test_killed_at_any_moment_every_matter_is_dispatched_exactly_once(tmp_path: Path) -> None:
    database = tmp_path / "orders.sqlite3"
    engine = make_engine(f"sqlite:///{database}")
    metadata.create_all(engine)
    unit = Unit()
    chance = random.Random(12348)
    stages: Counter[str] = Counter()
    with unit_system(unit) as url, worker_factory(database, url) as process:
        for turn in range(ROUNDS):
            call = f"call-{turn}"
            pid = start(process, call, "run")
            time.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
            os.kill(pid, signal.SIGKILL)
            assert status(process) == -signal.SIGKILL
            stages[stage(engine, call)] += 1
            start(process, call, "finish")
            assert status(process) == 0
    with engine.connect() as connection:
        orders = connection.execute(
            select(work_orders.c.call_id, work_orders.c.matter_no, work_orders.c.number, work_orders.c.state)
        ).all()
        dispatches = connection.execute(
            select(order_history.c.order_id, func.count())
            .where(order_history.c.action == "dispatch")
            .group_by(order_history.c.order_id)
        ).all()
        undone = connection.scalar(
            select(func.count()).select_from(order_outbox).where(order_outbox.c.status != "done")
        )
    engine.dispose()
    assert {(row.call_id, row.matter_no) for row in orders} == {
        (f"call-{turn}", matter) for turn in range(ROUNDS) for matter in range(1, MATTERS + 1)
    }
    assert len(orders) == ROUNDS * MATTERS
    assert {row.state for row in orders} == {"dispatched"}
    assert [count for _, count in dispatches] == [1] * len(orders)
    assert undone == 0
    # The unit saw each order under exactly one delivery id, however often it was sent.
    assert sorted(unit.orders.values()) == sorted(row.number for row in orders)
    # The kills fell where they hurt, or the test has proved nothing.
    assert stages["filed, not dispatched"] + stages["dispatched, not delivered"] >= 5, stages
    assert len(stages) >= 3, stages
    sys.stdout.write(f"killed at: {dict(stages)}; deliveries sent again: {unit.repeated}\n")
