"""Call transfer: REFER and what becomes of it (RFC 3515, RFC 5589, RFC 4488), and Replaces (RFC 3891)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from hotline.errors import HotlineError
from hotline.gateway.sip.grammar import NameAddr, SipSyntaxError, SipUri, param, parse_params
from hotline.gateway.sip.message import Request, Response

FRAGMENT = ("Content-Type", "message/sipfrag;version=2.0")
_STATUS = re.compile(rb"^SIP/2\.0 ([1-6][0-9]{2})[ \r\n]")
_CONTENT_SECONDS = 60.0
"""How long a transfer may take before it counts as failed."""


class TransferFailed(HotlineError):
    """The peer did not go where it was sent; the call is still ours."""

    code = "hotline.transfer_failed"

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class ReplacesHeader:
    """Which dialog a new INVITE is to take the place of (RFC 3891 §6.1), as its receiver names it."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool

    @classmethod
    def parse(cls, value: str) -> "ReplacesHeader":
        """Raises `SipSyntaxError`."""
        call_id, semicolon, rest = value.partition(";")
        params = parse_params(semicolon + rest)
        to_tag, from_tag = param(params, "to-tag"), param(params, "from-tag")
        if not call_id.strip() or not to_tag or from_tag is None:
            raise SipSyntaxError("bad Replaces")
        return cls(call_id.strip(), to_tag, from_tag, param(params, "early-only") is not None)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def target_of(refer: Request) -> str:
    """Where a REFER sends us: the URI of its one Refer-To. Raises `SipSyntaxError`."""
    values = refer.headers.all("Refer-To")
    if len(values) != 1:
        raise SipSyntaxError("one Refer-To is needed")
    uri = NameAddr.parse(values[0]).uri
    SipUri.parse(uri)
    return uri


def wants_no_subscription(refer: Request) -> bool:
    """Refer-Sub: false (RFC 4488): nobody wants to hear what becomes of it."""
    return (refer.headers.get("Refer-Sub") or "").partition(";")[0].strip().lower() == "false"


def fragment(status: int, reason: str) -> bytes:
    """Body of a NOTIFY (RFC 3420)."""
    return f"SIP/2.0 {status} {reason}\r\n".encode()


def status_of(notify: Request) -> int | None:
    """What a NOTIFY says of the transfer; None when it says nothing one can read."""
    found = _STATUS.match(notify.body)
    return int(found[1]) if found else None


class Transfer:
    """A REFER we sent, until its end is known."""

    def __init__(self) -> None:
        self._done = anyio.Event()
        self._status = 0
        self.progress: Callable[[int], None] = lambda _: None
        """Told every status that comes."""

    def accepted(self, response: Response | None) -> None:
        """The answer to the REFER itself; a final NOTIFY may have come before it."""
        if response is None:
            self._settle(408)
        elif response.status >= 300:
            self._settle(response.status)
        elif (response.headers.get("Refer-Sub") or "").strip().lower() == "false":
            self._settle(202)

    def notified(self, status: int | None) -> None:
        """A NOTIFY of it."""
        if status is None:
            return
        self.progress(status)
        if status >= 200:
            self._settle(status)

    async def result(self) -> None:
        """Return when the peer has got through. Raises `TransferFailed`."""
        with anyio.move_on_after(_CONTENT_SECONDS):
            await self._done.wait()
        if not 200 <= self._status < 300:
            raise TransferFailed(self._status or 408)

    def _settle(self, status: int) -> None:
        if not self._done.is_set():
            self._status = status
            self._done.set()
