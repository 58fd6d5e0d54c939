"""Child of test_orders_crash: files orders and runs the outbox until it is killed, or until all is done.

Usage: orders_child.py DATABASE WEBHOOK_URL SECRET. It imports once; then every line `CALL MODE` on stdin
forks a process that opens the database afresh, so that a start costs milliseconds. Its process id goes to
stdout as a line, then its exit status. MODE `run` works until killed, `finish` ends when nothing is left.
"""

import os
import sys
import traceback

import anyio
from anyio import to_thread

from hotline.store.engine import make_engine
from tests.fakes.orders import shipped_rules, wage_claim
from workorders.calendar import WorkCalendar
from workorders.departments_http import HttpDepartments
from workorders.outbox import Outbox, OutboxOptions, RetryPolicy
from workorders.routing import RoutingRules
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

MATTERS = 3
UNIT = "legal_aid-510104"
OPTIONS = OutboxOptions(poll_s=0.01, lease_s=0.15, retry=RetryPolicy(first_s=0.02))


def work(
    call: str, mode: str, outside: tuple[str, str, str], rules: tuple[RoutingRules, WorkCalendar]
) -> None:
    """File a call's matters while the outbox delivers."""
    database, url, secret = outside
    engine = make_engine(f"sqlite:///{database}")
    service = WorkOrderService(unit_of_work(engine), *rules)
    outbox = Outbox(
        engine, [HttpDepartments({UNIT: url}, lambda *_: (secret.encode(),))], lambda event: None, OPTIONS
    )

    def file_all() -> None:
        for matter in range(1, MATTERS + 1):
            service.handle(wage_claim(call, matter))

    async def serve() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(outbox.run)
            await to_thread.run_sync(file_all)
            if mode == "run":
                await anyio.sleep_forever()
            while (await to_thread.run_sync(outbox.facts)).waiting:  # noqa: ASYNC110  the database
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()

    anyio.run(serve)
    engine.dispose()


def tell(what: object) -> None:
    """A line to the test."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork a worker for every line."""
    rules = shipped_rules()
    database, url, secret = sys.argv[1:]
    tell("ready")
    for line in sys.stdin:
        call, mode = line.split()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work(call, mode, (database, url, secret), rules)
                status = 0
            except BaseException:  # noqa: BLE001  the fork must end here, whatever happened
                traceback.print_exc()
            finally:
                os._exit(status)
        tell(pid)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
