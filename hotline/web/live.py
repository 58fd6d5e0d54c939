"""The live WebSocket: one ticket in, screen events out.

The browser sends one frame, `{"ticket": …, "epoch": …, "after": n}`, within five seconds, and from then on
nothing but `{"type": "ping"}`. The server sends `{"events": […]}`. Closing codes: 1007 for a frame that is no
JSON, 1008 for one that is not ours or when the session has ended, 1009 for one that is too long, 1013 for a
browser that is too slow.
"""

import json
from typing import Any

import anyio
from fastapi import APIRouter, WebSocket
from fastapi.websockets import WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotline.web.auth import PUBLIC, RIGHTS
from hotline.web.feed import FeedFull
from hotline.web.mailbox import Mailbox, TooSlow
from hotline.web.sight import viewer_of
from hotline.web.site import Site, site_of
from hotline.web.tickets import Ticket

HELLO_SECONDS = 5.0
SESSION_CHECK_SECONDS = 30.0
SEND_SECONDS = 10.0
"""A browser that does not take a frame for this long is sent away."""
PACE_SECONDS = 0.05
"""Frames to one browser are at least this far apart, so that bursts travel together."""
MAX_FRAME = 4096
MAX_FRAMES = 60
"""Frames a browser may send between two looks at its session."""
CLOSE_SECONDS = 2.0

router = APIRouter(prefix="/api/v1", tags=["live"])


class Hello(BaseModel):
    """The browser's first frame."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ticket: str = Field(max_length=64)
    epoch: str = Field(default="", max_length=32)
    after: int = Field(default=0, ge=0, le=2**53)


class _Refused(Exception):
    """The socket is to be closed with a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


@router.websocket("/live", dependencies=[PUBLIC])
async def live(websocket: WebSocket) -> None:
    """Follow the calls one may see. The first frame carries the ticket: it is in no address and no log."""
    site = site_of(websocket)
    await websocket.accept()
    try:
        ticket, hello = await _hello(websocket, site)
        session = await site.ask(site.deps.users.session, ticket.session, site.deps.now())
        if session is None or session.user.role not in RIGHTS["read"]:
            raise _Refused(1008)
        with site.feed.connect(hello.epoch, hello.after, viewer_of(site, session.user)) as box:
            await _converse(websocket, site, box, ticket)
    except _Refused as refused:
        await _close(websocket, refused.code)
    except FeedFull:
        await _close(websocket, 1013)
    except WebSocketDisconnect:
        pass


async def _hello(websocket: WebSocket, site: Site) -> tuple[Ticket, Hello]:
    try:
        with anyio.fail_after(HELLO_SECONDS):
            hello = Hello.model_validate(await _frame(websocket))
    except (TimeoutError, ValidationError):
        raise _Refused(1008) from None
    ticket = site.tickets.redeem(hello.ticket, site.deps.now())
    if ticket is None:
        raise _Refused(1008)
    return ticket, hello


async def _frame(websocket: WebSocket) -> Any:
    """The next frame's JSON."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None:
        raise _Refused(1008)
    if len(text) > MAX_FRAME:
        raise _Refused(1009)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused(1007) from None


async def _converse(websocket: WebSocket, site: Site, box: Mailbox, ticket: Ticket) -> None:
    """Send, listen and watch the session; the first to end ends the others."""
    outcome: list[_Refused] = []
    async with anyio.create_task_group() as group:

        async def until_over(task: Any, *args: Any) -> None:
            try:
                await task(*args)
            except _Refused as refused:
                outcome.append(refused)
            except WebSocketDisconnect:
                pass
            group.cancel_scope.cancel()

        frames = _FrameCount()
        group.start_soon(until_over, _send, websocket, box)
        group.start_soon(until_over, _overflow, box)
        group.start_soon(until_over, _listen, websocket, frames)
        group.start_soon(until_over, _watch_session, site, ticket, frames)
    if outcome:
        raise outcome[0]


class _FrameCount:
    def __init__(self) -> None:
        self.seen = 0


async def _send(websocket: WebSocket, box: Mailbox) -> None:
    while True:
        try:
            batch = await box.take()
        except TooSlow:
            raise _Refused(1013) from None
        try:
            with anyio.fail_after(SEND_SECONDS):
                await websocket.send_text(json.dumps({"events": batch}, ensure_ascii=False))
        except TimeoutError:
            raise _Refused(1013) from None
        except RuntimeError:
            raise WebSocketDisconnect from None  # starlette's word for a socket that is closed already
        await anyio.sleep(PACE_SECONDS)


async def _overflow(box: Mailbox) -> None:
    await box.overflowed.wait()
    raise _Refused(1013)


async def _listen(websocket: WebSocket, frames: _FrameCount) -> None:
    while True:
        frame = await _frame(websocket)
        frames.seen += 1
        if frame != {"type": "ping"} or frames.seen > MAX_FRAMES:
            raise _Refused(1008)


async def _watch_session(site: Site, ticket: Ticket, frames: _FrameCount) -> None:
    """End the socket when its user signs out, is shut out, or the session runs out."""
    while await site.ask(site.deps.users.session, ticket.session, site.deps.now()) is not None:
        frames.seen = 0
        await anyio.sleep(SESSION_CHECK_SECONDS)
    raise _Refused(1008)


async def _close(websocket: WebSocket, code: int) -> None:
    with anyio.move_on_after(CLOSE_SECONDS):
        try:
            await websocket.close(code)
        except (RuntimeError, WebSocketDisconnect):
            return
