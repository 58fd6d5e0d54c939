"""Symmetric RTP: whose packets a leg hears, and where it sends (RFC 4961, RFC 7362 §4).

A peer behind NAT sends from another address than it signalled. We send to where its media comes from, but
once media has come from somewhere, no one else can take the stream over while it goes on. Two hosts are
trusted: the one that the peer named, and the one its signalling comes from. Anybody else is a stranger:
believed only when it speaks alone, steadily and as one source, and not at all when so set (`strict`), and
pushed aside as soon as a trusted host speaks. So who sprays RTP at our ports to get somebody's sound ("RTP
Bleed") gets none. Pure.
"""

from ipaddress import ip_address

Address = tuple[str, int]

STRANGER_PACKETS = 5
"""Packets from another IP address than signalled, and none from the signalled, before it is believed."""
REBIND_S = 1.0
"""Seconds of silence after which the same IP address may go on from another port (NAT rebinding)."""


class Latch:
    """The peer's address as signalled and as seen."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._host: str | None = None
        self._signalled: Address | None = None
        self._latched: Address | None = None
        self._heard = 0.0
        self._candidate: tuple[Address, int] | None = None
        self._seen = 0
        self.foreign = 0
        """Packets turned away."""

    @property
    def target(self) -> Address | None:
        """Where to send; None when the peer gave no address."""
        return (self._latched or self._signalled) if self._signalled is not None else None

    @property
    def settled(self) -> Address | None:
        """Where media has come from; None before any has."""
        return self._latched

    def signal(self, address: Address | None, host: str | None = None) -> None:
        """The peer said where it wants its media (None: nowhere, on hold). Another address starts anew.

        `host`: where its signalling comes from.
        """
        self._host = host
        if address is not None and address != self._signalled:
            self._latched = self._candidate = None
        self._signalled = address

    def accept(self, address: Address, now: float, ssrc: int = 0) -> bool:
        """Whether a packet from `address` is the peer's; `ssrc`: the stream it is of."""
        if address == self._latched or self._believe(address, now, ssrc):
            self._latched, self._heard = address, now
            return True
        self.foreign += 1
        return False

    def heard(self, now: float) -> None:
        """The latched address has been heard up to now."""
        self._heard = now

    def _believe(self, address: Address, now: float, ssrc: int) -> bool:
        if self._signalled is None:
            return False
        if address == self._signalled:
            return True
        trusted = self._trusts(address[0])
        if self._latched is not None:
            if address[0] == self._latched[0]:
                return now - self._heard > REBIND_S
            return trusted and not self._trusts(self._latched[0])
        if trusted or self._strict:
            return trusted
        if (address, ssrc) != self._candidate:
            self._candidate, self._seen = (address, ssrc), 0
        self._seen += 1
        return self._seen >= STRANGER_PACKETS

    def _trusts(self, host: str) -> bool:
        return host == self._host or (self._signalled is not None and host == self._signalled[0])


def usable(remote: Address | None, local: str) -> Address | None:
    """The address, when it is one we can send to from `local`: a literal of the same family, never a name.

    A host name would make every packet wait for the resolver.
    """
    if remote is None or not 0 < remote[1] < 65_536:
        return None
    try:
        there, here = ip_address(remote[0]), ip_address(local)
    except ValueError:
        return None
    if there.version != here.version or there.is_unspecified or there.is_multicast:
        return None
    return remote
