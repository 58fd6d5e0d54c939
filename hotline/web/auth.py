"""Who is asking, and what that role opens: sign-in, session cookie, CSRF token, guards of routes."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hotline.settings import WebSettings
from hotline.store.second_factor import attempts_of
from hotline.store.secret_box import SecretsUnavailable
from hotline.store.users import LOCK_OUT, Role, Session, User
from hotline.web.problems import Problem
from hotline.web.shield import SAFE_METHODS
from hotline.web.site import Site, SiteDep, site_of

CSRF_HEADER = "X-CSRF-Token"
BACKGROUND_HEADER = "X-Background"
"""On requests that the page makes by itself: they do not keep a session from growing idle."""
SELF = "self"
"""The right that everybody has, also who has something else to do first."""

NOBODY = "nobody"
"""Who the audit log says failed to sign in: a name that was typed may be a password."""

_DESK = frozenset({Role.AGENT, Role.LAWYER})

RIGHTS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "read": _DESK | {Role.SUPERVISOR, Role.QUALITY},
        "edit": _DESK | {Role.SUPERVISOR},
        "listen": _DESK | {Role.SUPERVISOR, Role.QUALITY},
        "answer": _DESK | {Role.SUPERVISOR},
        "everything": frozenset({Role.SUPERVISOR, Role.QUALITY}),
        "supervise": frozenset({Role.SUPERVISOR}),
        "figures": frozenset({Role.SUPERVISOR, Role.QUALITY, Role.STATISTICIAN}),
        "export": frozenset({Role.SUPERVISOR}),
        "unmask": frozenset({Role.SUPERVISOR}),
        "drill": frozenset({Role.SUPERVISOR, Role.QUALITY}),
        "inspect": frozenset({Role.SUPERVISOR, Role.QUALITY}),
        "export_lists": frozenset({Role.SUPERVISOR}),
        "audit": frozenset({Role.AUDITOR}),
        "metrics": frozenset({Role.ADMIN, Role.SUPERVISOR}),
        "bans": frozenset({Role.ADMIN}),
        "handle": frozenset({Role.UNIT}),
        "deliveries": frozenset({Role.SUPERVISOR, Role.ADMIN}),
        "tokens": frozenset({Role.ADMIN}),
        "accounts": frozenset({Role.ADMIN}),
        SELF: frozenset(Role),
    }
)
"""What each role opens. Auditors see the log and no content, administrators neither, statisticians aggregates
(`figures`). Who may `read` but not `everything` sees what `hotline.web.sight` leaves; units' people see what
`hotline.web.workbench` shows of their own unit's orders."""


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
        touch = BACKGROUND_HEADER not in request.headers
        users, now = site.deps.users, site.deps.now()
        session = await site.ask(users.session, token, now, touch=touch) if token else None
        if session is None:
            raise Problem(401, "auth.required")
        if request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "").encode()
            if not compare_digest(given, session.csrf.encode()):
                raise Problem(403, "auth.csrf")
        if session.user.role not in RIGHTS[self.right]:
            raise Problem(403, "auth.role")
        if self.right != SELF and (due := due_of(session.user, site.deps.settings.web, now)):
            raise Problem(403, f"auth.due_{due[0]}")
        return session


def due_of(user: User, web: WebSettings, now: datetime) -> list[str]:
    """What the user must do before anything else: choose a `password`, set up a second factor (`code`)."""
    chosen, age = user.password_at, timedelta(days=web.password_days)
    too_old = web.password_days > 0 and (chosen is None or chosen <= now - age)
    missing = user.role.value in web.second_factor and not user.second_factor
    return ["password"] * (user.must_change or too_old) + ["code"] * missing


PUBLIC = Depends(Public())
Reader = Annotated[Session, Depends(Guard("read"))]
Editor = Annotated[Session, Depends(Guard("edit"))]
Listener = Annotated[Session, Depends(Guard("listen"))]
Exporter = Annotated[Session, Depends(Guard("export"))]
Unmasker = Annotated[Session, Depends(Guard("unmask"))]
Statistician = Annotated[Session, Depends(Guard("figures"))]
"""Figures, which name nobody."""
Driller = Annotated[Session, Depends(Guard("drill"))]
"""The lists behind figures."""
ListExporter = Annotated[Session, Depends(Guard("export_lists"))]
"""Files of such lists."""
Auditor = Annotated[Session, Depends(Guard("audit"))]
Handler = Annotated[Session, Depends(Guard("handle"))]
Dispatcher = Annotated[Session, Depends(Guard("deliveries"))]
TokenKeeper = Annotated[Session, Depends(Guard("tokens"))]
Anyone = Annotated[Session, Depends(Guard("self"))]


class Body(BaseModel):
    """A request's JSON: nothing but what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SignIn(Body):
    """What the sign-in form sends."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)
    code: str = Field(default="", max_length=32)
    """Of the second factor, or a recovery code."""


class Me(BaseModel):
    """The signed-in user, as the page knows him."""

    name: str
    display: str
    role: Role
    unit: str
    csrf: str
    expires: datetime
    rights: list[str]
    due: list[str]
    """What must be done first: `password`, `code`; until then nothing else is open."""
    second_factor: bool


log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1", tags=["session"])


def cookie_name(web: WebSettings) -> str:
    """With https the prefix makes browsers insist on Secure, path and host."""
    return "__Host-hotline" if web.secure_cookies else "hotline_session"


@router.post("/session", dependencies=[PUBLIC])
async def sign_in(form: SignIn, request: Request, response: Response, site: SiteDep) -> Me:
    """Open a session. 401 for a wrong name, password or code, 429 when the name is locked.

    401 `auth.code_needed`: name and password fit, and the user has a second factor.
    """
    deps, now = site.deps, site.deps.now()
    user = await site.hash(deps.users.verify, form.name, form.password, now)
    if user is None:
        if await site.ask(deps.users.locked, form.name, now):
            wait = {"Retry-After": str(int(LOCK_OUT.total_seconds()))}
            raise Problem(429, "auth.locked", headers=wait)
        await site.record(NOBODY, "session.refused", "")
        raise Problem(401, "auth.refused")
    if user.second_factor:
        await _check_code(site, user, form.code, now)
    hours = deps.settings.web.session_hours
    token = await site.ask(deps.users.open_session, user, now, hours, client_of(request))
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
    return me_json(site, session)


async def _check_code(site: Site, user: User, code: str, now: datetime) -> None:
    if not code:
        raise Problem(401, "auth.code_needed")
    try:
        fits = await site.ask(site.factor.verify, user, code, now)
    except SecretsUnavailable as error:
        log.error("a second factor cannot be checked", extra={"code": error.code})
        raise Problem(503, error.code) from None
    if not fits:
        await site.record(user.name, "session.code_refused", user.name)
        if await site.ask(site.deps.users.locked, attempts_of(user), now):
            raise Problem(429, "auth.locked", headers={"Retry-After": str(int(LOCK_OUT.total_seconds()))})
        raise Problem(401, "auth.code_refused")


def client_of(request: Request) -> str:
    """What a session's owner will know it again by."""
    host = request.client.host if request.client is not None else ""
    return f"{host} {request.headers.get('user-agent', '')}".strip()


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
async def me(session: Anyone, site: SiteDep) -> Me:
    """Who is signed in."""
    return me_json(site, session)


class LiveTicket(BaseModel):
    """Opens one WebSocket within half a minute."""

    ticket: str


@router.post("/live/ticket")
async def live_ticket(request: Request, session: Reader, site: SiteDep) -> LiveTicket:
    """A ticket for `/api/v1/live`."""
    token = request.cookies[cookie_name(site.deps.settings.web)]
    return LiveTicket(ticket=site.tickets.issue(session.user.name, token, site.deps.now()))


def me_json(site: Site, session: Session) -> Me:
    """The signed-in user, as the page knows him."""
    user = session.user
    rights = [name for name, roles in RIGHTS.items() if user.role in roles]
    return Me(
        name=user.name,
        display=user.display,
        role=user.role,
        unit=user.unit,
        csrf=session.csrf,
        expires=session.expires,
        rights=rights,
        due=due_of(user, site.deps.settings.web, site.deps.now()),
        second_factor=user.second_factor,
    )
