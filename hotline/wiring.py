"""The smaller joints of the composition root: folders, database, recovery, prompts, gateways, health."""

import fcntl
import hashlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from asr.catalog import Catalog
from asr.pool import AsrPool
from hotline.audit.roots import Signer, read_key
from hotline.bus import InProcessBus
from hotline.call import recording
from hotline.call.desk import Desk
from hotline.call.journal import Journal
from hotline.call.line import utc_now
from hotline.conversation import CallId
from hotline.errors import ConfigError, HotlineError, StoreError
from hotline.events import OrderDispatched
from hotline.intent.router import Router
from hotline.ivr.prompts import Progress, PromptBook
from hotline.robot.speech import open_speech
from hotline.settings import AuditSettings, Settings
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine
from hotline.store.files import FileStore
from hotline.store.outbound import OutboundLog
from hotline.store.upgrade import HowFar, upgrade
from hotline.store.webhook_keys import WebhookKeys
from hotline.veil import Sight, unasked, veil
from hotline.web.deps import Health
from hotline.web.unit_parts import UnitParts
from workorders.addresses import AddressPolicy
from workorders.dead_letters import DeadLetters
from workorders.departments_http import HttpDepartments
from workorders.exchange_rules import is_outside
from workorders.feed import UnitFeed
from workorders.intake import IntakeKeys
from workorders.messages import WorkOrderDispatched, WorkOrderEvent
from workorders.model import WorkOrder
from workorders.ports import DepartmentGateway
from workorders.routing import RoutingRules

log = logging.getLogger(__name__)

SIGN_SECONDS = 600.0
"""How often it is looked whether a root is due."""

Tell = Callable[[str], None]
"""Says to a person what is going on; English, one line."""


def manifest_path() -> Path:
    """The model catalogue: the checkout's, else the installed one. Raises `ConfigError`."""
    for base in (Path(__file__).parents[1], Path(sys.prefix) / "share" / "hotline"):
        if (base / "models" / "manifest.toml").is_file():
            return base / "models" / "manifest.toml"
    raise ConfigError(["models/manifest.toml: not found beside the package nor installed"])


def make_folders(settings: Settings) -> None:
    """Make what the line writes into. Raises `ConfigError` when it cannot be written."""
    for folder in (settings.paths.data, settings.recordings):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial = folder / ".writable"
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise ConfigError([f"paths.data: {folder}: {error.strerror}"]) from error


@contextmanager
def listening(setting: str, host: str, port: int) -> Iterator[None]:
    """An address that cannot be bound in this block is a `ConfigError` naming the setting."""
    try:
        yield
    except OSError as error:
        why = error.strerror or "in use, or not an address of this machine"
        raise ConfigError([f"{setting}: cannot listen on {host}:{port}: {why}"]) from error


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold the data folder against a second line: it would take our calls for a dead one's and close them.

    Raises `ConfigError` when another process holds it. The lock goes with the process, however that ends.
    """
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError([f"paths.data: {folder} is in use by another line"]) from error
        yield


async def sweep_daily(*sweeps: Callable[[datetime], object]) -> None:
    """Delete what may no longer be kept, at the start and once a day, until cancelled."""
    while True:
        for sweep in sweeps:
            try:
                await anyio.to_thread.run_sync(sweep, utc_now())
            except StoreError as error:
                log.error("retention not enforced, trying again tomorrow", extra={"code": error.code})
        await anyio.sleep(24 * 3600)


async def sign_daily(engine: Engine, audit: AuditSettings, folder: Path) -> None:
    """Sign the chain's head once a day, soon after midnight, until cancelled. Does nothing without a key."""
    if audit.key is None:
        return
    while True:
        try:
            signer = Signer(engine, read_key(audit.key), folder)
            await anyio.to_thread.run_sync(signer.sign_due, utc_now())
        except HotlineError as error:
            log.error("the audit chain's root is not signed, trying again", extra={"code": error.code})
        await anyio.sleep(SIGN_SECONDS)


def open_database(settings: Settings, tell: HowFar | None = None) -> Engine:
    """The engine, its tables up to date; `tell` hears how far that is. Raises `StoreError`."""
    engine = make_engine(settings.database_url)
    upgrade(engine, settings.secrets_key, tell)
    return engine


def recover(settings: Settings, calls: CallStore, tell: Tell) -> None:
    """Close what a killed process left open: call rows and half-written recordings."""
    orphans = calls.recover(utc_now())
    tapes = recording.recover(settings.recordings)
    for name in tapes:
        with (settings.recordings / name).open("rb") as tape:
            digest = hashlib.file_digest(tape, "sha256").hexdigest()
        calls.attach_recording(CallId(name.removesuffix(recording.WHOLE)), name, digest)
    if orphans or tapes:
        tell(f"recovered {len(orphans)} calls and {len(tapes)} recordings from before")


async def prepare_prompts(settings: Settings, catalog: Catalog, tell: Tell) -> PromptBook:
    """The prompts, spoken by the offline TTS where no recording and no cache has them.

    Raises `ModelUnavailable` when speech is needed and its weights are not there.
    """
    async with open_speech(catalog) as speech:
        book = PromptBook.load(settings.flows, settings.paths.data / "prompts", speech)

        def show(progress: Progress) -> None:
            if progress.total:
                tell(f"preparing prompts {progress.done}/{progress.total}")

        await book.prepare(show)
    return book


def gateways(settings: Settings, rules: RoutingRules, engine: Engine) -> tuple[DepartmentGateway, ...]:
    """How units that want it are told of their orders."""
    keys = webhook_keys(settings, engine)
    if keys is None:
        return ()
    policy = AddressPolicy.of(settings.dispatch.allowed_networks)
    addresses = {**rules.webhooks, **rules.exchange.addresses}
    authority = settings.dispatch.authority
    return (HttpDepartments(addresses, keys.secrets, policy=policy, authority=authority),)


def webhook_keys(settings: Settings, engine: Engine) -> WebhookKeys | None:
    """The units' webhook secrets; None without a master secret."""
    secret = settings.dispatch.webhook_secret
    return None if secret is None else WebhookKeys(engine, secret.get_secret_value().encode())


def outward_order(rules: RoutingRules, order: WorkOrder, receiver: str) -> WorkOrder:
    """An order as a unit's own system, or one outside that a person has sent it to, may see it."""
    sight = Sight.PERSONAL if is_outside(receiver) else unasked(rules.outward, order)
    return veil(order, sight, rules.outward)


def unit_parts(
    settings: Settings, engine: Engine, router: Router, revive: Callable[[str], bool]
) -> UnitParts:
    """What the units' pages and API stand on. `revive` sends a dead letter again."""
    keep_free = settings.attachments.keep_free_mb * 1024 * 1024
    return UnitParts(
        feed=UnitFeed(engine),
        files=FileStore(settings.paths.data / "attachments", keep_free),
        outbound=OutboundLog(engine),
        intake=IntakeKeys(engine),
        reader=router,
        letters=DeadLetters(engine),
        revive=revive,
        keys=webhook_keys(settings, engine),
    )


def publish_order(bus: InProcessBus, event: WorkOrderEvent) -> None:
    """Put what happened to an order on the bus, where the page listens."""
    if isinstance(event, WorkOrderDispatched):
        bus.publish(
            OrderDispatched(CallId(event.call_id), event.number, event.unit, event.unit_name, event.due)
        )


def health(pool: AsrPool, journal: Journal, desk: Desk) -> Health:
    """Ready, or why not."""
    problems = []
    if pool.level >= 4:
        problems.append("recognition is overloaded")
    if journal.failing:
        problems.append("the database does not take writes")
    if desk.waiting:
        problems.append(f"{desk.waiting} orders are not filed yet")
    return Health(ready=not problems, problems=tuple(problems))
