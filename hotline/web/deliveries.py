"""For administrators and supervisors: deliveries that do not get through, tokens, webhook secrets."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from hotline.store.tokens import CHANNELS, UNIT_SCOPES, UnitToken
from hotline.web.auth import Body, Dispatcher, TokenKeeper
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.site import Site, SiteDep
from workorders.dead_letters import Letter
from workorders.errors import RoutingError

router = APIRouter(prefix="/api/v1", tags=["deliveries"])

MAX_DAYS = 1_096


class NewToken(Body):
    """A token for a unit, or for a channel."""

    unit: str = Field(default="", max_length=64)
    channel: str = Field(default="", max_length=16)
    label: str = Field(default="", max_length=64)
    scopes: list[str] = Field(default_factory=list, max_length=10)
    days: int = Field(default=365, ge=1, le=MAX_DAYS)


class Renewal(Body):
    """A unit's new webhook secret."""

    unit: str = Field(min_length=1, max_length=64)
    overlap_hours: int = Field(default=24, ge=0, le=24 * 30)


@router.get("/deliveries")
async def deliveries(_session: Dispatcher, site: SiteDep) -> dict[str, Any]:
    """Deliveries that were given up or keep failing."""
    letters = await site.ask(site.deps.units.letters.all)
    return {"letters": [_letter(each) for each in letters], "pushing": site.deps.units.keys is not None}


@router.post("/deliveries/{delivery}/again")
async def send_again(delivery: str, session: Dispatcher, site: SiteDep) -> dict[str, bool]:
    """Send a dead letter again; its delivery id stays. 404 when it is none."""
    await site.record(session.user.name, "delivery.again", delivery[:64])
    if not await site.ask(site.deps.units.revive, delivery[:64]):
        raise Problem(404, "delivery.none")
    return {"queued": True}


@router.get("/tokens")
async def tokens(_session: TokenKeeper, site: SiteDep) -> dict[str, Any]:
    """Every token there is; not the tokens themselves, which nobody has but their units."""
    rules, now = site.deps.service.rules, site.deps.now()
    found = await site.ask(site.deps.tokens.all)
    return {
        "tokens": [_token(each) | {"valid": _valid(each, now)} for each in found],
        "units": [{"code": each.code, "name": each.name} for each in rules.units()],
        "webhooks": sorted(rules.webhooks),
        "scopes": list(UNIT_SCOPES),
        "channels": list(CHANNELS),
    }


@router.post("/tokens", status_code=201)
async def new_token(form: NewToken, session: TokenKeeper, site: SiteDep) -> dict[str, str]:
    """A token, shown this once."""
    now = site.deps.now()
    expires = now + timedelta(days=form.days)
    if bool(form.unit) == bool(form.channel):
        raise Problem(422, "web.invalid", "Invalid: body.unit")
    if form.channel:
        token = await site.ask(site.deps.tokens.create_for_channel, form.channel, now, form.label, expires)
    else:
        _known_unit(site, form.unit)
        token = await site.ask(site.deps.tokens.create, form.unit, now, form.label, form.scopes, expires)
    await site.record(session.user.name, "token.create", form.unit or form.channel, " ".join(form.scopes))
    return {"token": token}


@router.delete("/tokens/{token}", status_code=204)
async def revoke(token: int, session: TokenKeeper, site: SiteDep) -> None:
    """End a token at once. 404 when there is none to end."""
    await site.record(session.user.name, "token.revoke", str(token))
    if not 0 < token < 2**31 or not await site.ask(site.deps.tokens.revoke, token, site.deps.now()):
        raise Problem(404, "token.none")


@router.post("/webhook-secrets", status_code=201)
async def renew(form: Renewal, session: TokenKeeper, site: SiteDep) -> dict[str, str]:
    """A new webhook secret for a unit, shown this once; the one before counts for some hours more."""
    keys = site.deps.units.keys
    if keys is None:
        raise Problem(409, "webhook.no_master")
    _known_unit(site, form.unit)
    secret = await site.ask(keys.renew, form.unit, site.deps.now(), timedelta(hours=form.overlap_hours))
    await site.record(session.user.name, "webhook.renew", form.unit)
    return {"secret": secret}


def _known_unit(site: Site, unit: str) -> None:
    try:
        site.deps.service.rules.by_code(unit)
    except RoutingError:
        raise Problem(422, "unit.unknown") from None


def _letter(letter: Letter) -> dict[str, Any]:
    code, _, status = letter.problem.partition(" ")
    return {
        "delivery": letter.delivery_id,
        "number": letter.number,
        "unit": letter.unit,
        "unit_name": letter.unit_name,
        "dead": letter.dead,
        "attempts": letter.attempts,
        "problem": code,
        "status": status,
        "written": iso(letter.written),
        "next_at": iso(letter.next_at),
    }


def _token(token: UnitToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "unit": token.unit,
        "channel": token.channel,
        "label": token.label,
        "scopes": list(token.scopes),
        "created": iso(token.created),
        "expires": iso(token.expires),
        "revoked": iso(token.revoked),
        "last_used": iso(token.last_used),
    }


def _valid(token: UnitToken, now: Any) -> bool:
    return token.revoked is None and (token.expires is None or token.expires > now)
