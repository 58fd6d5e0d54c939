"""Files that take a while: made one after the other, with progress, gone after an hour (thread-safe)."""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hotline.errors import HotlineError

KEEP_S = 3600.0
"""How long a file waits to be fetched."""
MOST = 20
"""Files and requests for files at once, of everybody."""
EACH = 4
"""Of one person."""


class TooMany(HotlineError):
    """Nobody may have more files made now."""

    code = "stats.busy"
    retryable = True


class Given(HotlineError):
    """The file is no longer wanted."""

    code = "stats.cancelled"


@dataclass(slots=True)
class Job:
    """A file being made, or made."""

    id: str
    owner: str
    name: str
    """What the file is called when it is fetched."""
    path: Path
    total: int
    """Rows there will be."""
    made: float
    """When it was asked for (steady seconds)."""
    done: int = 0
    state: str = "running"
    """running, ready, failed or cancelled."""
    problem: str = ""
    """Code of the error."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """All of one line; kept in memory, files in a folder that is emptied at the start."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._now = now
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._cleared = False

    def start(self, owner: str, name: str, total: int) -> Job:
        """A place for a file. Raises `TooMany`."""
        with self._lock:
            self._clear()
            self._forget_old()
            mine = sum(job.owner == owner for job in self._jobs.values())
            if len(self._jobs) >= MOST or mine >= EACH:
                self._make_room(owner)
            if len(self._jobs) >= MOST or sum(job.owner == owner for job in self._jobs.values()) >= EACH:
                raise TooMany
            key = secrets.token_urlsafe(12)
            job = Job(key, owner, name, self._folder / key, total, self._now())
            self._jobs[key] = job
            return job

    def get(self, key: str, owner: str) -> Job | None:
        """One's own job."""
        with self._lock:
            self._forget_old()
            job = self._jobs.get(key)
        return job if job is not None and job.owner == owner else None

    def of(self, owner: str) -> list[Job]:
        """One's own jobs, oldest first."""
        with self._lock:
            self._forget_old()
            return [job for job in self._jobs.values() if job.owner == owner]

    def drop(self, job: Job) -> None:
        """Give up, or forget, a job."""
        job.cancelled.set()
        with self._lock:
            self._jobs.pop(job.id, None)
        job.path.unlink(missing_ok=True)

    def run(self, job: Job, make: Callable[[Path, Callable[[int], None]], int]) -> None:
        """Make the file. Blocks; raises nothing: what went wrong stands in the job."""

        def told(rows: int) -> None:
            job.done = rows
            if job.cancelled.is_set():
                raise Given

        try:
            told(0)
            job.done = job.total = make(job.path, told)
            job.state = "ready"
        except Given:
            job.state = "cancelled"
        except HotlineError as error:
            job.state, job.problem = "failed", error.code
        except BaseException:
            job.state, job.problem = "failed", "stats.error"
            raise
        finally:
            if job.cancelled.is_set():
                job.path.unlink(missing_ok=True)

    def _make_room(self, owner: str) -> None:
        """Forget the owner's oldest file that is ready."""
        old = next(
            (job for job in self._jobs.values() if job.owner == owner and job.state != "running"), None
        )
        if old is not None:
            del self._jobs[old.id]
            old.path.unlink(missing_ok=True)

    def _forget_old(self) -> None:
        before = self._now() - KEEP_S
        for job in [job for job in self._jobs.values() if job.made < before and job.state != "running"]:
            del self._jobs[job.id]
            job.path.unlink(missing_ok=True)

    def _clear(self) -> None:
        if self._cleared:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.iterdir():
            with contextlib.suppress(OSError):
                left.unlink()
        self._cleared = True
