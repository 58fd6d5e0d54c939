"""How fast rows are sealed and verified, and what sealing costs those who file orders.

    python scripts/bench_audit.py --rows 200000 [--url postgresql+psycopg://…]

Without --url: SQLite in a temporary folder. The database must be empty; it is filled.
"""

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from hotline.audit.sealer import Sealer
from hotline.audit.verify import Wanted, verify
from hotline.intent.router import Router
from hotline.store.engine import make_engine, writing
from hotline.store.tables import audit
from hotline.store.upgrade import upgrade
from workorders.messages import FileWorkOrder
from workorders.routing import RoutingRules, load_calendar
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork

FLOWS = Path(__file__).parents[1] / "ivr_flows"
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--orders", type=int, default=1_500)
    options.add_argument("--threads", type=int, default=4)
    options.add_argument("--url")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(asked.url or f"sqlite:///{folder}/bench.sqlite3")
        upgrade(engine)
        rules = RoutingRules.load(FLOWS, Router.load(FLOWS).categories)
        service = WorkOrderService(lambda: SqlUnitOfWork(engine), rules, load_calendar(FLOWS, rules))
        sealer = Sealer(engine, lambda: datetime.now(UTC))
        for name, sealing in (("without sealing", False), ("with sealing", True), ("without sealing", False)):
            rate = filed(service, sealer, asked.orders, asked.threads, sealing=sealing)
            print(f"orders filed a second, {asked.threads} threads, {name}: {rate:,.0f}")
        settle(sealer)
        fill(engine, asked.rows)
        began = time.perf_counter()
        count = sealer.seal_all()
        print(f"sealed {count:,} rows: {count / (time.perf_counter() - began):,.0f} rows/s")
        began = time.perf_counter()
        report = verify(engine, Wanted())
        print(f"verified {report.last:,} entries: {report.last / (time.perf_counter() - began):,.0f} rows/s")
        print("the chain is whole" if report.sound else f"BROKEN: {report.broken[:3]}")


def settle(sealer: Sealer) -> None:
    """Seal everything, also behind gaps."""
    for _ in range(8):
        sealer.seal_all()
        time.sleep(0.5)


def filed(service: WorkOrderService, sealer: Sealer, count: int, threads: int, *, sealing: bool) -> float:
    """Orders a second, by so many threads, with the sealer beside them or not."""
    over = threading.Event()

    def seal() -> None:
        while not over.is_set():
            if not sealer.seal():
                over.wait(1.0)

    def work(first: int) -> None:
        for number in range(first, count, threads):
            service.handle(order(f"{time.time_ns()}-{first}-{number}", number))

    beside = threading.Thread(target=seal)
    if sealing:
        beside.start()
    began = time.perf_counter()
    workers = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    over.set()
    if sealing:
        beside.join()
    return count / took


def order(call: str, number: int) -> FileWorkOrder:
    """An order like any."""
    return FileWorkOrder(
        call_id=call[:64],
        matter_no=1,
        matter="labour.wages",
        matter_label="wages",
        service="legal_aid",
        service_label="aid",
        district="510116",
        summary="unpaid wages " * 5,
        caller_contact="13800000000",
        fields=(),
        flags=(),
        source="speech",
        filed_at=NOW + timedelta(seconds=number),
    )


def fill(engine: object, rows: int) -> None:
    """Rows of the audit log, as they are in life."""
    for first in range(0, rows, 10_000):
        batch = [
            {
                "at": NOW + timedelta(seconds=number),
                "who": "wang",
                "action": "call.unmask",
                "subject": f"20260302120000-{number:08x}",
                "detail": "call back the caller",
            }
            for number in range(first, min(first + 10_000, rows))
        ]
        with writing(engine) as connection:  # type: ignore[arg-type]
            connection.execute(insert(audit), batch)


if __name__ == "__main__":
    main()
