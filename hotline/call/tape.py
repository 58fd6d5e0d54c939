"""What recording does for every packet: in a compiled kernel (`_tape.c`) where one has been built."""

from collections import deque
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, AudioFrame
from hotline.gateway.g711 import DECODE, decode, law_of

try:
    _kernel: Any = import_module("hotline.call._tape")
except ImportError:
    _kernel = None

Item = AudioFrame | bytes
"""A frame, or only the companded sound of some that follow on the last one in the same law."""


class Inlet(Protocol):
    """Where one side's frames wait for the disk; one thread pushes, another takes.

    Of frames that only go on with what was before, nothing is kept but their companded bytes, side by side:
    of hundreds of calls that is what still fits into a processor's cache, and the frames' own memory is free
    for the next ones at once.
    """

    taking: bool
    """Whether anything is kept; set from outside."""

    @property
    def dropped(self) -> int:
        """Frames there was no room for."""

    def push(self, frame: AudioFrame, /) -> None:
        """Never waits; when full, the frame is dropped."""

    def take(self) -> list[Item]:
        """What has come."""


def built() -> bool:
    """Whether there is a kernel."""
    return _kernel is not None


def make_inlet(capacity: int) -> Inlet:
    """An inlet that holds so many frames of 20 ms."""
    if _kernel is None:
        return PlainInlet(capacity)
    made: Inlet = _kernel.Inlet(capacity * FRAME_SAMPLES)
    return made


def stereo(left: bytes, left_law: str, right: bytes, right_law: str) -> bytes:
    """Two companded tracks of one length as a linear stereo one, little-endian."""
    if _kernel is None:
        return beside(decode(left, law_of(left_law)), decode(right, law_of(right_law)))
    made: bytes = _kernel.stereo(left, left_law == "PCMU", right, right_law == "PCMU")
    return made


def beside(left: NDArray[np.int16], right: NDArray[np.int16]) -> bytes:
    """Two tracks of one length as a stereo one, little-endian."""
    both = np.empty((len(left), 2), "<i2")
    both[:, 0], both[:, 1] = left, right
    return both.tobytes()


class PlainInlet:
    """An `Inlet` without a kernel.

    Each thread only does what the interpreter's lock makes one step: the one that pushes adds at the end of
    the last run, the other takes from the front of the first.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: of frames of 20 ms."""
        self.taking = False
        """Whether anything is kept; set from outside."""
        self.dropped = 0
        """Frames there was no room for."""
        self._items: deque[AudioFrame | bytearray] = deque()
        self._run: bytearray | None = None
        """The run at the end of the items, while frames go on with it."""
        self._most = capacity * FRAME_SAMPLES
        self._came = 0
        self._taken = 0
        self._next = -1
        self._law = ""

    def push(self, frame: AudioFrame) -> None:
        """Never waits; when full, the frame is dropped."""
        if not self.taking:
            return
        _, start, pcm, _, coded, law = frame
        samples = len(pcm) // BYTES_PER_SAMPLE
        if self._came - self._taken >= self._most:
            self.dropped += 1
            self._next = -1
            return
        self._came += samples
        if start != self._next or law != self._law or not coded:
            self._items.append(frame)
            self._law, self._run = law, None
        elif self._run is not None:
            self._run.extend(coded)
        else:
            self._run = bytearray(coded)
            self._items.append(self._run)
        self._next = start + samples

    def take(self) -> list[Item]:
        """What has come."""
        found: list[Item] = []
        items = self._items
        while items:
            item = items[0]
            if isinstance(item, bytearray):
                last = len(items) == 1  # the other thread may be adding to it
                sound = bytes(item)
                if sound:
                    found.append(sound)
                self._taken += 2 * len(sound)
                if last:
                    del item[: len(sound)]
                    break
            else:
                found.append(item)
                self._taken += item.samples
            items.popleft()
        return found


if _kernel is not None:
    _kernel.tables(DECODE["PCMA"].tobytes(), DECODE["PCMU"].tobytes())
