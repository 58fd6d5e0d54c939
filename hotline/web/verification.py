"""Verifies the audit chain beside the line, when an auditor asks: one at a time, with progress."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from hotline.audit.report import Report
from hotline.audit.roots import PUBLIC, read_public
from hotline.audit.verify import Wanted, verify
from hotline.errors import HotlineError
from hotline.web.deps import WebDeps

log = logging.getLogger(__name__)

Json = dict[str, Any]
SHOWN = 50
"""Broken things that are shown."""


class Verification:
    """Of one running line. `run` works in the background; the rest returns at once."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps
        self._wanted: bool | None = None
        self._asked = anyio.Event()
        self._progress: tuple[int, int] | None = None
        self._result: Json | None = None

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._progress is not None or self._wanted is not None

    @property
    def state(self) -> Json:
        """How far it is, and what the last one found."""
        done, of = self._progress or (0, 0)
        return {"running": self.running, "done": done, "of": of, "result": self._result}

    def ask(self, *, recordings: bool) -> bool:
        """Begin one; False while another is under way."""
        if self.running:
            return False
        self._wanted = recordings
        self._asked.set()
        return True

    async def run(self) -> None:
        """Verify whenever it is asked, until cancelled; a verification under way is given up then."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            recordings, self._progress, self._wanted = bool(self._wanted), (0, 0), None
            began = self._deps.now()
            try:
                report = await anyio.to_thread.run_sync(self._verify, recordings, abandon_on_cancel=True)
                self._result = _result(report, began, self._deps.now())
            except (HotlineError, OSError) as error:
                code = error.code if isinstance(error, HotlineError) else "audit.unreadable"
                log.error("the audit chain could not be verified", extra={"code": code})
                self._result = {"at": began.isoformat(), "error": code}
            finally:
                self._progress = None

    def _verify(self, recordings: bool) -> Report:
        settings = self._deps.settings
        public = public_key_of(settings.audit.key)
        wanted = Wanted(
            public=read_public(public) if public is not None else None,
            tapes=settings.recordings if recordings else None,
        )
        return verify(self._deps.users.engine, wanted, self._tell)

    def _tell(self, done: int, of: int) -> None:
        self._progress = (done, of)


def public_key_of(key: Path | None) -> Path | None:
    """The public key beside the private one, where there is one."""
    beside = key.with_name(key.name + PUBLIC) if key is not None else None
    return beside if beside is not None and beside.is_file() else None


def _result(report: Report, began: datetime, ended: datetime) -> Json:
    return {
        "at": began.isoformat(),
        "seconds": round((ended - began).total_seconds(), 1),
        "sound": report.sound,
        "entries": max(report.last - report.first + 1, 0),
        "recordings": report.recordings,
        "deleted_recordings": report.deleted_recordings,
        "roots": report.roots,
        "signed": report.signed,
        "waiting": report.state.waiting if report.state is not None else 0,
        "problems": report.count,
        "broken": [
            {"kind": each.kind, "source": each.source, "row": each.row, "seq": each.seq}
            for each in report.broken[:SHOWN]
        ],
    }
