"""A call's recording to those who may listen: in byte ranges, and in pieces while it still grows."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from hotline.call.recording import excerpt
from hotline.web.auth import Listener
from hotline.web.problems import Problem
from hotline.web.sight import need_call
from hotline.web.site import SiteDep

CLIP_SECONDS = 30
"""Longest piece of a call that goes on: a megabyte."""

router = APIRouter(prefix="/api/v1", tags=["page"])


@router.get("/calls/{call}/recording", response_class=FileResponse)
async def recording(call: str, session: Listener, site: SiteDep) -> FileResponse:
    """The stereo WAV (RFC 9110 §14 ranges). Listening is put on record before the first byte leaves."""
    view = await site.ask(site.deps.calls.get, await need_call(site, session.user, call))
    if view is None:
        raise Problem(404, "call.unknown")
    path = await site.ask(_inside, site.deps.settings.recordings, view.recording)
    if path is None:
        raise Problem(404, "recording.none")
    if site.heard.is_new(session.user.name, view.row.call, site.deps.now()):
        await site.record(session.user.name, "recording.play", view.row.call)
    return FileResponse(path, media_type="audio/wav")


@router.get("/calls/{call}/clip", response_class=Response)
async def clip(
    call: str, session: Listener, site: SiteDep, at_ms: Annotated[int, Query(ge=0, le=86_400_000)] = 0
) -> Response:
    """Half a minute of a call that is still going on, from a time of its recording on; on record as above."""
    view = await site.ask(site.deps.calls.get, await need_call(site, session.user, call))
    if view is None:
        raise Problem(404, "call.unknown")
    sound = None
    if view.row.open:
        folder = site.deps.settings.recordings
        sound = await site.ask(excerpt, folder, view.row.call, at_ms, CLIP_SECONDS)
    if sound is None:
        raise Problem(404, "recording.none")
    if site.heard.is_new(session.user.name, view.row.call, site.deps.now()):
        await site.record(session.user.name, "recording.play", view.row.call)
    return Response(sound, media_type="audio/wav", headers={"cache-control": "no-store"})


def _inside(folder: Path, name: str | None) -> Path | None:
    """The file, when it is a file in the recordings folder."""
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
