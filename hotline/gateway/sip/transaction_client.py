"""Client transactions: INVITE (RFC 3261 §17.1.1 with RFC 6026) and all others (§17.1.2), without I/O."""

from enum import Enum, auto

from hotline.gateway.sip.message import Request, Response, make_request
from hotline.gateway.sip.timers import Backoff, Note, Output, Timers, soonest


class ClientState(Enum):
    """States of both machines."""

    CALLING = auto()
    """Trying, for requests other than INVITE."""
    PROCEEDING = auto()
    COMPLETED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class InviteClient:
    """Figure 5 of RFC 3261 with RFC 6026's Accepted state.

    Timers: A retransmits, B gives up, D absorbs final responses sent again, M the same for 2xx.
    """

    def __init__(self, request: Request, timers: Timers, now: float, *, reliable: bool) -> None:
        self.request = request
        self.state = ClientState.CALLING
        self._timers = timers
        self._reliable = reliable
        self._resend = None if reliable else Backoff(now, timers.t1, timers.give_up)  # timer A
        self._end: float | None = now + timers.give_up  # timer B
        self._ack: Request | None = None

    @property
    def deadline(self) -> float | None:
        """When `due` must be called."""
        return soonest(self._resend.at if self._resend else None, self._end)

    def receive(self, response: Response, now: float) -> tuple[bool, list[Output]]:
        """A response came: whether the core must see it, and what to send."""
        if self.state is ClientState.COMPLETED:
            again = response.status >= 300 and self._ack is not None
            return False, [self._ack] if again and self._ack is not None else []
        if self.state is ClientState.ACCEPTED:
            return 200 <= response.status < 300, []
        if self.state is ClientState.TERMINATED:
            return False, []
        self._resend = None
        if response.status < 200:
            self.state = ClientState.PROCEEDING
            self._end = None
            return True, []
        if response.status < 300:
            self.state = ClientState.ACCEPTED
            self._end = now + self._timers.give_up  # timer M
            return True, []
        self.state = ClientState.COMPLETED
        self._ack = ack_failure(self.request, response)
        self._end = now if self._reliable else now + self._timers.d  # timer D
        return True, [self._ack]

    def due(self, now: float) -> list[Output]:
        """Whatever time demands by now."""
        if self._end is not None and now >= self._end:
            missed = self.state is ClientState.CALLING
            self.stop()
            return [Note.TIMEOUT, Note.ENDED] if missed else [Note.ENDED]
        if self._resend is not None and now >= self._resend.at:
            self._resend.step()
            return [self.request]
        return []

    def stop(self) -> None:
        """Forget all timers."""
        self.state = ClientState.TERMINATED
        self._resend = None
        self._end = None


class OtherClient:
    """Figure 6 of RFC 3261: timer E retransmits, F gives up, K absorbs answers sent again."""

    def __init__(self, request: Request, timers: Timers, now: float, *, reliable: bool) -> None:
        self.request = request
        self.state = ClientState.CALLING
        self._timers = timers
        self._reliable = reliable
        self._resend = None if reliable else Backoff(now, timers.t1, timers.t2)
        self._end: float | None = now + timers.give_up

    @property
    def deadline(self) -> float | None:
        """When `due` must be called."""
        return soonest(self._resend.at if self._resend else None, self._end)

    def receive(self, response: Response, now: float) -> tuple[bool, list[Output]]:
        """A response came: whether the core must see it, and what to send."""
        if self.state not in {ClientState.CALLING, ClientState.PROCEEDING}:
            return False, []
        if response.status < 200:
            self.state = ClientState.PROCEEDING
            if self._resend is not None:
                self._resend.slow(now)
            return True, []
        self.state = ClientState.COMPLETED
        self._resend = None
        self._end = now if self._reliable else now + self._timers.t4  # timer K
        return True, []

    def due(self, now: float) -> list[Output]:
        """Whatever time demands by now."""
        if self._end is not None and now >= self._end:
            missed = self.state is not ClientState.COMPLETED
            self.stop()
            return [Note.TIMEOUT, Note.ENDED] if missed else [Note.ENDED]
        if self._resend is not None and now >= self._resend.at:
            self._resend.step()
            return [self.request]
        return []

    def stop(self) -> None:
        """Forget all timers."""
        self.state = ClientState.TERMINATED
        self._resend = None
        self._end = None


def ack_failure(invite: Request, response: Response) -> Request:
    """The ACK of a non-2xx answer: same branch, one Via, the answer's To (RFC 3261 §17.1.1.3)."""
    headers = invite.headers
    fields = [("Via", headers.all("Via")[0]), ("Max-Forwards", "70")]
    fields += [("Route", value) for value in headers.all("Route")]
    fields += [("From", headers.get("From") or ""), ("To", response.headers.get("To") or "")]
    fields += [("Call-ID", invite.head.call_id), ("CSeq", f"{invite.head.cseq} ACK")]
    return make_request("ACK", invite.uri, fields)


def cancel(invite: Request) -> Request:
    """The CANCEL of a pending INVITE (RFC 3261 §9.1)."""
    headers = invite.headers
    fields = [("Via", headers.all("Via")[0]), ("Max-Forwards", "70")]
    fields += [("Route", value) for value in headers.all("Route")]
    fields += [("From", headers.get("From") or ""), ("To", headers.get("To") or "")]
    fields += [("Call-ID", invite.head.call_id), ("CSeq", f"{invite.head.cseq} CANCEL")]
    return make_request("CANCEL", invite.uri, fields)
