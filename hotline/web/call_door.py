"""The page `/call`: its settings, and one WebSocket per call for the browser's offer and our answer.

The browser sends `{"type": "offer", "sdp": …}` first, then nothing but `{"type": "ping"}` and
`{"type": "hangup"}`. The server sends `ringing`, then `answer` with `sdp`, or `refused` with `reason`; at the
end `ended` with `cause`. The call lasts as long as the socket. Closing codes as on the live socket.
"""

import json
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, WebSocket
from fastapi.responses import FileResponse
from fastapi.websockets import WebSocketDisconnect
from starlette.requests import HTTPConnection

from hotline.conversation import EndCause
from hotline.gateway.web_door import MAX_OFFER, WebCall, WebCallRefused, WebDoor
from hotline.web.auth import PUBLIC
from hotline.web.problems import Problem
from hotline.web.site import SiteDep, from_loopback, is_loopback, site_of, static_file

OFFER_SECONDS = 10.0
QUIET_SECONDS = 60.0
"""A page that sends nothing for so long is gone; it pings every 15 s."""
RING_SECONDS = 60.0
SEND_SECONDS = 10.0
CLOSE_SECONDS = 2.0
FRAMES_A_MINUTE = 60
MAX_CALL_FRAME = MAX_OFFER + 8 * 1024
"""Characters of a frame: the offer, and what JSON adds to it."""

router = APIRouter(tags=["call"])


def door_for(connection: HTTPConnection) -> WebDoor | None:
    """The door, where this browser may call by the setting `webrtc.public_call`."""
    deps = site_of(connection).deps
    policy = deps.settings.webrtc.public_call
    here = is_loopback(deps.settings.web.host) and from_loopback(connection)
    return deps.web_door if policy == "always" or (policy == "loopback" and here) else None


def _open_door(connection: HTTPConnection) -> WebDoor:
    door = door_for(connection)
    if door is None:
        raise Problem(404, "web.not_found")
    return door


OpenDoor = Annotated[WebDoor, Depends(_open_door)]


@router.get("/call", dependencies=[PUBLIC])
async def page(_door: OpenDoor) -> FileResponse:
    """The page with the one big button."""
    return FileResponse(static_file("call.html"))


@router.get("/call/settings", dependencies=[PUBLIC])
async def settings(site: SiteDep, _door: OpenDoor) -> dict[str, Any]:
    """What the page's RTCPeerConnection is made with, and the number it shows."""
    webrtc = site.deps.settings.webrtc
    servers: dict[str, Any] = {"urls": list(webrtc.ice_servers)}
    if webrtc.ice_password is not None:
        servers |= {"username": webrtc.ice_username, "credential": webrtc.ice_password.get_secret_value()}
    return {
        "number": site.deps.settings.sip.numbers[0],
        "ice_servers": [servers] if webrtc.ice_servers else [],
    }


class _Broken(Exception):
    """The socket is to be closed with a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


@router.websocket("/call/ws", dependencies=[PUBLIC])
async def call_socket(websocket: WebSocket) -> None:
    """One call."""
    door = door_for(websocket)
    if door is None:
        await websocket.close(1008)
        return
    await websocket.accept()
    code = 1000
    try:
        await _call(websocket, door)
    except _Broken as broken:
        code = broken.code
    except WebSocketDisconnect:
        return
    with anyio.move_on_after(CLOSE_SECONDS):
        try:
            await websocket.close(code)
        except (RuntimeError, WebSocketDisconnect):
            return


async def _call(websocket: WebSocket, door: WebDoor) -> None:
    try:
        with anyio.fail_after(OFFER_SECONDS):
            frame = await _frame(websocket)
    except TimeoutError:
        raise _Broken(1008) from None
    sdp = frame.get("sdp")
    if frame.get("type") != "offer" or not isinstance(sdp, str):
        raise _Broken(1008)
    host = websocket.client.host if websocket.client is not None else ""
    try:
        call = door.ring(sdp.encode("utf-8", "replace"), host, anyio.current_time())
    except WebCallRefused as refused:
        await _send(websocket, _refusal(refused))
        return
    try:
        await _attend(websocket, call)
    finally:
        door.leave(call)


async def _attend(websocket: WebSocket, call: WebCall) -> None:
    """Tell the browser how its call goes while listening to it; the first to end ends the other."""
    broken: list[Exception] = []
    async with anyio.create_task_group() as group:

        async def listen() -> None:
            try:
                await _listen(websocket)
            except (_Broken, WebSocketDisconnect) as error:
                broken.append(error)
            # Through the leg, so that `_tell` still sees and says how it ended.
            call.give_up(EndCause.REMOTE_HANGUP)
            if broken:
                group.cancel_scope.cancel()

        group.start_soon(listen)
        try:
            await _tell(websocket, call)
        except WebSocketDisconnect as error:
            broken.append(error)
        group.cancel_scope.cancel()
    if broken:
        raise broken[0]


async def _tell(websocket: WebSocket, call: WebCall) -> None:
    await _send(websocket, {"type": "ringing"})
    with anyio.move_on_after(RING_SECONDS):
        await call.settled.wait()
    if call.refusal is not None:
        await _send(websocket, _refusal(call.refusal))
    elif call.leg is None:
        await _send(websocket, {"type": "ended", "cause": EndCause.CANCELLED.value})
    else:
        await _send(websocket, {"type": "answer", "sdp": call.description.decode()})
        cause = await call.leg.wait_ended()
        await _send(websocket, {"type": "ended", "cause": cause.value})


async def _listen(websocket: WebSocket) -> None:
    """Return when the browser hangs up. Raises `_Broken` for a frame that is not ours, or too many."""
    window, frames = anyio.current_time(), 0
    while True:
        try:
            with anyio.fail_after(QUIET_SECONDS):
                kind = (await _frame(websocket)).get("type")
        except TimeoutError:
            raise _Broken(1008) from None
        now = anyio.current_time()
        window, frames = (window, frames + 1) if now - window < 60 else (now, 1)
        if kind == "hangup":
            return
        if kind != "ping" or frames > FRAMES_A_MINUTE:
            raise _Broken(1008)


async def _frame(websocket: WebSocket) -> dict[str, Any]:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None or len(text) > MAX_CALL_FRAME:
        raise _Broken(1008)
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise _Broken(1007) from None
    if not isinstance(frame, dict):
        raise _Broken(1008)
    return frame


async def _send(websocket: WebSocket, frame: dict[str, Any]) -> None:
    try:
        with anyio.fail_after(SEND_SECONDS):
            await websocket.send_text(json.dumps(frame))
    except (TimeoutError, RuntimeError):
        raise WebSocketDisconnect from None


def _refusal(refused: WebCallRefused) -> dict[str, Any]:
    return {"type": "refused", "reason": refused.reason, "retry_after": refused.retry_after}
