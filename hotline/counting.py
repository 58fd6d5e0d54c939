"""What statistics do by themselves: count on, make scheduled reports, have unhappy callers called again."""

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from hotline.errors import StoreError
from hotline.settings import Settings
from hotline.stats.facts import FactStore
from hotline.stats.revisits import Revisits
from hotline.stats.scheduled import Scheduler, Targets
from hotline.stats.statistics import Statistics
from workorders.service import WorkOrderService

log = logging.getLogger(__name__)

COUNT_SECONDS = 5.0
"""How often statistics are brought up to date while nobody asks for any."""

Task = Callable[[], Coroutine[Any, Any, None]]


def counting_tasks(
    settings: Settings, engine: Engine, stats: Statistics, service: WorkOrderService, wake: Callable[[], None]
) -> tuple[Task, ...]:
    """Each runs until it is cancelled. `wake`: there is something in the outbox."""
    return (
        partial(keep_counting, stats.facts),
        Scheduler(stats.saved, stats, targets(settings)).run,
        Revisits(engine, stats.facts, service, wake).run,
    )


def targets(settings: Settings) -> Targets:
    """Where scheduled reports may go."""
    secret = settings.dispatch.webhook_secret
    return Targets(
        settings.stats.folder or settings.paths.data / "reports",
        settings.stats.webhooks,
        () if secret is None else (secret.get_secret_value().encode(),),
    )


async def keep_counting(facts: FactStore) -> None:
    """Count what has happened, seconds after, until cancelled; reports count what is left themselves."""
    while True:
        left = 0
        try:
            left = await anyio.to_thread.run_sync(facts.refresh)
            if not left:
                await anyio.to_thread.run_sync(facts.close_days)
        except StoreError as error:
            log.warning("statistics not brought up to date, trying again", extra={"code": error.code})
        except Exception as error:  # noqa: BLE001  supervision point: one bad row must not end the line
            log.error("statistics stumbled", extra={"error": type(error).__name__})
        await anyio.sleep(0.1 if left else COUNT_SECONDS)
