"""One channel of a recording: frames in as they come, samples at 8 kHz out, silence where nothing came.

Pure. Frames that still know how they came over the wire (G.711) are taken as that: decoding many of them is
one lookup, where bringing 16 kHz down to 8 takes a filter, and what is kept is then just what was heard.
"""

from collections import deque
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, LegId
from hotline.call.tape import Item
from hotline.gateway.g711 import decode, law_of
from hotline.gateway.resample import Decimator

LONGEST_GAP = 60 * SAMPLE_RATE
"""A frame further ahead than a minute is not believed."""
_LINEAR, _GAP = "linear", "gap"

_Piece = tuple[str, bytes, int]
"""What the sound is in (a G.711 law, `_LINEAR` or `_GAP`), its bytes, and its samples at 16 kHz."""


class Track:
    """Lines up one side's frames by sample number, counted at 16 kHz from the recording's origin."""

    def __init__(self) -> None:
        self.end = 0
        """One past the last sample that came."""
        self.gaps = 0
        self._taken = 0
        self._waiting: deque[_Piece] = deque()
        self._decimator = Decimator()
        self._law = ""
        self._next = 0
        """One past the last item's last sample, kept or not."""

    def add(self, items: list[Item], origin: int) -> None:
        """Frames in order; `origin`: sample on their clock where the file begins."""
        run: list[bytes] = []
        for item in items:
            if isinstance(item, bytes):
                run.append(item)
            else:
                self._append(run)
                run = []
                self._law, self._next = item.law, item.end - origin
                self._place(item.start - origin, item)
        self._append(run)

    def _append(self, run: list[bytes]) -> None:
        """Companded sound that follows on the last item, wherever that lay."""
        if not run:
            return
        sound = b"".join(run)
        start, self._next = self._next, self._next + 2 * len(sound)
        if start == self.end:
            samples = 2 * len(sound)
            self._waiting.append((self._law, sound, samples))
            self.end += samples
        else:
            linear = decode(sound, law_of(self._law)).repeat(2).astype("<i2").tobytes()
            self._place(start, AudioFrame(LegId(""), start, linear, False, sound, self._law))

    def take(self, until: int) -> NDArray[np.int16]:
        """Samples at 8 kHz up to `until`, silence for what has not come."""
        count = self._due(until)
        runs, left = [], count
        while left > 0 and self._waiting:
            kind, sound, samples = self._run(left)
            runs.append(self._narrow(kind, sound, samples))
            left -= samples
        if left > 0:
            runs.append(np.zeros(left // 2, np.int16))
        self._taken += count
        self.end = max(self.end, self._taken)
        return runs[0] if len(runs) == 1 else np.concatenate(runs) if runs else np.zeros(0, np.int16)

    def law(self, until: int) -> str:
        """The law in which `take_coded` can give all that `take` would; "" when it cannot."""
        left = self._due(until)
        law = self._waiting[0][0] if self._waiting and left else ""
        if law in {_LINEAR, _GAP}:
            return ""
        for kind, _, samples in self._waiting:
            if left <= 0 or kind != law:
                break
            left -= samples
        return law if left <= 0 else ""

    def take_coded(self, until: int) -> bytes:
        """What `take` would give, still companded; only where `law` says that this can be."""
        _, sound, samples = self._run(self._due(until))
        self._taken += samples
        return sound

    def _due(self, until: int) -> int:
        """Whole frames up to `until` that have not been taken, in samples."""
        return max(0, until - self._taken) // FRAME_SAMPLES * FRAME_SAMPLES

    def _place(self, start: int, frame: AudioFrame) -> None:
        """Samples elsewhere than at the end, or only linear; what overlaps earlier sound or lies before the
        origin is cut."""
        pcm = frame.pcm
        if start < self.end:
            pcm = pcm[(self.end - start) * BYTES_PER_SAMPLE :]
            start = self.end
        samples = len(pcm) // BYTES_PER_SAMPLE
        if not samples or start - self.end > LONGEST_GAP:
            return
        if start > self.end:
            self.gaps += 1
            self._waiting.append((_GAP, b"", start - self.end))
        if frame.coded and len(pcm) == len(frame.pcm):
            self._waiting.append((frame.law, frame.coded, samples))
        else:
            self._waiting.append((_LINEAR, pcm, samples))
        self.end = start + samples

    def _run(self, most: int) -> _Piece:
        """The next pieces of one kind as one, at most so many samples; there is one."""
        kind = self._waiting[0][0]
        pieces = list(takewhile(lambda piece: piece[0] == kind, self._waiting))
        for _ in pieces:
            self._waiting.popleft()
        samples = sum(piece[2] for piece in pieces)
        sound = b"".join([piece[1] for piece in pieces])
        if samples <= most:
            return kind, sound, samples
        cut = 0 if kind == _GAP else most * BYTES_PER_SAMPLE if kind == _LINEAR else most // 2
        self._waiting.appendleft((kind, sound[cut:], samples - most))
        return kind, sound[:cut], most

    def _narrow(self, kind: str, sound: bytes, samples: int) -> NDArray[np.int16]:
        if kind == _GAP:
            return np.zeros(samples // 2, np.int16)
        if kind == _LINEAR:
            return self._decimator.push(sound)
        return decode(sound, law_of(kind))
