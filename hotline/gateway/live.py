"""Frames of another party on their way to a leg: a few at most, and none that wait for nothing (pure)."""

from collections import deque

import numpy as np

from asr.audio import AudioFrame

LIVE_FRAMES = 3
"""Frames that may wait: 60 ms."""
_STANDING = 25
"""Ticks in a row with a frame left over, after which it is delay that nobody needs: 0.5 s."""
_LONGEST = 100
"""And after so many it goes even if it is heard."""
_QUIET = 200.0
"""Mean amplitude (of 32,768) of a frame that nobody misses."""


class LiveQueue:
    """Oldest out first; when full, the oldest goes. What stays behind a key press, a stall or another clock
    is taken out again at the next silence, so that delay never lasts."""

    def __init__(self) -> None:
        self._frames: deque[AudioFrame] = deque()
        self._left_over = 0
        self.dropped = 0
        """Frames that went unheard."""

    def push(self, frame: AudioFrame) -> None:
        """Wait for the next tick."""
        if len(self._frames) >= LIVE_FRAMES:
            self._frames.popleft()
            self.dropped += 1
        self._frames.append(frame)

    def take(self) -> AudioFrame | None:
        """The frame of this tick, if any."""
        frames = self._frames
        if not frames:
            self._left_over = 0
            return None
        frame = frames.popleft()
        self._left_over = self._left_over + 1 if frames else 0
        if self._left_over >= _STANDING and (self._left_over >= _LONGEST or _quiet(frame)):
            self._left_over = 0
            self.dropped += 1
            return frames.popleft()
        return frame

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()


def _quiet(frame: AudioFrame) -> bool:
    samples = np.frombuffer(frame.pcm, "<i2")
    return bool(np.abs(samples.astype(np.float32)).mean() < _QUIET) if len(samples) else True
