"""The gateway's state for those who run it: every part's figures, and bans with a way to lift them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from hotline.store.users import Session
from hotline.web.auth import Guard
from hotline.web.problems import Problem
from hotline.web.site import SiteDep

router = APIRouter(prefix="/api/v1/gateway", tags=["page"])

Keeper = Annotated[Session, Depends(Guard("metrics"))]
Warden = Annotated[Session, Depends(Guard("bans"))]


class BanRow(BaseModel):
    """One ban in force."""

    source: str
    """An IPv4 address or an IPv6 /64."""
    seconds: int
    """Left."""
    times: int
    """Bans so far, this one too."""


class GatewayState(BaseModel):
    """What the page shows."""

    parts: dict[str, dict[str, float | str]]
    """Part → figure → value; the same as on the metrics page."""
    bans: list[BanRow]


@router.get("")
async def state(session: Keeper, site: SiteDep) -> GatewayState:
    """All figures of this moment."""
    del session
    gateway = site.deps.gateway
    bans = [BanRow(source=ban.source, seconds=round(ban.seconds), times=ban.times) for ban in gateway.bans()]
    return GatewayState(parts=gateway.figures(), bans=bans)


@router.delete("/bans/{source:path}", status_code=204)
async def lift(
    source: Annotated[str, Path(max_length=64, pattern=r"^[0-9a-fA-F.:/]+$")], session: Warden, site: SiteDep
) -> None:
    """Lift a ban; who did it is put on record first."""
    await site.record(session.user.name, "gateway.unban", source)
    if not site.deps.gateway.lift(source):
        raise Problem(404, "gateway.no_ban")
