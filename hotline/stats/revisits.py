"""Every caller who is not content is called again: an order is filed for each bad mark, once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Engine, Row, exists, select

from hotline.errors import HotlineError
from hotline.stats.call_facts import REVISIT_NO
from hotline.stats.facts import FactStore
from hotline.stats.kpi.satisfaction import UNHAPPY
from hotline.store.engine import reading
from hotline.store.stat_tables import call_facts
from hotline.store.tables import calls, intents
from workorders.errors import WorkOrderError
from workorders.messages import FileWorkOrder
from workorders.places import PROVINCE
from workorders.policies import LineService
from workorders.service import WorkOrderService
from workorders.tables import work_orders

log = logging.getLogger(__name__)

SERVICE = "revisit"
SOURCE = "survey"
LOOK_BACK = timedelta(days=14)
"""Calls that began longer ago are left: a release that starts to do this does not dig up years."""
BATCH = 100
POLL_S = 20.0


@dataclass(frozen=True, slots=True)
class Revisits:
    """Any number of processes may run one on the same database."""

    engine: Engine
    facts: FactStore
    service: WorkOrderService
    wake: Callable[[], None] = lambda: None
    """Told after an order was filed: there is something in the outbox."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        """File what is due, now and then, until cancelled."""
        while True:
            try:
                if await anyio.to_thread.run_sync(self.file_due):
                    self.wake()
            except (HotlineError, WorkOrderError) as error:
                log.warning("return visits not filed, trying again", extra={"code": error.code})
            except Exception as error:  # noqa: BLE001  supervision point: one bad row must not end the line
                log.error("return visits stumbled", extra={"error": type(error).__name__})
            await anyio.sleep(POLL_S)

    def file_due(self) -> int:
        """File an order for every bad mark that has none; how many. Blocks.

        Raises `StoreError`, and what filing raises. Without the service in `policies.yaml` nothing is filed.
        """
        words = self.service.rules.policies.line_services.get(SERVICE)
        if words is None:
            return 0
        self.facts.refresh()
        done = 0
        for row in self._due():
            done += self.service.handle(self._command(row, words)).created
        return done

    def _due(self) -> list[Row[Any]]:
        filed = exists().where(
            work_orders.c.call_id == call_facts.c.call_id, work_orders.c.matter_no == REVISIT_NO
        )
        wanted: Any = (
            select(
                call_facts.c.call_id,
                call_facts.c.mark,
                call_facts.c.matter,
                call_facts.c.place,
                call_facts.c.channel,
                calls.c.remote,
                intents.c.matter_label,
            )
            .join(calls, calls.c.id == call_facts.c.call_id)
            .outerjoin(intents, intents.c.call_id == call_facts.c.call_id)
            .where(UNHAPPY.when, call_facts.c.started >= self.clock() - LOOK_BACK, ~filed)
            .order_by(call_facts.c.started)
            .limit(BATCH)
        )
        with reading(self.engine) as connection:
            return list(connection.execute(wanted))

    def _command(self, row: Row[Any], words: LineService) -> FileWorkOrder:
        return FileWorkOrder(
            call_id=row.call_id,
            matter_no=REVISIT_NO,
            matter=row.matter or "other",
            matter_label=row.matter_label or row.matter or "other",
            service=SERVICE,
            service_label=words.label,
            district=row.place or PROVINCE,
            summary=words.summary.replace("{mark}", str(row.mark)),
            caller_contact=row.remote,
            fields=(),
            flags=(),
            source=SOURCE,
            filed_at=self.clock(),
            channel=row.channel,
        )
