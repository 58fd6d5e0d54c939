"""What flags mean and which law they rest on: an agent checks them, nobody is refused because of one."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from hotline.intent.policy import Flag
from hotline.store.users import Session
from hotline.web.auth import Guard
from hotline.web.deps import FlagNote
from hotline.web.site import SiteDep


def flag_notes(flags: Mapping[str, Flag]) -> dict[str, FlagNote]:
    """What the page tells of the flags of `intents.yaml`."""
    return {code: FlagNote(flag.label, flag.basis) for code, flag in flags.items()}


router = APIRouter(prefix="/api/v1", tags=["flags"])


@router.get("/flags")
async def flags(_session: Annotated[Session, Depends(Guard("read"))], site: SiteDep) -> dict[str, Any]:
    """Every flag by its code, with its label and its legal basis."""
    return {code: {"label": note.label, "basis": note.basis} for code, note in site.deps.flags.items()}
