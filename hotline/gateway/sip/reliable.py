"""Reliable provisional responses (RFC 3262), both sides. Pure."""

import secrets

from hotline.gateway.sip.message import Request, Response, SipSyntaxError
from hotline.gateway.sip.timers import Backoff, Note, Output, Timers


class ReliableSender:
    """The UAS's side: one response at a time is repeated until its PRACK comes (§3)."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._rseq = secrets.randbelow(1 << 30) + 1
        self._waiting: Response | None = None
        self._resend: Backoff | None = None
        self._end = 0.0

    @property
    def pending(self) -> bool:
        """A response waits for its PRACK: no other may be sent reliably, and no 2xx."""
        return self._waiting is not None

    def next_fields(self) -> list[tuple[str, str]]:
        """What makes the next response reliable."""
        self._rseq += 1
        return [("Require", "100rel"), ("RSeq", str(self._rseq))]

    def sent(self, response: Response, now: float) -> None:
        """The response that `next_fields` were for has been sent."""
        self._waiting = response
        self._resend = Backoff(now, self._timers.t1, self._timers.give_up)
        self._end = now + self._timers.give_up

    @property
    def deadline(self) -> float | None:
        """When `due` must be called."""
        return None if self._resend is None else min(self._resend.at, self._end)

    def due(self, now: float) -> list[Output]:
        """The response again, or `Note.TIMEOUT` when patience is over (§3: the INVITE gets a 5xx)."""
        if self._waiting is None or self._resend is None:
            return []
        if now >= self._end:
            self.stop()
            return [Note.TIMEOUT]
        if now >= self._resend.at:
            self._resend.step()
            return [self._waiting]
        return []

    def acknowledge(self, prack: Request) -> bool:
        """Whether this PRACK is for the response that waits, which then waits no more.

        Raises `SipSyntaxError` when its RAck cannot be read.
        """
        rseq, cseq, method = rack_of(prack)
        waiting = self._waiting
        if waiting is None or (rseq, cseq, method) != (self._rseq, waiting.head.cseq, "INVITE"):
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Nothing is to be repeated any more."""
        self._waiting = self._resend = None


class ReliableReceiver:
    """The UAC's side, of one early dialog: which responses are new and in order (§4)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, response: Response) -> str | None:
        """The RAck value that acknowledges this response; None when it needs none: unreliable, seen before,
        or out of order."""
        if "100rel" not in {item.lower() for item in response.headers.tokens("Require")}:
            return None
        value = response.headers.get("RSeq") or ""
        if not (value.isascii() and value.isdigit() and 0 < int(value[:11]) < 1 << 32):
            return None
        rseq = int(value)
        if self._last is not None and rseq != self._last + 1:
            return None
        self._last = rseq
        return f"{rseq} {response.head.cseq} {response.head.method}"


def rack_of(prack: Request) -> tuple[int, int, str]:
    """RSeq, CSeq number and method that a PRACK acknowledges (§7.2). Raises `SipSyntaxError`."""
    parts = (prack.headers.get("RAck") or "").split()
    if len(parts) != 3 or not all(item.isascii() and item.isdigit() and len(item) < 11 for item in parts[:2]):
        raise SipSyntaxError("no or bad RAck")
    return int(parts[0]), int(parts[1]), parts[2]
