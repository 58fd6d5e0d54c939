"""A supervisor's place in somebody else's talk: one at a time, each step put on record before it is taken."""

from collections.abc import Awaitable, Callable

from hotline.acd.model import NotAllowed
from hotline.acd.ports import Seat
from hotline.call.floor import Oversight, Talk
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg
from hotline.web.console_frames import Supervise
from hotline.web.staffing import Staffing

Record = Callable[[str, str], Awaitable[None]]


class Overseeing:
    """Of one console."""

    def __init__(self, staffing: Staffing, user: str, record: Record) -> None:
        """`record` writes an audit row: action, subject."""
        self._staffing = staffing
        self._user = user
        self._record = record
        self._call = CallId("")
        self._leg: MediaLeg | None = None
        self._mode = Oversight.LISTEN

    @property
    def state(self) -> dict[str, str] | None:
        """Where and how, for the page."""
        leg, talk = self._leg, self._staffing.floor.talks.get(self._call)
        if leg is None or talk is None or leg.leg not in talk.parties:
            return None
        return {"call": self._call, "mode": self._mode.value}

    async def supervise(self, asked: Supervise) -> str:
        """Join, or change how; our answer to the offer, empty without one. Raises `NotAllowed`."""
        call, mode = CallId(asked.call), Oversight(asked.mode)
        talk = self._talk(call)
        await self._record(f"call.{mode.value}", call)
        if not asked.sdp:
            if self._leg is None or call != self._call:
                raise NotAllowed("no_talk")
            talk.oversee(self._user, self._leg, mode)
            self._mode = mode
            return ""
        await self.leave()
        leg, answer = await self._staffing.open_leg(asked.sdp.encode())
        try:
            talk.oversee(self._user, leg, mode)
        except NotAllowed:
            await leg.hangup()
            raise
        self._call, self._leg, self._mode = call, leg, mode
        return answer.decode()

    async def take_over(self, seat: Seat) -> None:
        """Become the agent of the talk. Raises `NotAllowed`."""
        if self._leg is None:
            raise NotAllowed("no_talk")
        talk = self._talk(self._call)
        await self._record("call.takeover", self._call)
        await talk.take_over(seat, self._leg)
        self._leg = None

    async def leave(self) -> None:
        """Go. Harmless when not there."""
        leg, self._leg = self._leg, None
        if leg is not None:
            await leg.hangup()

    def _talk(self, call: CallId) -> Talk:
        talk = self._staffing.floor.talks.get(call)
        if talk is None:
            raise NotAllowed("no_talk")
        return talk
