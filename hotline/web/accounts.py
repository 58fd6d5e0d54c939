"""Everybody's accounts, for administrators: who there is, roles, passwords, second factors, sessions.

Administrators see no call and no order. What they do here is put on record first, and nobody changes his own
role or shuts himself out.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Path as PathParam
from pydantic import Field

from hotline.store.users import Role, Session, User, UserRefused
from hotline.web.account import session_json
from hotline.web.auth import Body, Guard
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.site import Site, SiteDep

router = APIRouter(prefix="/api/v1/users", tags=["accounts"])

Keeper = Annotated[Session, Depends(Guard("accounts"))]
Name = Annotated[str, PathParam(pattern=r"^[^/\x00-\x1f]{1,64}$")]
Password = Annotated[str, Field(min_length=1, max_length=256)]
Json = dict[str, Any]


class NewUser(Body):
    """Somebody who is to sign in; the password is for the first time only."""

    name: str = Field(min_length=1, max_length=64)
    display: str = Field(default="", max_length=64)
    role: Role = Field(strict=False)
    unit: str = Field(default="", max_length=64)
    password: Password


class Change(Body):
    """What is to be otherwise."""

    role: Role | None = Field(default=None, strict=False)
    unit: str = Field(default="", max_length=64)
    disabled: bool | None = None


class FirstPassword(Body):
    """For the next time only."""

    password: Password


@router.get("")
async def everybody(_session: Keeper, site: SiteDep) -> Json:
    """All users, and the roles and units there are."""
    found = await site.ask(site.deps.users.all)
    return {
        "users": [user_json(each) for each in found],
        "roles": [each.value for each in Role],
        "units": [[each.code, each.name] for each in site.deps.service.rules.units()],
        "second_factor": list(site.deps.settings.web.second_factor),
    }


@router.post("", status_code=201)
async def add(form: NewUser, session: Keeper, site: SiteDep) -> Json:
    """Add a user, who must choose a password at the first sign-in. 422 `user.refused` says why not."""
    users, now = site.deps.users, site.deps.now()
    await site.record(session.user.name, "user.add", form.name, form.role.value)
    added = await _allowed(site, users.add, form.name, form.password, form.role, now, form.display, form.unit)
    await _allowed(site, users.set_password, form.name, form.password, now, must_change=True)
    return user_json(added)


@router.patch("/{name}", status_code=204)
async def change(name: Name, form: Change, session: Keeper, site: SiteDep) -> None:
    """Change a user's role, or shut the user out, or let in again; the user's sessions end."""
    user = await _other(site, name, session)
    if form.role is not None:
        await site.record(session.user.name, "user.role", name, f"{user.role.value} > {form.role.value}")
        await _allowed(site, site.deps.users.set_role, name, form.role, form.unit)
    if form.disabled is not None:
        await site.record(session.user.name, "user.disable" if form.disabled else "user.enable", name)
        turn = site.deps.users.disable if form.disabled else site.deps.users.enable
        await site.ask(turn, name)


@router.post("/{name}/password", status_code=204)
async def reset(name: Name, form: FirstPassword, session: Keeper, site: SiteDep) -> None:
    """Give a user a password for the next sign-in, at which another must be chosen; a lock-out ends."""
    await _other(site, name, session)
    await site.record(session.user.name, "user.password", name)
    set_password = site.deps.users.set_password
    await _allowed(site, set_password, name, form.password, site.deps.now(), must_change=True)


@router.delete("/{name}/code", status_code=204)
async def take_code_away(name: Name, session: Keeper, site: SiteDep) -> None:
    """Take away the second factor of somebody who has lost it; all sessions end."""
    user = await _other(site, name, session)
    await site.record(session.user.name, "user.code_off", name)
    await site.ask(site.factor.take_away, user)
    await site.ask(site.deps.users.end_sessions, user)


@router.get("/{name}/sessions")
async def sessions(name: Name, _session: Keeper, site: SiteDep) -> Json:
    """Where a user is signed in."""
    found = await site.ask(site.deps.users.sessions_of, await _known(site, name), site.deps.now())
    return {"sessions": [session_json(each) for each in found]}


@router.delete("/{name}/sessions", status_code=204)
async def sign_out(name: Name, session: Keeper, site: SiteDep) -> None:
    """Sign a user out everywhere; open sockets follow within half a minute."""
    user = await _known(site, name)
    await site.record(session.user.name, "session.revoke", name)
    await site.ask(site.deps.users.end_sessions, user)


async def _known(site: Site, name: str) -> User:
    user = await site.ask(site.deps.users.get, name)
    if user is None:
        raise Problem(404, "user.unknown")
    return user


async def _other(site: Site, name: str, session: Session) -> User:
    user = await _known(site, name)
    if user.id == session.user.id:
        raise Problem(409, "user.oneself")
    return user


async def _allowed(site: Site, function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return await site.hash(function, *args, **kwargs)
    except UserRefused as refused:
        raise Problem(422, "user.refused", str(refused)) from None


def user_json(user: User) -> Json:
    """A user as administrators see him; no hash, no secret."""
    return {
        "name": user.name,
        "display": user.display,
        "role": user.role.value,
        "unit": user.unit,
        "disabled": user.disabled,
        "must_change": user.must_change,
        "password_at": iso(user.password_at),
        "second_factor": user.second_factor,
    }
