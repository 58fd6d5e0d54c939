"""A call's recording, in byte ranges, to those who may listen."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from hotline.conversation import CallId
from hotline.web.auth import Listener
from hotline.web.problems import Problem
from hotline.web.site import SiteDep

router = APIRouter(prefix="/api/v1", tags=["page"])


@router.get("/calls/{call}/recording", response_class=FileResponse)
async def recording(call: str, session: Listener, site: SiteDep) -> FileResponse:
    """The stereo WAV (RFC 9110 §14 ranges). Listening is put on record before the first byte leaves."""
    view = await site.ask(site.deps.calls.get, CallId(call))
    if view is None:
        raise Problem(404, "call.unknown")
    path = await site.ask(_inside, site.deps.settings.recordings, view.recording)
    if path is None:
        raise Problem(404, "recording.none")
    if site.heard.is_new(session.user.name, view.row.call, site.deps.now()):
        await site.record(session.user.name, "recording.play", view.row.call)
    return FileResponse(path, media_type="audio/wav")


def _inside(folder: Path, name: str | None) -> Path | None:
    """The file, when it is a file in the recordings folder."""
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
