"""Who is asking, and what that role opens: sign-in, session cookie, CSRF token, guards of routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hotline.settings import WebSettings
from hotline.store.users import LOCK_OUT, Role, Session
from hotline.web.problems import Problem
from hotline.web.shield import SAFE_METHODS
from hotline.web.site import SiteDep, site_of

CSRF_HEADER = "X-CSRF-Token"

RIGHTS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "read": frozenset({Role.AGENT, Role.SUPERVISOR}),
        "edit": frozenset({Role.AGENT, Role.SUPERVISOR}),
        "listen": frozenset({Role.AGENT, Role.SUPERVISOR}),
        "answer": frozenset({Role.AGENT, Role.SUPERVISOR}),
        "supervise": frozenset({Role.SUPERVISOR}),
        "export": frozenset({Role.SUPERVISOR}),
        "unmask": frozenset({Role.SUPERVISOR}),
        "audit": frozenset({Role.AUDITOR}),
        "metrics": frozenset({Role.ADMIN, Role.SUPERVISOR}),
        "bans": frozenset({Role.ADMIN}),
        "self": frozenset(Role),
    }
)
"""What each role opens. Auditors see the log and no content, administrators neither."""


@dataclass(frozen=True, slots=True)
class Public:
    """Marks a route that anyone may ask."""

    def __call__(self) -> None:
        """Let everyone pass."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through signed-in users who have a right; changes also need the session's CSRF token."""

    right: str

    async def __call__(self, request: Request) -> Session:
        """The session. Raises `Problem` 401 without one, 403 without the right or the token."""
        site = site_of(request)
        token = request.cookies.get(cookie_name(site.deps.settings.web), "")
        session = await site.ask(site.deps.users.session, token, site.deps.now()) if token else None
        if session is None:
            raise Problem(401, "auth.required")
        if request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "").encode()
            if not compare_digest(given, session.csrf.encode()):
                raise Problem(403, "auth.csrf")
        if session.user.role not in RIGHTS[self.right]:
            raise Problem(403, "auth.role")
        return session


PUBLIC = Depends(Public())
Reader = Annotated[Session, Depends(Guard("read"))]
Editor = Annotated[Session, Depends(Guard("edit"))]
Listener = Annotated[Session, Depends(Guard("listen"))]
Exporter = Annotated[Session, Depends(Guard("export"))]
Unmasker = Annotated[Session, Depends(Guard("unmask"))]
Auditor = Annotated[Session, Depends(Guard("audit"))]
Anyone = Annotated[Session, Depends(Guard("self"))]


class Body(BaseModel):
    """A request's JSON: nothing but what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SignIn(Body):
    """What the sign-in form sends."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class Me(BaseModel):
    """The signed-in user, as the page knows him."""

    name: str
    display: str
    role: Role
    csrf: str
    expires: datetime
    rights: list[str]


router = APIRouter(prefix="/api/v1", tags=["session"])


def cookie_name(web: WebSettings) -> str:
    """With https the prefix makes browsers insist on Secure, path and host."""
    return "__Host-hotline" if web.secure_cookies else "hotline_session"


@router.post("/session", dependencies=[PUBLIC])
async def sign_in(form: SignIn, response: Response, site: SiteDep) -> Me:
    """Open a session. 401 for a wrong name or password, 429 when the name is locked."""
    deps, now = site.deps, site.deps.now()
    user = await site.hash(deps.users.verify, form.name, form.password, now)
    if user is None:
        if await site.ask(deps.users.locked, form.name, now):
            wait = {"Retry-After": str(int(LOCK_OUT.total_seconds()))}
            raise Problem(429, "auth.locked", headers=wait)
        raise Problem(401, "auth.refused")
    hours = deps.settings.web.session_hours
    token = await site.ask(deps.users.open_session, user, now, hours)
    session = await site.ask(deps.users.session, token, now)
    if session is None:
        raise Problem(401, "auth.refused")
    await site.record(user.name, "session.open", user.name)
    response.set_cookie(
        cookie_name(deps.settings.web),
        token,
        max_age=int(hours * 3600),
        httponly=True,
        samesite="strict",
        secure=deps.settings.web.secure_cookies,
    )
    return _me(session)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, session: Anyone, site: SiteDep) -> None:
    """End the session."""
    name = cookie_name(site.deps.settings.web)
    await site.ask(site.deps.users.close_session, request.cookies[name])
    await site.record(session.user.name, "session.close", session.user.name)
    response.delete_cookie(
        name, httponly=True, samesite="strict", secure=site.deps.settings.web.secure_cookies
    )


@router.get("/me")
async def me(session: Anyone) -> Me:
    """Who is signed in."""
    return _me(session)


class LiveTicket(BaseModel):
    """Opens one WebSocket within half a minute."""

    ticket: str


@router.post("/live/ticket")
async def live_ticket(request: Request, session: Reader, site: SiteDep) -> LiveTicket:
    """A ticket for `/api/v1/live`."""
    token = request.cookies[cookie_name(site.deps.settings.web)]
    return LiveTicket(ticket=site.tickets.issue(session.user.name, token, site.deps.now()))


def _me(session: Session) -> Me:
    user = session.user
    rights = [name for name, roles in RIGHTS.items() if user.role in roles]
    return Me(
        name=user.name,
        display=user.display,
        role=user.role,
        csrf=session.csrf,
        expires=session.expires,
        rights=rights,
    )
