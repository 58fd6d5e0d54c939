"""Lanes: the ordinary course of G.711 legs in a compiled kernel (`_lane.c`), where one has been built.

While nothing comes but the next packet, on time, from a settled peer, a leg's jitter buffer and receiver are
lent to a lane: one piece of memory and no Python for a packet. Whatever a lane refuses, the classes that lent
take back and deal with. Without the kernel nothing is ever lent, and all else is the same.
"""

import select
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from asr.audio import AudioFrame, LegId
from hotline.gateway.g711 import DECODE_FLOAT, PAUSES
from hotline.gateway.resample import TAPS

try:
    _kernel: Any = import_module("hotline.gateway._lane")
except ImportError:
    _kernel = None

Odd = tuple[int, bytes | None]
_MOST_READY = 4096


class Stream(NamedTuple):
    """What a jitter buffer knows of its stream; see `JitterBuffer`'s fields of these names."""

    highest: int
    highest_time: int
    last_timestamp: int
    expected: int
    next_time: int
    played_to: int
    zero: float
    transit: float
    interarrival: float
    window_end: float


class Returned(NamedTuple):
    """What a lane gives back."""

    stream: Stream
    waiting: tuple[bytes, ...]
    """Payloads not yet due, from the expected packet on."""
    frames: tuple[bytes, ...]
    """The latest frames it has given, at most eight."""
    slacks: tuple[int, ...]
    """How early each packet came, in timestamp units."""
    waits: int
    received: int
    heard: float
    """When the last of them came; 0 when none did."""


class Lane(Protocol):
    """One leg's lane; `_lane.c` has the particulars."""

    @property
    def armed(self) -> int:
        """Whether the leg's state is lent to it."""

    def arm(self, state: tuple[object, ...], /) -> None:
        """Take over (`_lane.c` says what). Raises `ValueError`."""

    def disarm(self) -> tuple[object, ...]:
        """Give everything back, as `Returned`."""

    def tick(self, now: float, patience: int, /) -> tuple[bytes, bytes] | None:
        """The 20 ms now due at 16 kHz and in G.711; None, and nothing changed, unless just that is due."""

    def send(self, datagram: bytes, /) -> bool:
        """To the settled peer; False when the system would not take it."""


def built() -> bool:
    """Whether there is a kernel."""
    return _kernel is not None


def make(file: int) -> Lane | None:
    """A lane for the leg whose media socket `file` is; None without a kernel."""
    if _kernel is None:
        return None
    made: Lane = _kernel.Lane(file)
    return made


def disarmed(lane: Lane) -> Returned:
    """Take everything back from an armed lane."""
    stream, *others = lane.disarm()
    return Returned(Stream._make(stream), *others)  # type: ignore[arg-type]


def receive(poll: select.epoll, lanes: Sequence[Lane | None], now: float) -> tuple[int, list[Odd]]:
    """One datagram of each socket that is ready to its lane. Returns how many were ready, and what is for
    others to do: a file and the datagram its lane refused, or None when the socket has not been read."""
    if _kernel is not None:
        found: tuple[int, list[Odd]] = _kernel.receive(poll.fileno(), lanes, now)
        return found
    ready = poll.poll(0, _MOST_READY)
    return len(ready), [(file, None) for file, _ in ready]


make_frame: Callable[[LegId, int, bytes, bool, bytes, str], AudioFrame] = AudioFrame
"""An `AudioFrame`: a kernel makes one in a sixth of the time."""

if _kernel is not None:
    _kernel.frames(AudioFrame)
    make_frame = _kernel.frame
    _kernel.tables(
        DECODE_FLOAT["PCMA"].tobytes(), DECODE_FLOAT["PCMU"].tobytes(), *(
            bytes(code not in PAUSES[law] for code in range(256)) for law in ("PCMA", "PCMU")
        ), TAPS.tobytes(),
    )  # fmt: skip
