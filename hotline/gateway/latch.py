"""Symmetric RTP: whose packets a leg hears, and where it sends (RFC 4961, RFC 7362 §4).

A peer behind NAT sends from another address than it signalled. We send to where its media comes from, but
once media has come from somewhere, no one else can take the stream over while it goes on. Pure.
"""

from ipaddress import ip_address

Address = tuple[str, int]

STRANGER_PACKETS = 5
"""Packets from another IP address than signalled, and none from the signalled, before it is believed."""
REBIND_S = 1.0
"""Seconds of silence after which the same IP address may go on from another port (NAT rebinding)."""


class Latch:
    """The peer's address as signalled and as seen."""

    def __init__(self) -> None:
        self._signalled: Address | None = None
        self._latched: Address | None = None
        self._heard = 0.0
        self._candidate: Address | None = None
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

    def signal(self, address: Address | None) -> None:
        """The peer said where it wants its media (None: nowhere, on hold). Another address starts anew."""
        if address is not None and address != self._signalled:
            self._latched = self._candidate = None
        self._signalled = address

    def accept(self, address: Address, now: float) -> bool:
        """Whether a packet from `address` is the peer's."""
        if address == self._latched or self._believe(address, now):
            self._latched, self._heard = address, now
            return True
        self.foreign += 1
        return False

    def _believe(self, address: Address, now: float) -> bool:
        if self._signalled is None:
            return False
        if address == self._signalled:
            return True
        if self._latched is not None:
            return address[0] == self._latched[0] and now - self._heard > REBIND_S
        if address[0] == self._signalled[0]:
            return True
        if address != self._candidate:
            self._candidate, self._seen = address, 0
        self._seen += 1
        return self._seen >= STRANGER_PACKETS


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
