"""The composition root: settings → wired objects → one task group. The only place adapters are chosen."""

import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from asr.catalog import Catalog
from asr.normalize import normalize, warm
from asr.pool import AsrPool
from hotline.bus import InProcessBus
from hotline.call.admission import Admission
from hotline.call.contained import where
from hotline.call.line import Line, utc_now
from hotline.call.session import CallSession
from hotline.conversation import CallId
from hotline.doors import Door, Doors, Task, open_doors
from hotline.gateway.media import IncomingCall
from hotline.heap import keep_trimmed, settled_heap
from hotline.office import Office
from hotline.rulebook import Rulebook
from hotline.secrets_key import open_looked_after
from hotline.settings import Settings
from hotline.store.calls import CallStore
from hotline.store.users import UserStore
from hotline.web.server import make_app, serve_web
from hotline.wiring import (
    Tell,
    health,
    listening,
    make_folders,
    manifest_path,
    prepare_prompts,
    recover,
    sole_owner,
)
from workorders.queries import OrderQueries

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
"""At shutdown calls get a BYE and this long for the far end's answer."""
LAST_WRITES_SECONDS = 20.0
"""And this long for their last words, orders and records."""


@dataclass(frozen=True, slots=True)
class Running:
    """A line that is up."""

    settings: Settings
    bus: InProcessBus
    engine: Engine
    users: UserStore
    orders: OrderQueries
    sip_port: int
    web_port: int
    admission: Admission

    @property
    def page(self) -> str:
        """Address of the page."""
        return f"http://{self.settings.web.host}:{self.web_port}/"

    @property
    def sip_uri(self) -> str:
        """What to dial."""
        port = "" if self.sip_port == 5060 else f":{self.sip_port}"
        return f"sip:{self.settings.sip.numbers[0]}@{self.settings.sip.host}{port}"


@asynccontextmanager
async def running(settings: Settings, tell: Tell) -> AsyncIterator[Running]:
    """A line that is up while the context is open.

    Raises `ConfigError`, `StoreError` or `asr.errors.ModelUnavailable` before anything rings when something
    is wrong. Leaving the context refuses new calls, hangs up on running ones and writes every record.
    """
    rulebook = Rulebook.load(settings.flows)
    make_folders(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(sole_owner(settings.paths.data))
        engine = await anyio.to_thread.run_sync(open_looked_after, settings, tell)
        stack.callback(engine.dispose)
        calls = CallStore(engine)
        await anyio.to_thread.run_sync(recover, settings, calls, tell)
        catalog = Catalog.load(manifest_path(), settings.models)
        prompts = await prepare_prompts(settings, catalog, tell)
        office = Office(settings, rulebook, engine, calls)
        await office.staff.open()
        tell("starting recognition")
        await anyio.to_thread.run_sync(warm)
        pool = await stack.enter_async_context(AsrPool.running(settings.asr, catalog, normalize))
        admission = Admission(settings.limits, lambda: pool.level)
        doors = await stack.enter_async_context(open_doors(settings, office, admission, rulebook.callback))
        office.show("asr", lambda: pool.stats)
        background = await stack.enter_async_context(anyio.create_task_group())
        for task in (*office.tasks(), *doors.tasks, keep_trimmed):
            background.start_soon(task)
        well = partial(health, pool, office.journal, office.desk)
        web = office.web(settings, well, doors.web, doors.staff_leg, doors.back)
        with listening("web.port", settings.web.host, settings.web.port):
            web_port = await background.start(serve_web, make_app(web), settings.web)
        line = office.line(settings, rulebook, pool, prompts, doors.trunks.dial)
        switchboard = Switchboard(line, admission)
        for task in switchboard.tasks(doors):
            background.start_soon(task)
        stack.enter_context(settled_heap())
        tell("ready")
        try:
            yield Running(
                settings, office.bus, engine, web.users, web.orders, doors.sip.port, web_port, admission
            )
        finally:
            with anyio.move_on_after(DRAIN_SECONDS + LAST_WRITES_SECONDS, shield=True):
                admission.drain()
                await doors.shutdown(DRAIN_SECONDS)
                await switchboard.empty()
                office.journal.close()
                await office.journal.written()
                await office.staff.close()
            background.cancel_scope.cancel()


Around = Callable[[CallId, IncomingCall, Line], AbstractAsyncContextManager[Line]]


@asynccontextmanager
async def as_it_is(_call: CallId, _incoming: IncomingCall, line: Line) -> AsyncIterator[Line]:
    """Nothing more is needed around a call."""
    yield line


class Switchboard:
    """Gives every incoming call its session, and is the one place where a call's failure is caught."""

    def __init__(self, line: Line, admission: Admission) -> None:
        self._line = line
        self._admission = admission
        self._last = anyio.Event()

    def tasks(self, doors: Doors) -> tuple[Task, ...]:
        """Attend to every door, and to the calls that agents place."""
        return (
            *(partial(self.attend, door) for door in doors.all),
            partial(self.attend, doors.back, doors.back.around),
        )

    async def attend(self, door: Door, around: Around = as_it_is) -> None:
        """Take calls until cancelled; then every session still writes its record. `around` is entered for
        each of them and gives it its line."""
        async with anyio.create_task_group() as calls:
            async for incoming in door.incoming():
                if door_shut := self._admission.check():
                    await incoming.reject(door_shut.status, door_shut.reason, door_shut.retry_after)
                    continue
                self._admission.active += 1
                calls.start_soon(self._one, incoming, around)

    async def empty(self) -> None:
        """Return when no call is left."""
        while self._admission.active:
            self._last = anyio.Event()
            await self._last.wait()

    async def _one(self, incoming: IncomingCall, around: Around) -> None:
        call = new_call_id()
        try:
            async with around(call, incoming, self._line) as line:
                await CallSession(call, incoming, line).run()
        except Exception as error:  # noqa: BLE001  supervision point: one call's failure ends that call only
            log.error(
                "call failed", extra={"call_id": call, "error": type(error).__name__, "at": where(error)}
            )
        finally:
            self._admission.active -= 1
            self._last.set()


def new_call_id() -> CallId:
    """Sorts by time, says nothing about the caller, cannot be guessed."""
    return CallId(f"{utc_now():%Y%m%d%H%M%S}-{secrets.token_hex(4)}")
