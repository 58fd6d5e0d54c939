"""Packet loss concealment for G.711: the last pitch period goes on and fades (after G.711 Appendix I).

A lost 20 ms frame of a vowel is best replaced by more of the same vowel. Sound fades from 10 ms on, and at
60 ms it is gone: longer losses are silence. The first packet after a loss is blended with the made-up sound.
"""

import numpy as np
from numpy.typing import NDArray

HISTORY = 480
"""Samples at 8 kHz of earlier sound that concealment looks at (60 ms)."""
FADE_FROM, FADE_TO = 80, 480
"""Samples at 8 kHz after the start of a loss between which the sound fades to nothing."""

_MIN_PITCH, _MAX_PITCH = 40, 120
"""Samples at 8 kHz: 200 Hz to 67 Hz. Higher voices are matched at a multiple of their period."""
_MATCH = 160
"""Samples over which periods are compared."""
_BLEND = 32
"""Samples over which the first sound after a loss is blended in (4 ms)."""

Samples = NDArray[np.int16]


class Concealer:
    """Conceals one loss at a time of one stream."""

    def __init__(self, rate: int = 8000) -> None:
        """`rate`: samples a second, 8000 or 16000; the numbers of this module are for 8000."""
        self._scale = rate // 8000
        self._period: NDArray[np.float32] = np.zeros(0, np.float32)
        self._made = 0

    @property
    def active(self) -> bool:
        """Between the first lost sample and the next that came."""
        return self._made > 0

    @property
    def faded(self) -> bool:
        """Nothing is left of the sound before the loss."""
        return self._made >= FADE_TO * self._scale

    def conceal(self, history: Samples, count: int) -> Samples:
        """`count` samples to put in a loss's place.

        `history`: the last 60 ms before the loss; looked at only when the loss begins.
        """
        if self._made == 0:
            self._period = _last_period(history, self._scale)
        out = self._more(count)
        self._made += count
        return out.astype(np.int16)

    def resume(self, samples: Samples) -> Samples:
        """The first sound after a loss, blended with what would have been made up; ends the loss."""
        count = min(_BLEND * self._scale, len(samples))
        if not self.active or count == 0:
            return samples
        rise = (np.arange(count, dtype=np.float32) + 1) / (count + 1)
        out = samples.copy()
        out[:count] = (samples[:count] * rise + self._more(count) * (1 - rise)).astype(np.int16)
        self._made = 0
        return out

    def forget(self) -> None:
        """The stream starts anew."""
        self._made = 0

    def _more(self, count: int) -> NDArray[np.float32]:
        at = np.arange(self._made, self._made + count)
        end = FADE_TO * self._scale
        gain = np.clip((end - at) / (end - FADE_FROM * self._scale), 0.0, 1.0).astype(np.float32)
        made: NDArray[np.float32] = self._period[at % len(self._period)] * gain
        return made


def _last_period(history: Samples, scale: int) -> NDArray[np.float32]:
    """One period that can be repeated after `history` without a click."""
    sound = history.astype(np.float32)
    pitch = _pitch(sound, scale)
    period = sound[-pitch:].copy()
    # The period's end runs into what came before its beginning, so that the seam of each repeat is smooth.
    blend = pitch // 4
    rise = (np.arange(blend, dtype=np.float32) + 1) / (blend + 1)
    before = sound[-pitch - blend : -pitch]
    period[-blend:] = period[-blend:] * (1 - rise) + before * rise
    return period


def _pitch(sound: NDArray[np.float32], scale: int) -> int:
    """The lag in samples at which the end of `sound` is most like what came before it."""
    match, longest, shortest = _MATCH * scale, _MAX_PITCH * scale, _MIN_PITCH * scale
    target = sound[-match:]
    lagged = np.lib.stride_tricks.sliding_window_view(sound[-match - longest : -shortest], match)
    likeness = lagged @ target
    energy = np.sqrt(np.einsum("ij,ij->i", lagged, lagged)) + 1.0
    return longest - int(np.argmax(likeness / energy))
