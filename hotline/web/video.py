"""The link that hands a call over to video: signed, for a time, opened without signing in."""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParam
from fastapi.responses import RedirectResponse

from hotline.settings import VideoSettings
from hotline.web.auth import PUBLIC
from hotline.web.problems import Problem
from hotline.web.site import SiteDep
from workorders.case_messages import ActOnReferral
from workorders.cases import VideoLink
from workorders.errors import ForbiddenMove
from workorders.model import SYSTEM, Actor

router = APIRouter(tags=["video"])

_FORM = re.compile(r"([0-9a-f]{24})\.([0-9]{1,12})\.([0-9a-f]{32})")


def path_of(video: VideoSettings, link: VideoLink) -> str | None:
    """The link's path on this site; None when video is not set up."""
    if video.secret is None:
        return None
    ends = int(link.expires_at.timestamp())
    return f"/v/{link.room}.{ends}.{_sign(video, link.room, ends)}"


@router.get("/v/{ticket}", dependencies=[PUBLIC])
async def enter(ticket: Annotated[str, PathParam(max_length=96)], site: SiteDep) -> RedirectResponse:
    """To the room. 404 for what was not signed here, 410 for a link that is over or was taken back."""
    video, now = site.deps.settings.video, site.deps.now()
    match = _FORM.fullmatch(ticket)
    if match is None or video.secret is None or not video.url:
        raise Problem(404, "video.unknown")
    room, ends = match[1], int(match[2])
    if not hmac.compare_digest(match[3], _sign(video, room, ends)):
        raise Problem(404, "video.unknown")
    link = await site.ask(site.deps.cases.link_by_room, room)
    if link is None or datetime.fromtimestamp(ends, UTC) <= now:
        raise Problem(410, "video.over")
    try:
        await site.ask(
            site.deps.service.handle, ActOnReferral(link.referral, "open", SYSTEM, Actor.SYSTEM, now)
        )
    except ForbiddenMove:
        raise Problem(410, "video.over") from None
    await site.record(SYSTEM, "video.open", str(link.referral))
    return RedirectResponse(video.url.replace("{room}", room), 303)


def _sign(video: VideoSettings, room: str, ends: int) -> str:
    secret = b"" if video.secret is None else video.secret.get_secret_value().encode()
    return hmac.new(secret, f"video {room}.{ends}".encode(), hashlib.sha256).hexdigest()[:32]
