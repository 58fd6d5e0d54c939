"""The agent's console: one WebSocket that rings, answers, and carries what the agent does with a call.

The page sends `{"ticket": …}` first, as to the live socket, then the frames of `console_frames`. The server
sends `state` whenever anything of it has changed, `offer` and `offer_over`, `answer` to an offer of the
browser, and `refused` with the `code` of what could not be done. Closing codes as on the live socket.
"""

import json
from collections import deque
from typing import Any

import anyio
from fastapi import APIRouter, WebSocket
from fastapi.websockets import WebSocketDisconnect
from pydantic import ValidationError

from hotline.acd.model import NotAllowed, Presence
from hotline.acd.ports import Connected, Offer, Seat
from hotline.call.floor import Talk
from hotline.errors import HotlineError
from hotline.gateway.media import MediaLeg
from hotline.store.users import User
from hotline.web.auth import PUBLIC, RIGHTS
from hotline.web.call_door import MAX_CALL_FRAME
from hotline.web.callbacks import number_of
from hotline.web.console_commands import carry_out
from hotline.web.console_frames import (
    FRAMES,
    Accept,
    Asked,
    Busy,
    CallBack,
    Plain,
    Reattach,
    Refuse,
    Supervise,
)
from hotline.web.console_state import ConsoleState, offer_json
from hotline.web.oversight import Overseeing
from hotline.web.sight import names_of
from hotline.web.site import Site, site_of
from hotline.web.staffing import Staffing
from hotline.web.tickets import Ticket

HELLO_SECONDS = 5.0
LOOK_SECONDS = 0.25
"""How often the state is compared with what the page knows."""
SESSION_CHECK_SECONDS = 30.0
SEND_SECONDS = 10.0
CLOSE_SECONDS = 2.0
FRAMES_A_LOOK = 120
"""Frames a page may send between two looks at its session."""
OFFERS = 32
"""Changes of ringing that may wait to be sent; more is a page that is gone."""
ASKING = 4
"""Commands that may be under way at once."""

router = APIRouter(prefix="/api/v1", tags=["console"])

Json = dict[str, Any]


class _Refused(Exception):
    """The socket is to be closed with a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


@router.websocket("/console", dependencies=[PUBLIC])
async def console(websocket: WebSocket) -> None:
    """One open page of an agent."""
    site = site_of(websocket)
    staffing = site.deps.staffing
    if staffing is None:
        await websocket.close(1008)
        return
    await websocket.accept()
    try:
        ticket, user = await _hello(websocket, site)
        await Console(websocket, site, staffing, user, ticket).run()
    except _Refused as refused:
        with anyio.move_on_after(CLOSE_SECONDS):
            try:
                await websocket.close(refused.code)
            except (RuntimeError, WebSocketDisconnect):
                return
    except WebSocketDisconnect:
        pass


async def _hello(websocket: WebSocket, site: Site) -> tuple[Ticket, User]:
    try:
        with anyio.fail_after(HELLO_SECONDS):
            hello = await _frame(websocket)
    except TimeoutError:
        raise _Refused(1008) from None
    key = hello.get("ticket") if isinstance(hello, dict) and set(hello) == {"ticket"} else None
    ticket = site.tickets.redeem(key, site.deps.now()) if isinstance(key, str) else None
    session = None
    if ticket is not None:
        session = await site.ask(site.deps.users.session, ticket.session, site.deps.now())
    if ticket is None or session is None or session.user.role not in RIGHTS["answer"]:
        raise _Refused(1008)
    return ticket, session.user


async def _frame(websocket: WebSocket) -> Any:
    """The next frame's JSON."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None:
        raise _Refused(1008)
    if len(text) > MAX_CALL_FRAME:
        raise _Refused(1009)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused(1007) from None


class Page:
    """The page as a device that rings."""

    kind = "browser"

    def __init__(self) -> None:
        self.offers: dict[str, Offer] = {}
        self.news: deque[tuple[str, Offer]] = deque(maxlen=OFFERS)
        self.rang = anyio.Event()

    def ring(self, offer: Offer) -> None:
        """A call is offered."""
        self.offers[offer.id] = offer
        self._tell("offer", offer)

    def stop(self, offer: Offer) -> None:
        """It is offered no longer."""
        if self.offers.pop(offer.id, None) is not None:
            self._tell("offer_over", offer)

    def _tell(self, what: str, offer: Offer) -> None:
        self.news.append((what, offer))
        self.rang.set()


class Console:
    """What one page and its agent's seat say to each other."""

    def __init__(
        self, websocket: WebSocket, site: Site, staffing: Staffing, user: User, ticket: Ticket
    ) -> None:
        self._websocket = websocket
        self._site = site
        self._staffing = staffing
        self._user = user
        self._ticket = ticket
        self._page = Page()
        self._seat: Seat = staffing.acd.sign_in(staffing.agent(user.name, user.display))
        self._overseeing = Overseeing(
            staffing, user.name, lambda action, subject: site.record(user.name, action, subject)
        )
        self._state = ConsoleState(staffing, self._seat, site.deps.now)
        self._leg: MediaLeg | None = None
        """The browser's, as it last answered an offer."""
        self._known: Json = {}
        self._frames = 0
        self._asking = 0
        self._sending = anyio.Lock()

    async def run(self) -> None:
        """Until the page, the session or the seat goes."""
        self._seat.plug(self._page)
        outcome: list[_Refused] = []
        try:
            async with anyio.create_task_group() as group:

                async def until_over(task: Any, *args: Any) -> None:
                    try:
                        await task(*args)
                    except _Refused as refused:
                        outcome.append(refused)
                    except WebSocketDisconnect:
                        pass
                    group.cancel_scope.cancel()

                for each in (self._show, self._ring, self._watch_session):
                    group.start_soon(until_over, each)
                group.start_soon(until_over, self._listen, group)
        finally:
            self._seat.unplug(self._page)
            with anyio.CancelScope(shield=True):
                await self._overseeing.leave()
        if outcome:
            raise outcome[0]

    # -- to the page --------------------------------------------------------------------------------------

    async def _send(self, frame: Json) -> None:
        try:
            with anyio.fail_after(SEND_SECONDS):
                async with self._sending:
                    await self._websocket.send_text(json.dumps(frame, ensure_ascii=False))
        except TimeoutError:
            raise _Refused(1013) from None
        except RuntimeError:
            raise WebSocketDisconnect from None

    async def _show(self) -> None:
        while True:
            state = self._state.frame(self._overseeing.state)
            if state != self._known:
                self._known = state
                await self._send(state)
            if self._seat.presence is Presence.OFFLINE:
                raise _Refused(1000)
            await anyio.sleep(LOOK_SECONDS)

    async def _ring(self) -> None:
        while True:
            await self._page.rang.wait()
            self._page.rang = anyio.Event()
            while self._page.news:
                what, offer = self._page.news.popleft()
                if what == "offer":
                    await self._send(await offer_json(self._site, self._staffing, self._user, offer))
                else:
                    await self._send({"type": "offer_over", "offer": offer.id})

    async def _watch_session(self) -> None:
        users, now = self._site.deps.users, self._site.deps.now
        while await self._site.ask(
            users.session, self._ticket.session, now(), touch=self._seat.presence is Presence.TALKING
        ):
            self._frames = 0
            await anyio.sleep(SESSION_CHECK_SECONDS)
        raise _Refused(1008)

    # -- from the page ------------------------------------------------------------------------------------

    async def _listen(self, group: anyio.abc.TaskGroup) -> None:
        while True:
            frame = await _frame(self._websocket)
            self._frames += 1
            if self._frames > FRAMES_A_LOOK:
                raise _Refused(1008)
            try:
                asked = FRAMES.validate_python(frame)
            except ValidationError:
                raise _Refused(1008) from None
            if asked.type == "ping":
                continue
            if self._asking >= ASKING:
                await self._send({"type": "refused", "asked": asked.type, "code": "busy"})
                continue
            # A command may ring somebody for long; the page must be heard meanwhile.
            group.start_soon(self._do, asked)

    async def _do(self, asked: Asked) -> None:
        self._asking += 1
        try:
            await self._command(asked)
        except NotAllowed as error:
            await self._tell_refused(asked, error.reason)
        except HotlineError as error:
            await self._tell_refused(asked, error.code)
        finally:
            self._asking -= 1

    async def _tell_refused(self, asked: Asked, code: str) -> None:
        try:
            await self._send({"type": "refused", "asked": asked.type, "code": code})
        except (_Refused, WebSocketDisconnect):
            return  # the listening task finds out by itself

    async def _command(self, asked: Asked) -> None:
        match asked:
            case Busy() | Plain(type="ready" | "sign_out"):
                self._stand(asked)
            case Accept():
                await self._accept(asked)
            case Refuse():
                if (offer := self._page.offers.get(asked.offer)) is not None:
                    offer.refuse("declined")
            case Supervise() | Plain(type="leave" | "take_over"):
                await self._oversee(asked)
            case Plain(type="hangup"):
                await self._hang_up(asked)
            case CallBack():
                await self._call_back(asked)
            case Reattach():
                await self._reattach(asked, self._talk())
            case _:
                await carry_out(asked, self._talk())

    def _stand(self, asked: Busy | Plain) -> None:
        """How the agent stands: ready, busy, gone."""
        if isinstance(asked, Busy):
            self._seat.busy(asked.reason)
        elif asked.type == "ready":
            self._seat.ready()
        else:
            self._staffing.acd.sign_out(self._seat.agent.name)

    async def _hang_up(self, asked: Plain) -> None:
        """A call that is being placed, the agent's own part in a colleague's talk, or the talk."""
        name = self._seat.agent.name
        if await self._staffing.back.give_up(name):
            return
        if self._leg is not None and self._staffing.floor.of_guest(name):
            await self._leg.hangup()
        else:
            await carry_out(asked, self._talk())

    def _talk(self) -> Talk:
        found = self._staffing.floor.of_agent(self._seat.agent.name)
        if found is None:
            raise NotAllowed("no_talk")
        return found[1]

    async def _oversee(self, asked: Supervise | Plain) -> None:
        if self._user.role not in RIGHTS["supervise"]:
            raise NotAllowed("not_yours")
        if isinstance(asked, Supervise):
            if self._site.feed.hides(names_of(self._user), asked.call):
                raise NotAllowed("no_talk")
            answer = await self._overseeing.supervise(asked)
            if answer:
                await self._send({"type": "answer", "call": asked.call, "sdp": answer})
        elif asked.type == "leave":
            await self._overseeing.leave()
        else:
            await self._overseeing.take_over(self._seat)

    async def _accept(self, asked: Accept) -> None:
        offer = self._page.offers.get(asked.offer)
        if offer is None:
            raise NotAllowed("too_late")
        leg, answer = await self._staffing.open_leg(asked.sdp.encode())
        if not offer.accept(leg, self._page):
            await leg.hangup()
            raise NotAllowed("too_late")
        self._leg = leg
        self._page.offers.pop(offer.id, None)
        await self._send({"type": "answer", "call": offer.wanted.call, "sdp": answer.decode()})

    async def _call_back(self, asked: CallBack) -> None:
        number = await number_of(self._site, self._user, asked.order)
        leg, answer = await self._staffing.open_leg(asked.sdp.encode())
        try:
            self._staffing.back.place(asked.order, number, Connected(self._seat, leg, self._page))
        except NotAllowed:
            await leg.hangup()
            raise
        await self._send({"type": "answer", "call": "", "sdp": answer.decode()})

    async def _reattach(self, asked: Reattach, talk: Talk) -> None:
        leg, answer = await self._staffing.open_leg(asked.sdp.encode())
        try:
            talk.attach(leg)
        except NotAllowed:
            await leg.hangup()
            raise
        await self._send({"type": "answer", "call": self._seat.call, "sdp": answer.decode()})
