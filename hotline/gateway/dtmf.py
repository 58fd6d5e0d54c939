"""Keys as RFC 4733 telephone events: packets to exactly one press each, and a press to packets.

A press comes as many packets with one timestamp, the last three of them alike; any of them may be lost,
doubled or late. The press is told at the first that arrives.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hotline.gateway.rtp import RtpPacket, timestamp_delta

KEYS = "0123456789*#ABCD"
"""Events 0 to 15 (RFC 4733 §3.2)."""
STEP = 160
"""Timestamp units between the packets of a press we send (20 ms)."""

_EVENT = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
"""Power of the tone we ask for: -10 dBm0."""
_LONGEST = 0xFFFF
_REPEATS = 3
"""Times the last packet is sent (RFC 4733 §2.5.1.4)."""
_REMEMBERED = 16


class EventDecoder:
    """Telephone-event packets of one stream → keys."""

    def __init__(self) -> None:
        self._known: list[int] = []
        """Timestamps of the last presses, so that stragglers of an earlier one are known."""
        self._key = -1
        self._timestamp = 0
        self._duration = 0
        self._ended = True

    def push(self, packet: RtpPacket) -> str | None:
        """The key, at the first packet of its press; else None. Never raises: what is no event is ignored."""
        if len(packet.payload) < _EVENT.size:
            return None
        code, flags, duration = _EVENT.unpack_from(packet.payload)
        if code >= len(KEYS):
            return None
        if packet.timestamp in self._known:
            if packet.timestamp == self._timestamp:
                self._duration = max(self._duration, duration)
                self._ended = self._ended or bool(flags & _END)
            return None
        if self._known and timestamp_delta(packet.timestamp, self._timestamp) < 0 and self._near(packet):
            return None
        same = self._continues(packet, code, duration)
        self._known = [*self._known[1 - _REMEMBERED :], packet.timestamp]
        self._key, self._timestamp, self._duration = code, packet.timestamp, duration
        self._ended = bool(flags & _END)
        return None if same else KEYS[code]

    def _near(self, packet: RtpPacket) -> bool:
        """Older than the newest press by less than 10 s: the rest of a press passed over, not a new clock."""
        return timestamp_delta(self._timestamp, packet.timestamp) < 80_000

    def _continues(self, packet: RtpPacket, code: int, duration: int) -> bool:
        """The same press under another timestamp: its next segment (RFC 4733 §2.5.1.3), or a sender that
        wrongly moves the timestamp with every packet."""
        if code != self._key or self._ended or packet.marker:
            return False
        moved = timestamp_delta(packet.timestamp, self._timestamp)
        return moved == _LONGEST or 0 < moved == duration - self._duration


class EventPacket(NamedTuple):
    """What one packet of a press holds; all have the timestamp of its beginning."""

    payload: bytes
    marker: bool


def press(key: str, ms: int, unit: int = STEP) -> Iterator[EventPacket]:
    """The packets of one press, to be sent 20 ms apart. Raises `ValueError` for no such key.

    `unit`: timestamp units in 20 ms.
    """
    code = KEYS.index(key)
    steps = max(2, min(ms // 20, _LONGEST // unit))
    for step in range(1, steps + 1):
        yield EventPacket(_EVENT.pack(code, _VOLUME, step * unit), step == 1)
    for _ in range(_REPEATS):
        yield EventPacket(_EVENT.pack(code, _END | _VOLUME, steps * unit), False)
