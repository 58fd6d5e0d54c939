"""What everybody does with his own account: password, second factor, sessions."""

from typing import Annotated, Any

import segno
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParam
from pydantic import Field

from hotline.store.second_factor import address, is_secret, new_secret
from hotline.store.secret_box import SecretsUnavailable
from hotline.store.users import SESSION_ID, Session, SessionInfo, User, UserRefused
from hotline.web.auth import Anyone, Body, Me, client_of, cookie_name, me_json
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.site import Site, SiteDep

router = APIRouter(prefix="/api/v1/me", tags=["account"])

Json = dict[str, Any]
SessionId = Annotated[str, PathParam(pattern=f"^[0-9a-f]{{{SESSION_ID}}}$")]
Password = Annotated[str, Field(min_length=1, max_length=256)]


class NewPassword(Body):
    """The old one proves that it is still the owner who asks."""

    old: Password
    new: Password


class Enrolment(Body):
    """The secret that was given out, and the code that the app makes of it; the password as above."""

    password: Password
    secret: str = Field(max_length=64)
    code: str = Field(min_length=6, max_length=6)


class Proof(Body):
    """The owner's password."""

    password: Password


@router.post("/password")
async def change_password(
    form: NewPassword, request: Request, response: Response, session: Anyone, site: SiteDep
) -> Me:
    """Choose a password; all sessions end, and this browser gets a new one.

    403 `auth.wrong_password`, 422 `auth.weak_password` (`title` says why), 429 when locked.
    """
    deps, user, now = site.deps, session.user, site.deps.now()
    await _prove(site, user, form.old)
    if form.new == form.old:
        raise Problem(422, "auth.same_password")
    await site.record(user.name, "account.password", user.name)
    try:
        await site.hash(deps.users.set_password, user.name, form.new, now)
    except UserRefused as refused:
        raise Problem(422, "auth.weak_password", str(refused)) from None
    hours = deps.settings.web.session_hours
    token = await site.ask(deps.users.open_session, user, now, hours, client_of(request))
    opened = await site.ask(deps.users.session, token, now)
    if opened is None:
        raise Problem(401, "auth.required")
    response.set_cookie(
        cookie_name(deps.settings.web),
        token,
        max_age=int(hours * 3600),
        httponly=True,
        samesite="strict",
        secure=deps.settings.web.secure_cookies,
    )
    return me_json(site, opened)


@router.get("/sessions")
async def own_sessions(session: Anyone, site: SiteDep) -> Json:
    """Where one is signed in."""
    found = await site.ask(site.deps.users.sessions_of, session.user, site.deps.now())
    return {"sessions": [session_json(each, session) for each in found]}


@router.delete("/sessions/{id}", status_code=204)
async def end_session(id: SessionId, session: Anyone, site: SiteDep) -> None:  # noqa: A002 - its name in the address
    """Sign out somewhere else; open sockets follow within half a minute."""
    await site.record(session.user.name, "session.revoke", session.user.name, id)
    if not await site.ask(site.deps.users.end_sessions, session.user, only=id):
        raise Problem(404, "web.not_found")


@router.post("/code")
async def begin_code(session: Anyone) -> Json:
    """A secret for an authenticator app; it counts once `PUT` has brought it back with a code."""
    secret = new_secret()
    where = address(secret, session.user.name)
    return {"secret": secret, "address": where, "qr": segno.make(where).svg_data_uri(scale=4)}


@router.put("/code")
async def set_up_code(form: Enrolment, session: Anyone, site: SiteDep) -> Json:
    """Set up the second factor; `recovery`: codes for when the app is lost, shown this once.

    403 `auth.wrong_password`, 422 `auth.code_refused` for a code that does not fit the secret,
    503 `auth.key_unavailable` when the line cannot seal it.
    """
    user = session.user
    await _prove(site, user, form.password)
    if not is_secret(form.secret):
        raise Problem(422, "auth.code_refused")
    try:
        codes = await site.ask(site.factor.set_up, user, form.secret, form.code, site.deps.now())
    except SecretsUnavailable as error:
        raise Problem(503, error.code) from None
    if codes is None:
        raise Problem(422, "auth.code_refused")
    await site.record(user.name, "account.code_set", user.name)
    return {"recovery": codes}


@router.post("/code/off", status_code=204)
async def take_code_away(form: Proof, session: Anyone, site: SiteDep) -> None:
    """Do without a second factor. 409 where the role must have one."""
    user = session.user
    await _prove(site, user, form.password)
    if user.role.value in site.deps.settings.web.second_factor:
        raise Problem(409, "auth.code_required")
    await site.record(user.name, "account.code_off", user.name)
    await site.ask(site.factor.take_away, user)


async def _prove(site: Site, user: User, password: str) -> None:
    """Raises `Problem` 403 for a wrong password, 429 after too many."""
    now = site.deps.now()
    if await site.hash(site.deps.users.verify, user.name, password, now) is None:
        if await site.ask(site.deps.users.locked, user.name, now):
            raise Problem(429, "auth.locked")
        raise Problem(403, "auth.wrong_password")


def session_json(info: SessionInfo, own: Session | None = None) -> Json:
    """One session for its owner, or an administrator."""
    return {
        "id": info.id,
        "created": iso(info.created),
        "expires": iso(info.expires),
        "seen": iso(info.seen),
        "client": info.client,
        "this": own is not None and own.id == info.id,
    }
