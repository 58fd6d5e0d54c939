"""Files that come with a unit's answer: taken by content, kept by hash, given out as downloads only."""

import subprocess
from tempfile import NamedTemporaryFile
from typing import Annotated
from urllib.parse import quote
from uuid import uuid4

import anyio
from fastapi import APIRouter, Path, Query, Request, Response

from hotline.sniffing import KINDS, FileKind, FileRefused, safe_name, sniff
from hotline.store.files import FileLost, NoSpace
from hotline.store.outbound import Outbound
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep
from hotline.web.unit_shapes import FileItem, file_item
from hotline.web.unit_token import DOCUMENTED, Attaching, Reading
from hotline.web.units import OrderPath, own_order, problems
from workorders.attachments import Attachment
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor
from workorders.queries import OrderView

router = APIRouter(prefix="/units/v1", tags=["units"], dependencies=[DOCUMENTED])

UPLOAD_S = 120
"""A file that has not come by then is given up."""
SCAN_S = 60
SANDBOX = "default-src 'none'; sandbox"
INFECTED = 1

Key = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"])]
Name = Annotated[str, Query(min_length=1, max_length=200, description="The file's name")]
RAW_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself: pdf, png, jpeg, docx, xlsx or txt, told by its content",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/orders/{number}/attachments",
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 507),
    openapi_extra=RAW_BODY,
)
async def attach(
    number: OrderPath,
    request: Request,
    bearer: Attaching,
    site: SiteDep,
    name: Name,
    by: Annotated[str, Query(min_length=1, max_length=64, description="Who sends it")],
) -> FileItem:
    """Add a file to an order that is not answered yet. The same file again changes nothing."""
    act = ActOnOrder(number, Action.ATTACH, by, Actor.UNIT, site.deps.now(), unit=bearer.unit)
    return await take_file(request, site, act, name, bearer.who)


@router.get(
    "/orders/{number}/attachments/{file}",
    response_class=Response,
    responses=problems(400, 401, 403, 404, 422)
    | {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def attachment(number: OrderPath, file: Key, bearer: Reading, site: SiteDep) -> Response:
    """A file of one of the unit's orders. The reading is put on record."""
    view = await own_order(site, number, bearer.unit)
    return await give_file(site, view, file, bearer.who)


async def take_file(request: Request, site: Site, act: ActOnOrder, name: str, who: str) -> FileItem:
    """Read, judge, keep and note a file. Raises `Problem`, and what the order's rules raise."""
    await own_order(site, act.number, act.unit)  # before anything is read
    async with site.upload_place():
        data = await _body(request, site.deps.settings.attachments.max_mb * 1024 * 1024)
        kind = await _judge(site, data)
        try:
            sha256 = await site.ask(site.deps.units.files.put, data)
        except NoSpace as error:
            raise Problem(507, error.code, "The disk is full; try later", {"Retry-After": "600"}) from None
        except FileLost as error:
            raise Problem(503, error.code, "The file cannot be kept now") from None
    shown = safe_name(name, kind)
    file = Attachment(uuid4().hex, shown, kind.name, len(data), sha256, act.unit, act.by, act.at)
    moved = await site.ask(site.deps.service.attach, _named(act, shown), file)
    view = await own_order(site, moved.number, act.unit)
    kept = next(each for each in view.attachments if each.sha256 == sha256 and each.unit == act.unit)
    await site.record(who, "order.attach", moved.number, f"{kept.key} {kept.kind} {kept.sha256}")
    return file_item(kept)


async def give_file(site: Site, view: OrderView, key: str, who: str) -> Response:
    """The file, as a download that no browser opens in our name; put on record first. Raises `Problem`."""
    file = next((each for each in view.attachments if each.key == key), None)
    if file is None:
        raise Problem(404, "file.unknown")
    await site.record(who, "attachment.read", view.order.number, file.key)
    order = view.order
    row = Outbound(site.deps.now(), who, order.unit, "file", order.number, order.version, "personal")
    await site.ask(site.deps.units.outbound.record, [row])
    try:
        data = await site.ask(site.deps.units.files.get, file.sha256)
    except FileLost as error:
        raise Problem(410, error.code, "The file is gone or damaged") from None
    disposition = (
        f"attachment; filename=\"file{KINDS[file.kind].ending}\"; filename*=UTF-8''{quote(file.name)}"
    )
    return Response(
        data,
        media_type=KINDS[file.kind].media_type,
        headers={
            "Content-Disposition": disposition,
            "Content-Security-Policy": SANDBOX,
            "X-Content-Type-Options": "nosniff",
        },
    )


def _named(act: ActOnOrder, name: str) -> ActOnOrder:
    return ActOnOrder(act.number, act.action, act.by, act.role, act.at, unit=act.unit, text=name)


async def _body(request: Request, limit: int) -> bytes:
    data = bytearray()
    try:
        with anyio.fail_after(UPLOAD_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise Problem(413, "file.too_large", f"At most {limit} bytes")
    except TimeoutError:
        raise Problem(408, "file.too_slow") from None
    return bytes(data)


async def _judge(site: Site, data: bytes) -> FileKind:
    try:
        kind = await site.ask(sniff, data)
    except FileRefused as error:
        raise Problem(415, f"file.{error.reason}", "The file is not taken") from None
    command = site.deps.settings.attachments.scan_command
    if command and not await site.ask(_clean, command, data):
        raise Problem(415, "file.infected", "The virus scanner refused the file")
    return kind


def _clean(command: tuple[str, ...], data: bytes) -> bool:
    """Whether the operator's scanner lets the file pass. Raises `Problem` when it cannot say."""
    try:
        with NamedTemporaryFile(prefix="hotline-scan-") as file:
            file.write(data)
            file.flush()
            done = subprocess.run(  # noqa: S603  the operator's own command, no shell
                [*command, file.name], capture_output=True, timeout=SCAN_S, check=False
            )
    except (OSError, subprocess.TimeoutExpired):
        raise Problem(503, "file.scanner", "The virus scanner does not answer") from None
    if done.returncode not in (0, INFECTED):
        raise Problem(503, "file.scanner", "The virus scanner failed")
    return done.returncode == 0
