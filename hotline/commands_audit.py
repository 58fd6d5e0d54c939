"""What `hotline audit` does; printing is left to the caller."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from hotline.audit.export import lines
from hotline.audit.report import Broken, Report
from hotline.audit.roots import Signer, read_key, read_public, read_roots
from hotline.audit.sealer import Sealer
from hotline.audit.verify import Wanted, verify
from hotline.call.line import utc_now
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.store.audit import TERMINAL, AuditStore
from hotline.wiring import open_database

WORDS = {
    "changed": "its content is not what was sealed",
    "deleted": "it is gone",
    "inserted": "it was put there afterwards: among sealed rows, without an entry",
    "reordered": "it has the content of another row",
    "entry_changed": "the chain's entry itself was altered",
    "entry_missing": "the chain's entry is gone",
    "state_changed": "the order does not stand as the last line of its history says",
    "words_changed": "what was said in it is not what its sealed row commits to",
    "words_missing": "what was said in it is gone, without a certificate of deletion",
    "recording_missing": "the recording is gone, without a certificate of deletion",
    "recording_changed": "the recording is not the one that was sealed",
    "root_missing": "signed roots before it are missing",
    "root_reordered": "the signed roots are not in their order, or one was altered",
    "root_signature": "it is not signed with that key",
    "root_mismatch": "the chain is not what was signed",
    "root_unknown": "the database has another root of that number, or none",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What `verify` is asked."""

    since: date | None = None
    until: date | None = None
    roots: Path | None = None
    public_key: Path | None = None
    recordings: bool = True


def verify_chain(settings: Settings, question: Question) -> Report:
    """Verify, with progress on stderr. Raises `KeyUnusable`, `StoreError`, `ConfigError`."""
    if question.roots is not None and not question.roots.is_dir():
        raise ConfigError([f"--roots {question.roots}: no such folder"])
    wanted = Wanted(
        since=question.since,
        until=question.until,
        roots=tuple(read_roots(question.roots)) if question.roots is not None else None,
        public=read_public(question.public_key) if question.public_key is not None else None,
        tapes=settings.recordings if question.recordings else None,
    )
    engine, screen = open_database(settings), Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bars:
        bar = bars.add_task("audit chain", total=None)
        return verify(engine, wanted, lambda done, of: bars.update(bar, completed=done, total=of))


def described(report: Report) -> dict[str, Any]:
    """The report as plain values; `lines` for people, the verdict last."""
    state = report.state
    waiting = state.waiting if state is not None else 0
    told = [
        f"entries {report.first} to {report.last}; {report.recordings} recordings, of which "
        f"{report.deleted_recordings} deleted with a certificate; {report.erased_lines} lines of orders' "
        f"histories whose words were deleted with a certificate; {report.roots} roots"
        + ("" if report.signed else ", signatures not looked at (--public-key)"),
    ]
    if waiting and state is not None and state.oldest is not None:
        told.append(
            f"{waiting} rows have no entry yet and are vouched for by nothing, "
            f"the oldest since {state.oldest.isoformat(timespec='seconds')}"
        )
    told += [line_of(each) for each in report.broken]
    if report.count > len(report.broken):
        told.append(f"… and {report.count - len(report.broken)} more")
    told.append("the chain is whole" if report.sound else f"BROKEN in {report.count} places")
    return {
        "sound": report.sound,
        "first": report.first,
        "last": report.last,
        "recordings": report.recordings,
        "roots": report.roots,
        "waiting": waiting,
        "problems": report.count,
        "broken": [asdict(each) for each in report.broken],
        "lines": told,
    }


def line_of(broken: Broken) -> str:
    """One broken thing in words."""
    where = f" (entry {broken.seq})" if broken.seq is not None else ""
    more = f" [{broken.detail}]" if broken.detail else ""
    return f"{broken.kind}: {broken.source} {broken.row}{where}: {WORDS.get(broken.kind, '')}{more}"


def sign_head(settings: Settings) -> str:
    """Seal what waits and sign the head; the root as a JSON line. Raises `ConfigError` without a key."""
    if settings.audit.key is None:
        raise ConfigError(["audit.key: not set; hotline audit keygen makes one"])
    key = read_key(settings.audit.key)
    engine = open_database(settings)
    AuditStore(engine).record(TERMINAL, "audit.sign", "chain", utc_now())
    Sealer(engine, utc_now).seal_all()
    root = Signer(engine, key, settings.audit_roots).sign_now(utc_now())
    return root.line.decode() if root is not None else ""


def export_chain(settings: Settings, out: IO[bytes], days: tuple[date | None, date | None]) -> int:
    """Write the chain; how many entries. That it was exported is on record first."""
    engine = open_database(settings)
    detail = json.dumps({"from": str(days[0] or ""), "to": str(days[1] or "")})
    AuditStore(engine).record(TERMINAL, "audit.export", "chain", utc_now(), detail)
    count = 0
    for line in lines(engine, *days):
        out.write(line)
        count += 1
    return count
