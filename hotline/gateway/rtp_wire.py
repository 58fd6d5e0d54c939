"""What carries a leg's packets, and what is counted of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from hotline.gateway.latch import Address

NOWHERE: Address = ("127.0.0.1", 9)
"""Stands for the peer of a session that another transport carries; no packet is sent there."""


class Manners(NamedTuple):
    """How patient a leg is, in seconds, and how trusting."""

    delay: float
    """How long a missing packet is waited for at first."""
    floor: float
    """And at least, when the path is even."""
    dead_after: float
    """Without any packet for so long, it is given up."""
    strict: bool = False
    """Media from hosts that neither named themselves nor signal is never believed."""


class Wire(Protocol):
    """What takes RTP: a socket, or another transport in its place."""

    def sendto(self, data: bytes, address: Address, /) -> object:
        """Send at once or raise `OSError`."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        """A datagram that has come, or `OSError`."""


class ControlWire(Protocol):
    """What takes RTCP."""

    def sendto(self, data: bytes, address: Address, /) -> object:
        """Send at once or drop."""

    def close(self) -> None:
        """Nothing more is sent."""


@dataclass(slots=True)
class Traffic:
    """What went over the sockets of one leg, or of all."""

    packets_in: int = 0
    packets_out: int = 0
    unsent: int = 0
    """Packets the system would not take."""
    malformed: int = 0
    foreign: int = 0
    """Packets from someone who is not the peer."""
    ignored: int = 0
    """Packets of a payload type not agreed on, or while we do not listen."""
    unauthentic: int = 0
    """SRTP that the keys do not fit, or that was played again."""

    def add(self, part: "Traffic") -> None:
        """Count another's too."""
        self.packets_in += part.packets_in
        self.packets_out += part.packets_out
        self.unsent += part.unsent
        self.malformed += part.malformed
        self.foreign += part.foreign
        self.ignored += part.ignored
        self.unauthentic += part.unauthentic
