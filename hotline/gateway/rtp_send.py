"""One leg's outgoing stream: 20 ms of sound or a key press at every tick, datagrams out. Pure."""

import secrets
import struct
from collections import deque
from collections.abc import Iterator

from hotline.gateway import dtmf, wideband
from hotline.gateway.dtmf import EventPacket
from hotline.gateway.media import MediaPlan
from hotline.gateway.resample import FRAME_8K

_HEADER = struct.Struct("!BBHII")
_WAITING_KEYS = 32
_GAP_TICKS = 3
"""Ticks of sound between two presses (60 ms), so that no receiver takes them for one."""
_REST_TICKS = 20
"""Ticks between two packets that tell of silence (400 ms): NATs and time-outs want to see some."""


class Sender:
    """Numbers, times and packs what a leg sends."""

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.timestamp = secrets.randbits(32)
        self.packets = 0
        self.octets = 0
        self.clock = 8000
        """Timestamp units a second."""
        self._step = FRAME_8K
        """Timestamp units in a tick."""
        self._event_step = FRAME_8K
        """The same in telephone events."""
        self._whole = False
        """Each tick's payload is a packet of its own: the codec's packets cannot be joined or cut."""
        self._sequence = secrets.randbits(16)
        self._payload_type = 8
        self._event_type: int | None = None
        self._packet_bytes = FRAME_8K
        self._waiting = b""
        self._marker = True
        self._keys: deque[tuple[str, int]] = deque(maxlen=_WAITING_KEYS)
        self._press: Iterator[EventPacket] | None = None
        self._press_time = 0
        self._gap = 0
        self._rested = 0
        """Ticks of silence so far."""

    @property
    def pressing(self) -> bool:
        """A key press is going out, and sound must wait for it."""
        if self._press is not None:
            return True
        return bool(self._keys) and self._gap == 0 and self._event_type is not None

    def configure(self, plan: MediaPlan) -> None:
        """Send as `plan` says from the next tick on."""
        if plan.payload_type != self._payload_type:
            self._waiting = b""
            self._marker = True
        self._payload_type = plan.payload_type
        self._event_type = plan.dtmf_payload_type
        self._packet_bytes = max(10, min(plan.packet_ms, 200)) * 8
        self.clock = wideband.clock(plan.codec)
        self._step = self.clock // 50
        self._event_step = (plan.dtmf_clock or self.clock) // 50
        self._whole = plan.codec == "OPUS"

    def press(self, key: str, ms: int) -> None:
        """Send this key when those before it are out. Raises `ValueError` for no such key."""
        if key not in dtmf.KEYS or len(key) != 1:
            raise ValueError("no such key")
        self._keys.append((key, ms))

    def pause(self) -> None:
        """A tick in which nothing may be sent: time goes on."""
        self.timestamp = (self.timestamp + self._step) & 0xFFFF_FFFF
        self._marker = True
        self._waiting = b""

    def rest(self, kind: int, payload: bytes, silence: bytes) -> list[bytes]:
        """The datagrams of a tick in which there is nothing to say: `payload`, which tells of silence, now
        and then; `silence` fills up a packet that was begun."""
        if self._waiting:
            return self.tick(silence)
        out = []
        if self._rested % _REST_TICKS == 0:
            out.append(self._pack(kind, self.timestamp, payload, marker=False))
        self._rested += 1
        self._marker = True
        self._gap = max(0, self._gap - 1)
        self.timestamp = (self.timestamp + self._step) & 0xFFFF_FFFF
        return out

    def tick_press(self) -> bytes:
        """The datagram of a tick in which `pressing`."""
        if self._press is None:
            key, ms = self._keys.popleft()
            self._press = dtmf.press(key, ms, self._event_step)
            self._press_time = self.timestamp
        event = next(self._press, None)
        self.timestamp = (self.timestamp + self._step) & 0xFFFF_FFFF
        if event is None or self._event_type is None:
            self._press, self._gap = None, _GAP_TICKS
            self._marker = True
            return b""
        return self._pack(self._event_type, self._press_time, event.payload, marker=event.marker)

    def tick(self, sound: bytes) -> list[bytes]:
        """The datagrams of a tick: `sound` is 20 ms in the codec agreed on."""
        if self._gap:
            self._gap -= 1
        self._rested = 0
        size = self._packet_bytes
        if size == FRAME_8K or self._whole:
            out = [self._pack(self._payload_type, self.timestamp, sound, marker=self._marker)]
            self._marker = False
        else:
            began = self.timestamp - len(self._waiting)
            self._waiting += sound
            out = []
            while len(self._waiting) >= size:
                piece, self._waiting = self._waiting[:size], self._waiting[size:]
                out.append(self._pack(self._payload_type, began & 0xFFFF_FFFF, piece, marker=self._marker))
                self._marker = False
                began += size
        self.timestamp = (self.timestamp + self._step) & 0xFFFF_FFFF
        return out

    def _pack(self, kind: int, timestamp: int, payload: bytes, *, marker: bool) -> bytes:
        header = _HEADER.pack(0x80, kind | (0x80 if marker else 0), self._sequence, timestamp, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return header + payload
