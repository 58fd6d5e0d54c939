"""Looks at this machine and says what the line is missing, and how to mend it."""

import importlib.util
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotline.errors import ConfigError
from hotline.settings import Settings, load

FREE_BYTES = 2 * 1024**3
"""Less free disk than this is worth a word: an hour of one stereo call takes 115 MB."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    found: str
    mend: str = ""


def examine(config: Path | None) -> Iterator[Finding]:
    """Everything that can be wrong before the line starts, one finding each."""
    yield _python()
    yield from _libraries()
    try:
        settings = load(config or (Path("hotline.toml") if Path("hotline.toml").exists() else None))
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("settings", ok=False, found=problem, mend="see hotline.example.toml")
        return
    yield Finding("settings", ok=True, found="valid")
    yield _folder(settings.paths.data)
    yield from _flows(settings)
    yield from _models(settings)
    yield _diarizer(settings)
    yield from _ports(settings)
    yield (database := _database(settings))
    yield from _secrets(settings, tables=database.ok)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer")


def _libraries() -> Iterator[Finding]:
    needed = ("faster_whisper", "onnxruntime", "ai_edge_litert", "soxr", "sqlalchemy", "fastapi", "vosk")
    for name in needed:
        there = importlib.util.find_spec(name) is not None
        yield Finding(f"library {name}", there, "installed" if there else "missing", "pip install -e .")
    from hotline.gateway import jitter, opus

    compiled = str(jitter.__file__).endswith(".so")
    yield Finding("media path", ok=True, found="compiled" if compiled else "Python: scripts/compile_media.py")
    spoken = opus.available()
    yield Finding("libopus", ok=True, found="there" if spoken else "absent: Opus is not offered (libopus0)")
    fast = importlib.util.find_spec("uvloop") is not None
    yield Finding("library uvloop", ok=True, found="installed" if fast else "absent: media costs more CPU")


def _folder(path: Path) -> Finding:
    probe = path
    while not probe.exists():
        probe = probe.parent
    free = shutil.disk_usage(probe).free
    try:
        path.mkdir(parents=True, exist_ok=True)
        trial = path / ".doctor"
        trial.write_bytes(b"")
        trial.unlink()
    except OSError as error:
        found = f"{path}: {error.strerror}"
        return Finding("data folder", ok=False, found=found, mend="set paths.data to a writable folder")
    found = f"{path.resolve()}, {free / 1024**3:.1f} GiB free"
    return Finding("data folder", free > FREE_BYTES, found, "free some disk space")


def _flows(settings: Settings) -> Iterator[Finding]:
    from hotline.rulebook import Rulebook

    try:
        book = Rulebook.load(settings.flows)
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("flows", ok=False, found=problem, mend="hotline flows check")
        return
    found = f"{len(book.flow.nodes)} nodes, {len(book.router.categories)} categories"
    yield Finding("flows", ok=True, found=found)


def _models(settings: Settings) -> Iterator[Finding]:
    from asr.catalog import Catalog
    from asr.errors import ModelUnavailable
    from hotline.commands import needed_models
    from hotline.wiring import manifest_path

    catalog = Catalog.load(manifest_path(), settings.models)
    for name in needed_models(settings):
        try:
            yield Finding(f"weights {name}", ok=True, found=str(catalog.path(name)))
        except ModelUnavailable as error:
            yield Finding(f"weights {name}", ok=False, found=str(error), mend=f"hotline models fetch {name}")


def _diarizer(settings: Settings) -> Finding:
    """Only imported recordings need it; pyannote, when it is set up, is loaded to see whether it can be."""
    from asr.catalog import Catalog
    from asr.errors import DiarizerUnavailable, ModelUnavailable
    from asr.files import endpointing
    from asr.speakers.choice import pipeline_folder, wants_pyannote
    from asr.speakers.embedder import MODEL
    from hotline.wiring import manifest_path

    what, wishes = "diarizer", settings.asr.diarize
    catalog = Catalog.load(manifest_path(), settings.models)
    mend = 'docs/transcribe.md, or [asr.diarize] diarizer = "packaged"'
    try:
        if not wants_pyannote(wishes):
            ready = "ready" if catalog.has(MODEL) else f"not fetched: hotline models fetch {MODEL}"
            return Finding(
                what, ok=True, found=f"packaged, {ready}; pyannote: not set up (docs/transcribe.md)"
            )
        from asr.speakers.pyannote_turns import PyannoteDiarizer

        folder = pipeline_folder(wishes, catalog)
        loaded = PyannoteDiarizer(folder, endpointing(settings.asr), wishes, settings.asr.threads)
    except DiarizerUnavailable as error:
        return Finding(what, ok=False, found=f"pyannote: {error.english}", mend=mend)
    except ModelUnavailable as error:
        return Finding(what, ok=False, found=f"pyannote: {error}", mend=mend)
    return Finding(what, ok=True, found=f"pyannote {loaded.version} on {loaded.device}, {folder}")


def _ports(settings: Settings) -> Iterator[Finding]:
    wanted = (
        ("sip udp", settings.sip.host, settings.sip.port, socket.SOCK_DGRAM),
        ("sip tcp", settings.sip.host, settings.sip.port, socket.SOCK_STREAM),
        ("web", settings.web.host, settings.web.port, socket.SOCK_STREAM),
    )
    for name, host, port, kind in wanted:
        try:
            with socket.socket(socket.AF_INET, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            yield Finding(f"port {name}", ok=True, found=f"{host}:{port} is free")
        except OSError as error:
            mend = "another line is running, or choose another port"
            yield Finding(f"port {name}", ok=False, found=f"{host}:{port}: {error.strerror}", mend=mend)


def _database(settings: Settings) -> Finding:
    from hotline.errors import StoreError
    from hotline.store.engine import make_engine
    from hotline.store.upgrade import upgrade

    shown = settings.database_url.split("@")[-1]  # never a password
    try:
        engine = make_engine(settings.database_url)
        upgrade(engine, settings.secrets_key)
        engine.dispose()
    except StoreError as error:
        mend = "see store.url in hotline.example.toml"
        return Finding("database", ok=False, found=f"{shown}: {error}", mend=mend)
    return Finding("database", ok=True, found=f"{shown}, tables up to date")


def _secrets(settings: Settings, *, tables: bool) -> Iterator[Finding]:
    from hotline.secrets_key import problems
    from hotline.store.engine import make_engine
    from hotline.store.secret_box import SecretBox

    box, name = SecretBox(settings.secrets_key), "key of secrets"
    mend = "put it back from its copy, mode 0600; else hotline users reset-code"
    if wrong := box.problem():
        yield Finding(name, ok=False, found=wrong, mend=mend)
    elif tables:
        engine = make_engine(settings.database_url)
        found = list(problems(settings, engine))
        engine.dispose()
        for problem in found:
            yield Finding(name, ok=False, found=problem, mend=mend)
        if not found:
            there = f"{box.path}, mode 0600" if box.names() else "none yet: made at the first start"
            yield Finding(name, ok=True, found=there)
