"""Delivers what was committed: into in-trays, onto the bus, to units' own systems."""

import json
import logging
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from sqlalchemy import Engine

from workorders.errors import DeliveryFailed
from workorders.exchange_wire import delivery_to_json
from workorders.messages import WorkOrderEvent
from workorders.model import WorkOrder
from workorders.outbox_rows import Claim, OutboxFacts, OutboxRows
from workorders.ports import DepartmentGateway, Parcel
from workorders.storage import StorageFailed
from workorders.wire import BadPayload, event_from_json

log = logging.getLogger(__name__)

BATCH = 50
"""Rows taken in one go; nothing else is held in memory, the queue is the database."""
RELEASE_S = 2.0
"""How long giving a row back may take when we are told to stop."""
_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed delivery is tried again, and when it is given up."""

    first_s: float = 5.0
    """Mean wait after the first failure; doubles each time."""
    longest_s: float = 3_600.0
    attempts: int = 16
    """About six hours with the defaults."""

    def delay(self, attempt: int, chance: float) -> timedelta | None:
        """Wait after the failed `attempt` (from 1), spread by `chance` in [0, 1); None: give up."""
        if attempt >= self.attempts:
            return None
        mean = min(self.longest_s, self.first_s * math.ldexp(1.0, min(attempt - 1, 30)))
        return timedelta(seconds=mean * (0.5 + chance))


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """How the outbox works; the defaults are for service."""

    poll_s: float = 1.0
    """Longest pause between looks; `wake` shortens it."""
    lease_s: float = 60.0
    """A row taken by a process that died is free again after this. Longer than any delivery may take."""
    deliveries: int = 8
    """Webhooks under way at once, at most one a unit."""
    retry: RetryPolicy = RetryPolicy()


class Outbox:
    """Finishes outbox rows. Any number of processes may run one on the same database.

    `publish` is called on the event loop of one of them, once a committed event unless that process dies in
    the instant between publishing and marking it: then once more, so subscribers are idempotent. It must not
    raise. `veil` gives an order as the system of a code (a unit's, or one outside) may see it.
    """

    def __init__(
        self,
        engine: Engine,
        gateways: Sequence[DepartmentGateway],
        publish: Callable[[WorkOrderEvent], None],
        options: OutboxOptions | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        veil: Callable[[WorkOrder, str], WorkOrder] = lambda order, _receiver: order,
    ) -> None:
        self._veil = veil
        self._gateways = tuple(gateways)
        self._publish = publish
        self._options = options or OutboxOptions()
        self._clock = clock
        self._rows = OutboxRows(engine, clock, timedelta(seconds=self._options.lease_s))
        self._threads = anyio.CapacityLimiter(2)
        self._under_way: set[int] = set()
        self._wakers: set[anyio.Event] = set()

    async def run(self) -> None:
        """Work until cancelled; a delivery under way is then given back for the next process."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._loop, self._local)
            group.start_soon(self._loop, partial(self._start_deliveries, group))

    async def run_once(self) -> int:
        """Finish or try everything that is due now; gives the number of rows."""
        done = 0
        while step := await self._local():
            done += step
        async with anyio.create_task_group() as group:
            done += await self._start_deliveries(group)
        return done

    def wake(self) -> None:
        """Look now; call it on the event loop after filing."""
        for waker in tuple(self._wakers):
            waker.set()

    def facts(self) -> OutboxFacts:
        """Counts and oldest age; blocks on the database."""
        return self._rows.facts()

    def revive(self, delivery_id: str) -> bool:
        """Put a dead letter back into the queue; blocks on the database."""
        return self._rows.revive(delivery_id)

    async def _loop(self, step: Callable[[], Awaitable[int]]) -> None:
        while True:
            waker = anyio.Event()
            self._wakers.add(waker)  # before looking, so that nothing filed meanwhile is slept over
            try:
                worked = await step()
            except StorageFailed as error:
                log.warning("the outbox cannot use the database", extra={"error": str(error)})
                worked = 0
            except Exception as error:  # noqa: BLE001  supervision point: one bad row must not end the line
                log.error("the outbox stumbled", extra={"error": type(error).__name__})
                worked = 0
            if not worked:
                with anyio.move_on_after(self._options.poll_s):
                    await waker.wait()
            self._wakers.discard(waker)

    async def _local(self) -> int:
        dispatched = await self._thread(self._rows.dispatch_due, self._has_webhook, BATCH)
        claims = await self._thread(self._rows.claim_events, BATCH)
        published: list[Claim] = []
        for claim in claims:
            try:
                event = event_from_json(claim.payload)
            except BadPayload as error:
                await self._thread(self._rows.bury, claim, error.code)
                continue
            self._publish(event)
            published.append(claim)
        if published:
            await self._thread(self._rows.finish, published)
        return dispatched + len(claims)

    async def _start_deliveries(self, group: TaskGroup) -> int:
        free = self._options.deliveries - len(self._under_way)
        if free <= 0 or not self._gateways:
            return 0
        # Our own deliveries are left out, also when one has outlived its lease.
        claims = await self._thread(self._rows.claim_webhooks, free, frozenset(self._under_way))
        for claim in claims:
            self._under_way.add(claim.id)
            group.start_soon(self._deliver_and_forget, claim)
        return len(claims)

    async def _deliver_and_forget(self, claim: Claim) -> None:
        try:
            await self._deliver(claim)
        except StorageFailed as error:
            # Nothing is lost: the lease ends by itself and the row is taken again.
            log.warning("a delivery could not be noted", extra={"error": str(error)})
        finally:
            self._under_way.discard(claim.id)
            self.wake()

    async def _deliver(self, claim: Claim) -> None:
        gateway = next((each for each in self._gateways if each.serves(claim.unit)), None)
        if claim.order is None or gateway is None:
            await self._thread(self._rows.bury, claim, "order.no_gateway")
            return
        order = self._veil(claim.order, claim.unit)
        body = json.dumps(delivery_to_json(claim.payload, order), ensure_ascii=False).encode()
        try:
            await gateway.deliver(Parcel(claim.unit, claim.delivery_id, body))
        except DeliveryFailed as error:
            await self._failed(claim, error.told, again=error.retryable)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(RELEASE_S, shield=True):
                await self._thread(self._rows.release, claim)
            raise
        except Exception as error:  # noqa: BLE001  a gateway's fault must not stop the other units' orders
            log.error("a gateway failed unexpectedly", extra={"error": type(error).__name__})
            await self._failed(claim, "order.gateway_fault", again=True)
        else:
            await self._thread(self._rows.finish, [claim])

    async def _failed(self, claim: Claim, problem: str, *, again: bool) -> None:
        # Spread, so that many units' deliveries do not come back in step after an outage.
        wait = self._options.retry.delay(claim.attempt, random.random()) if again else None  # noqa: S311  no secret
        extra = {
            "unit": claim.unit,
            "delivery": claim.delivery_id,
            "attempt": claim.attempt,
            "error": problem,
        }
        if wait is None:
            log.error("a delivery was given up", extra=extra)
            await self._thread(self._rows.bury, claim, problem)
        else:
            log.warning("a delivery failed and will be tried again", extra=extra)
            await self._thread(self._rows.retry, claim, self._clock() + wait, problem)

    def _has_webhook(self, unit: str) -> bool:
        return any(gateway.serves(unit) for gateway in self._gateways)

    async def _thread(self, function: Callable[[*_Args], _T], *args: *_Args) -> _T:
        return await to_thread.run_sync(function, *args, limiter=self._threads)
