"""A plain socket that speaks RTP, and what goes with it."""

import socket

from hotline.gateway.media import Direction, LegInput, MediaPlan
from hotline.gateway.rtp import RtpPacket, build, parse
from hotline.gateway.rtp_session import RtpSession

HOST = "127.0.0.1"


def plan(
    remote: tuple[str, int] | None, direction: Direction = Direction.SENDRECV, **changes: object
) -> MediaPlan:
    values = {"codec": "PCMA", "payload_type": 8, "dtmf_payload_type": 101, **changes}
    return MediaPlan(remote, direction=direction, **values)  # type: ignore[arg-type]


class Peer:
    """A plain socket that speaks RTP."""

    def __init__(self, host: str = HOST) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()
        self.sequence = 0
        self._ahead = 0

    def send(
        self, to: tuple[str, int], payload: bytes = b"\x55" * 160, kind: int = 8, units: int = 160
    ) -> None:
        """`units`: how long the packet lasts, of its codec's clock."""
        data = build(RtpPacket(kind, self.sequence & 0xFFFF, 160 * self.sequence + self._ahead, 7, payload))
        self.socket.sendto(data, to)
        self.sequence += 1
        self._ahead += units - 160

    def received(self) -> list[RtpPacket]:
        packets = []
        while True:
            try:
                packets.append(parse(self.socket.recv(2048)))
            except BlockingIOError:
                return packets


async def collect(session: RtpSession) -> list[LegInput]:
    return [item async for item in session.inputs()]
