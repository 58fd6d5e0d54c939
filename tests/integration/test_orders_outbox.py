"""The outbox on both databases: in-trays, events, webhooks over real HTTP, dead letters, company."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

import anyio
import pytest
from sqlalchemy import Engine, func, select, update

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.departments_http import HttpDepartments
from workorders.messages import EditWorkOrder, WorkOrderDispatched, WorkOrderEvent, WorkOrderFiled
from workorders.model import Action, State
from workorders.outbox import Outbox, OutboxOptions, RetryPolicy
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService
from workorders.signature import BadSignature, verify
from workorders.sql import unit_of_work
from workorders.tables import order_history, order_outbox, work_orders

pytestmark = pytest.mark.integration

SECRET = "0123456789abcdef-secret"
UNIT = "legal_aid-510104"
OTHER = "legal_aid-510105"


def secrets(*_: object) -> tuple[bytes, ...]:
    return (SECRET.encode(),)


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Receiver:
    """A unit's system: checks signatures, answers as told, keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, object]]] = []
        self.hold: Event | None = None
        self.clock: Callable[[], datetime] = lambda: NOW
        self.url = ""
        self._lock = Lock()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        if self.hold is not None:
            self.hold.wait(10)
        delivery = headers["Hotline-Delivery"]
        try:
            verify(SECRET.encode(), delivery, body, headers["Hotline-Signature"], self.clock())
        except BadSignature:
            return 401
        with self._lock:
            self.got.append((delivery, json.loads(body)))
            return self.answers.pop(0) if self.answers else 204


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(dict(self.headers.items()), body)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{receiver.url}elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            if receiver.hold is not None:
                receiver.hold.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


@pytest.fixture
def events() -> list[WorkOrderEvent]:
    return []


def statuses(engine: Engine, kind: str) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(order_outbox.c.status).where(order_outbox.c.kind == kind)))


def test_filing_reaches_the_in_tray_and_the_bus_once(
    engine: Engine, service: WorkOrderService, clock: Clock, events: list[WorkOrderEvent]
) -> None:
    outbox = Outbox(engine, [], events.append, clock=clock)
    filed = service.handle(wage_claim())
    clock.forward(seconds=7)
    assert outbox.facts().waiting == 2
    assert outbox.facts().oldest_age_s == pytest.approx(7)
    assert anyio.run(outbox.run_once) == 3
    assert anyio.run(outbox.run_once) == 0
    assert events == [
        WorkOrderFiled(filed.number, "call-1"),
        WorkOrderDispatched(filed.number, "call-1", UNIT, "成都市锦江区法律援助中心", filed.due),
    ]
    view = OrderQueries(engine).get(filed.number)
    assert view is not None
    assert view.order.state is State.DISPATCHED
    assert [entry.action for entry in view.history] == [Action.FILE, Action.DISPATCH]
    assert outbox.facts().waiting == 0
    assert outbox.facts().oldest_age_s == 0


def test_many_outboxes_dispatch_each_order_once(
    engine: Engine, service: WorkOrderService, clock: Clock, events: list[WorkOrderEvent]
) -> None:
    for index in range(30):
        service.handle(wage_claim(f"call-{index}"))

    async def together() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(Outbox(engine, [], events.append, clock=clock).run_once)

    anyio.run(together)
    anyio.run(Outbox(engine, [], events.append, clock=clock).run_once)
    assert len(events) == 60
    assert len(set(events)) == 60
    with engine.connect() as connection:
        dispatched = connection.scalar(
            select(func.count()).select_from(order_history).where(order_history.c.action == "dispatch")
        )
    assert dispatched == 30


def test_a_webhook_is_signed_and_carries_the_order(
    engine: Engine,
    service: WorkOrderService,
    clock: Clock,
    receiver: Receiver,
    events: list[WorkOrderEvent],
) -> None:
    gateway = HttpDepartments({UNIT: receiver.url}, secrets, clock)
    filed = service.handle(wage_claim())
    service.handle(wage_claim("call-2", district="510105"))  # a unit without a system of its own
    anyio.run(Outbox(engine, [gateway], events.append, clock=clock).run_once)
    [(delivery, order)] = receiver.got
    assert order["number"] == filed.number
    assert order["caller_contact"] == "13800001234"
    assert order["state"] == "dispatched"
    assert order["due"] == "2026-11-23T15:59:59+00:00"
    view = OrderQueries(engine).get(filed.number)
    assert view is not None
    [shown] = view.deliveries
    assert (shown.delivery_id, shown.status, shown.attempts) == (delivery, "done", 1)


def test_failures_are_tried_again_with_the_same_delivery_id(
    engine: Engine, service: WorkOrderService, clock: Clock, receiver: Receiver
) -> None:
    receiver.clock = clock
    receiver.answers = [500, 302, 503]
    gateway = HttpDepartments({UNIT: receiver.url}, secrets, clock)
    outbox = Outbox(engine, [gateway], lambda event: None, clock=clock)
    service.handle(wage_claim())
    anyio.run(outbox.run_once)
    for tries in (2, 3, 4):
        assert anyio.run(outbox.run_once) == 0, "tried again without a pause"
        clock.forward(minutes=2)
        anyio.run(outbox.run_once)
        assert len(receiver.got) == tries
    assert len({delivery for delivery, _ in receiver.got}) == 1
    assert statuses(engine, "webhook") == ["done"]


def test_a_delivery_without_hope_becomes_a_dead_letter_and_can_be_revived(
    engine: Engine, service: WorkOrderService, clock: Clock, receiver: Receiver
) -> None:
    receiver.clock = clock
    receiver.answers = [500, 500, 410]
    gateway = HttpDepartments({UNIT: receiver.url}, secrets, clock)
    options = OutboxOptions(retry=RetryPolicy(attempts=2))
    outbox = Outbox(engine, [gateway], lambda event: None, options, clock)
    filed = service.handle(wage_claim())
    for _ in range(3):
        anyio.run(outbox.run_once)
        clock.forward(hours=2)
    assert len(receiver.got) == 2
    assert (outbox.facts().waiting, outbox.facts().dead) == (0, 1)
    view = OrderQueries(engine).get(filed.number)
    assert view is not None
    assert (view.deliveries[0].status, view.deliveries[0].problem) == ("dead", "order.delivery_failed 500")
    assert view.order.state is State.DISPATCHED

    assert outbox.revive(view.deliveries[0].delivery_id)
    anyio.run(outbox.run_once)  # 410: refused at once
    assert outbox.facts().dead == 1
    assert outbox.revive(view.deliveries[0].delivery_id)
    anyio.run(outbox.run_once)
    assert statuses(engine, "webhook") == ["done"]
    assert not outbox.revive(view.deliveries[0].delivery_id)


def test_a_unit_that_hangs_holds_up_no_other(
    engine: Engine, service: WorkOrderService, clock: Clock, receiver: Receiver
) -> None:
    with serving(Receiver()) as hanging:
        hanging.hold = Event()
        gateway = HttpDepartments({UNIT: hanging.url, OTHER: receiver.url}, secrets, clock)
        options = OutboxOptions(poll_s=0.02, deliveries=2)
        events: list[WorkOrderEvent] = []
        outbox = Outbox(engine, [gateway], events.append, options, clock)
        for index in range(3):
            service.handle(wage_claim(f"slow-{index}"))
            service.handle(wage_claim(f"quick-{index}", district="510105"))

        async def scenario() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(outbox.run)
                with anyio.fail_after(20):
                    while len(receiver.got) < 3 or len(events) < 12:  # noqa: ASYNC110  other threads
                        await anyio.sleep(0.02)
                group.cancel_scope.cancel()

        anyio.run(scenario)
        assert len(hanging.got) == 0
        # The delivery under way when we were told to stop was given back, untried.
        with engine.connect() as connection:
            waiting = connection.execute(
                select(order_outbox.c.leased_until, order_outbox.c.attempts).where(
                    order_outbox.c.status == "waiting"
                )
            ).all()
        assert waiting == [(None, 0)] * 3


def test_wake_beats_the_poll(engine: Engine, service: WorkOrderService, events: list[WorkOrderEvent]) -> None:

    async def scenario() -> None:
        both = anyio.Event()

        def publish(event: WorkOrderEvent) -> None:
            events.append(event)
            if len(events) == 2:
                both.set()

        outbox = Outbox(engine, [], publish, OutboxOptions(poll_s=60), lambda: datetime.now(UTC))
        async with anyio.create_task_group() as group:
            group.start_soon(outbox.run)
            await anyio.sleep(0.3)
            await anyio.to_thread.run_sync(service.handle, wage_claim())
            outbox.wake()
            with anyio.fail_after(10):
                await both.wait()
            group.cancel_scope.cancel()

    anyio.run(scenario)


def test_a_lease_left_by_a_dead_process_ends(
    engine: Engine, service: WorkOrderService, clock: Clock, events: list[WorkOrderEvent]
) -> None:
    service.handle(wage_claim())
    with engine.begin() as connection:
        connection.execute(
            update(order_outbox)
            .where(order_outbox.c.kind == "event")
            .values(leased_until=NOW + timedelta(seconds=60), lease_owner="dead", attempts=1)
        )
    outbox = Outbox(engine, [], events.append, clock=clock)
    anyio.run(outbox.run_once)
    assert [type(event) for event in events] == [WorkOrderDispatched]
    clock.forward(seconds=61)
    anyio.run(outbox.run_once)
    assert [type(event) for event in events] == [WorkOrderDispatched, WorkOrderFiled]


def test_an_edit_before_dispatch_is_kept(engine: Engine, service: WorkOrderService, clock: Clock) -> None:
    filed = service.handle(wage_claim())
    service.handle(EditWorkOrder(filed.number, 1, "agent", "people", "9", NOW))
    anyio.run(Outbox(engine, [], lambda event: None, clock=clock).run_once)
    view = OrderQueries(engine).get(filed.number)
    assert view is not None
    people = view.order.field("people")
    assert people is not None
    assert (people.field.value, view.order.version) == ("9", 3)


def test_an_unreadable_event_is_buried_and_the_rest_goes_on(
    engine: Engine, service: WorkOrderService, clock: Clock, events: list[WorkOrderEvent]
) -> None:
    service.handle(wage_claim())
    with engine.begin() as connection:
        connection.execute(
            update(order_outbox).where(order_outbox.c.kind == "event").values(payload={"type": "later"})
        )
    outbox = Outbox(engine, [], events.append, clock=clock)
    anyio.run(outbox.run_once)
    assert [type(event) for event in events] == [WorkOrderDispatched]
    assert outbox.facts().dead == 1


def test_a_faulty_gateway_stops_nobody(engine: Engine, service: WorkOrderService, clock: Clock) -> None:
    class Faulty:
        def serves(self, unit: str) -> bool:
            return unit == UNIT

        async def deliver(self, parcel: object) -> None:
            raise KeyError("a bug")

    service.handle(wage_claim())
    outbox = Outbox(engine, [Faulty()], lambda event: None, clock=clock)
    anyio.run(outbox.run_once)
    assert statuses(engine, "webhook") == ["waiting"]
    assert statuses(engine, "dispatch") == ["done"]


def test_an_order_that_cannot_be_dispatched_is_a_dead_letter(
    engine: Engine, service: WorkOrderService, clock: Clock, events: list[WorkOrderEvent]
) -> None:
    filed = service.handle(wage_claim())
    other = service.handle(wage_claim("call-2"))
    with engine.begin() as connection:
        connection.execute(
            update(work_orders).where(work_orders.c.number == filed.number).values(state="replied")
        )
    outbox = Outbox(engine, [], events.append, clock=clock)
    anyio.run(outbox.run_once)
    assert [event.number for event in events if isinstance(event, WorkOrderDispatched)] == [other.number]
    assert outbox.facts().dead == 1


def test_a_delivery_that_outlives_its_lease_is_not_started_twice(
    engine: Engine, service: WorkOrderService, receiver: Receiver
) -> None:
    receiver.clock = lambda: datetime.now(UTC)
    receiver.hold = Event()
    gateway = HttpDepartments({UNIT: receiver.url}, secrets)
    outbox = Outbox(engine, [gateway], lambda event: None, OutboxOptions(poll_s=0.01, lease_s=0.05))
    service.handle(wage_claim())

    async def scenario() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(outbox.run)
            await anyio.sleep(0.5)
            assert receiver.hold is not None
            receiver.hold.set()
            with anyio.fail_after(10):
                while (await anyio.to_thread.run_sync(outbox.facts)).waiting:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()

    anyio.run(scenario)
    assert len(receiver.got) == 1
