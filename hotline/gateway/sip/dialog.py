"""One dialog (RFC 3261 §12): who the parties are, where requests go, and in which order they count."""

from collections.abc import Iterable

from hotline.gateway.sip.grammar import COOKIE, NameAddr, SipUri, param
from hotline.gateway.sip.message import Request, Response, SipSyntaxError, make_request
from hotline.gateway.sip.timers import Backoff, Note, Output, Timers

DialogId = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""


class Dialog:
    """State of one dialog and the requests it makes. Build it with `as_uas` or `as_uac`."""

    def __init__(
        self,
        ident: DialogId,
        parties: tuple[str, str],
        target: str,
        routes: tuple[str, ...],
        sequence: tuple[int, int | None],
    ) -> None:
        """`parties`: our and the peer's From/To values; `sequence`: our last CSeq and the peer's."""
        self.ident = ident
        self.local, self.remote = parties
        self.target = target
        self.routes = routes
        self.cseq, self._remote_cseq = sequence
        self.secure = False
        """Begun with a sips: URI: our Contact must be one too (§12.1.1)."""

    @classmethod
    def as_uas(cls, invite: Request, tag: str) -> "Dialog":
        """The dialog an INVITE opens at its receiver (§12.1.1). Raises `SipSyntaxError` without Contact."""
        headers, head = invite.headers, invite.head
        ident = (head.call_id, tag, head.from_tag or "")
        local = f"{headers.get('To')};tag={tag}"
        routes = _checked(headers.all("Record-Route"))
        parties = (local, headers.get("From") or "")
        dialog = cls(ident, parties, _target(invite), routes, (0, head.cseq))
        dialog.secure = SipUri.parse(invite.uri).scheme == "sips"
        return dialog

    @classmethod
    def as_uac(cls, invite: Request, response: Response) -> "Dialog":
        """The dialog a 2xx opens at its caller (§12.1.2). Raises `SipSyntaxError`."""
        headers, head = response.headers, response.head
        ident = (head.call_id, invite.head.from_tag or "", head.to_tag or "")
        routes = _checked(tuple(reversed(headers.all("Record-Route"))))
        parties = (headers.get("From") or "", headers.get("To") or "")
        dialog = cls(ident, parties, contact_of(response), routes, (invite.head.cseq, None))
        dialog.secure = SipUri.parse(invite.uri).scheme == "sips"
        return dialog

    def in_order(self, request: Request) -> bool:
        """Note a request's CSeq; False when it is out of order (§12.2.2)."""
        if request.method in {"ACK", "CANCEL"}:
            return True
        if self._remote_cseq is not None and request.head.cseq <= self._remote_cseq:
            return False
        self._remote_cseq = request.head.cseq
        return True

    def refresh(self, message: Request | Response) -> None:
        """Take a new Contact from a re-INVITE or its 2xx (§12.2); one that cannot be read is ignored."""
        try:
            self.target = contact_of(message)
        except SipSyntaxError:
            return

    def request(
        self,
        method: str,
        via: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        cseq: int | None = None,
    ) -> Request:
        """A request inside the dialog; ACK is given the CSeq of its INVITE, others count on."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        uri, routes = self._path()
        head = [("Via", via), ("Max-Forwards", "70"), *(("Route", route) for route in routes)]
        head += [("From", self.local), ("To", self.remote), ("Call-ID", self.ident[0])]
        return make_request(method, uri, [*head, ("CSeq", f"{cseq} {method}"), *fields], body)

    @property
    def next_hop(self) -> SipUri:
        """Where requests are sent first: the first route, or the target."""
        return SipUri.parse(NameAddr.parse(self.routes[0]).uri if self.routes else self.target)

    def _path(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route values; a strict first router gets itself as URI (§12.2.1.1)."""
        if not self.routes:
            return self.target, ()
        first = NameAddr.parse(self.routes[0]).uri
        if param(SipUri.parse(first).params, "lr") is not None:
            return self.target, self.routes
        return first, (*self.routes[1:], f"<{self.target}>")


def contact_of(message: Request | Response) -> str:
    """The one Contact URI of a message. Raises `SipSyntaxError` when there is none or it is unreadable."""
    uri = NameAddr.parse(message.headers.get("Contact") or "").uri
    if SipUri.parse(uri).scheme not in {"sip", "sips"}:
        raise SipSyntaxError("contact is no sip URI")
    return uri


def _target(invite: Request) -> str:
    """Where the caller wants requests: its Contact. One that speaks RFC 2543 need not name any: then its From
    (RFC 4475 §3.4.1). Raises `SipSyntaxError`."""
    if invite.headers.get("Contact") is None and not invite.head.via.branch.startswith(COOKIE):
        return NameAddr.parse(invite.headers.get("From") or "").uri
    return contact_of(invite)


def _checked(routes: tuple[str, ...]) -> tuple[str, ...]:
    """The routes, each of which can be read. Raises `SipSyntaxError`."""
    for route in routes:
        SipUri.parse(NameAddr.parse(route).uri)
    return routes


class Answer2xx:
    """Repeats a 2xx until its ACK comes (RFC 3261 §13.3.1.4): every T1 doubling to T2, for 64*T1.

    On every transport: a reliable last hop does not make the way there reliable.
    """

    def __init__(self, response: Response, timers: Timers, now: float) -> None:
        self.response = response
        self._resend = Backoff(now, timers.t1, timers.t2)
        self._end = now + timers.give_up

    @property
    def deadline(self) -> float:
        """When `due` must be called."""
        return min(self._resend.at, self._end)

    def due(self, now: float) -> list[Output]:
        """The response, when it must be sent again, or `Note.TIMEOUT` when patience is over."""
        if now >= self._end:
            return [Note.TIMEOUT]
        if now >= self._resend.at:
            self._resend.step()
            return [self.response]
        return []
