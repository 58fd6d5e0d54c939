"""Server transactions: INVITE (RFC 3261 §17.2.1 with RFC 6026) and all others (§17.2.2), without I/O."""

from enum import Enum, auto

from hotline.gateway.sip.message import Request, Response
from hotline.gateway.sip.timers import Backoff, Note, Output, Timers, soonest


class ServerState(Enum):
    """States of both machines."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class InviteServer:
    """Figure 7 of RFC 3261 as corrected by RFC 6026 figure 5.

    Timers: G retransmits a final non-2xx on unreliable transports, H gives up on its ACK, I absorbs late
    ACKs, L ends the Accepted state. Retransmitting 2xx is the UAS core's work (`dialog.Answer2xx`).
    """

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        self.request = request
        self.state = ServerState.PROCEEDING
        self._timers = timers
        self._reliable = reliable
        self._last: Response | None = None
        self._resend: Backoff | None = None
        self._end: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `due` must be called."""
        return soonest(self._resend.at if self._resend else None, self._end)

    def repeat(self) -> list[Output]:
        """The same INVITE came again."""
        if self.state in {ServerState.PROCEEDING, ServerState.COMPLETED} and self._last is not None:
            return [self._last]
        return []

    def ack(self, now: float) -> bool:
        """An ACK came; True when it belongs to the core (it acknowledges a 2xx)."""
        if self.state is ServerState.COMPLETED:
            self._resend = None
            if self._reliable:
                self._end = now
            else:
                self._end = now + self._timers.t4  # timer I
            self.state = ServerState.CONFIRMED
        return self.state is ServerState.ACCEPTED

    def respond(self, response: Response, now: float) -> list[Output]:
        """Send a response. One that the state does not allow any more is dropped."""
        if self.state is ServerState.ACCEPTED and 200 <= response.status < 300:
            return [response]
        if self.state is not ServerState.PROCEEDING:
            return []
        if response.status < 200:
            self._last = response
        elif response.status < 300:
            self.state = ServerState.ACCEPTED
            self._end = now + self._timers.give_up  # timer L
        else:
            self.state = ServerState.COMPLETED
            self._last = response
            self._end = now + self._timers.give_up  # timer H
            if not self._reliable:
                self._resend = Backoff(now, self._timers.t1, self._timers.t2)  # timer G
        return [response]

    def due(self, now: float) -> list[Output]:
        """Whatever time demands by now."""
        if self._end is not None and now >= self._end:
            missed = self.state is ServerState.COMPLETED
            self.stop()
            return [Note.TIMEOUT, Note.ENDED] if missed else [Note.ENDED]
        if self._resend is not None and self._last is not None and now >= self._resend.at:
            self._resend.step()
            return [self._last]
        return []

    def stop(self) -> None:
        """Forget all timers."""
        self.state = ServerState.TERMINATED
        self._resend = None
        self._end = None


class OtherServer:
    """Figure 8 of RFC 3261; timer J keeps the final response for retransmitted requests."""

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        self.request = request
        self.state = ServerState.TRYING
        self._timers = timers
        self._reliable = reliable
        self._last: Response | None = None
        self.deadline: float | None = None

    def repeat(self) -> list[Output]:
        """The same request came again."""
        return [self._last] if self._last is not None else []

    def respond(self, response: Response, now: float) -> list[Output]:
        """Send a response; after a final one, nothing more is sent."""
        if self.state not in {ServerState.TRYING, ServerState.PROCEEDING}:
            return []
        self._last = response
        if response.status < 200:
            self.state = ServerState.PROCEEDING
        else:
            self.state = ServerState.COMPLETED
            self.deadline = now if self._reliable else now + self._timers.give_up  # timer J
        return [response]

    def due(self, now: float) -> list[Output]:
        """Whatever time demands by now."""
        if self.deadline is None or now < self.deadline:
            return []
        self.stop()
        return [Note.ENDED]

    def stop(self) -> None:
        """Forget all timers."""
        self.state = ServerState.TERMINATED
        self.deadline = None
