"""The web part's own state of one running line, and the threads in which its handlers ask the database."""

import logging
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends
from starlette.requests import HTTPConnection

from hotline.stats.jobs import Jobs
from hotline.store.second_factor import SecondFactor
from hotline.store.secret_box import SecretBox
from hotline.web.alerts import Seen
from hotline.web.deps import WebDeps
from hotline.web.feed import LiveFeed
from hotline.web.problems import Problem
from hotline.web.staffing import Staffing
from hotline.web.tickets import RecentlyHeard, Tickets
from hotline.web.verification import Verification
from hotline.web.waiters import Waiters
from hotline.web.wall_figures import Counted, Gathered
from workorders.errors import WorkOrderError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""Database calls of handlers at once."""
MAKERS = 2
"""Large files made at once."""
SIGN_INS = 2
"""Passwords hashed at once; each takes 19 MiB and a core."""
SIGN_INS_WAITING = 16
UPLOADS = 4
"""Files in memory at once."""
UPLOADS_WAITING = 16


class Site:
    """What handlers share."""

    def __init__(self, deps: WebDeps) -> None:
        self.deps = deps
        self.tickets = Tickets()
        self.heard = RecentlyHeard()
        self.seen = Seen()
        self.factor = SecondFactor(deps.users.engine, deps.users, SecretBox(deps.settings.secrets_key))
        self.wall = Counted()
        self.gathered = Gathered()
        self.feed = LiveFeed(deps.bus, self._refresh, self._subject, show_raw=deps.settings.privacy.show_raw)
        self.jobs = Jobs(deps.settings.paths.data / "exports")
        self.makers = anyio.CapacityLimiter(MAKERS)
        self.verification = Verification(deps)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._sign_ins = anyio.CapacityLimiter(SIGN_INS)
        self._uploads = anyio.CapacityLimiter(UPLOADS)
        self.waiters = Waiters()

    @property
    def staffing(self) -> Staffing:
        """The people of the line. Raises `Problem` 404 for a line that has none."""
        if self.deps.staffing is None:
            raise Problem(404, "web.not_found")
        return self.deps.staffing

    async def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that blocks. Cancelling lets the thread finish and drops its answer."""
        return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._threads)

    async def hash(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that hashes passwords. Raises `Problem` 503 when too many wait already."""
        if self._sign_ins.statistics().tasks_waiting >= SIGN_INS_WAITING:
            raise Problem(503, "auth.busy", headers={"Retry-After": "5"})
        return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._sign_ins)

    def upload_place(self) -> anyio.CapacityLimiter:
        """To be held while a file is read. Raises `Problem` 503 when too many wait already."""
        if self._uploads.statistics().tasks_waiting >= UPLOADS_WAITING:
            raise Problem(503, "file.busy", headers={"Retry-After": "5"})
        return self._uploads

    async def record(self, who: str, action: str, subject: str, detail: str = "") -> None:
        """Write an audit row; what it is about must not happen before this returns."""
        await self.ask(
            self.deps.audit.record, who[:64], action, subject[:255], self.deps.now(), detail[:2000]
        )

    async def _subject(self, number: str) -> str:
        """Whom an order complains of; nobody when the database does not say."""
        try:
            view = await self.ask(self.deps.orders.get, number)
        except WorkOrderError as error:
            log.error("a filed order could not be read", extra={"code": error.code})
            return ""
        return view.order.life.against_person if view is not None else ""

    async def _refresh(self, call: str) -> bool:
        """Whether a call is still going on, by the database."""
        from hotline.conversation import CallId

        view = await self.ask(self.deps.calls.get, CallId(call))
        return view is not None and view.row.open


def static_file(name: str) -> Path:
    """A file of the pages."""
    return Path(__file__).parent / "static" / name


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def from_loopback(connection: HTTPConnection) -> bool:
    """Directly, not through a proxy on this machine."""
    headers = connection.headers
    if connection.client is None or "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    return is_loopback(connection.client.host)


def site_of(connection: HTTPConnection) -> Site:
    """The site a request or a WebSocket came to."""
    site: Site = connection.app.state.site
    return site


SiteDep = Annotated[Site, Depends(site_of)]
