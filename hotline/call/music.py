"""Music for who waits: a slow arpeggio made here, so that no licence is needed for it."""

from functools import cache

import anyio
import numpy as np
from anyio.abc import TaskGroup

from asr.audio import SAMPLE_RATE
from hotline.errors import LegGone
from hotline.gateway.media import MediaLeg

_NOTE_SECONDS = 0.4
_CHORDS = ((0, 4, 7, 12), (-3, 0, 4, 9), (-7, -3, 0, 5), (-5, -1, 2, 7))
"""I, vi, IV and V of a major key, as semitones above its root."""
_ROOT_HERTZ = 261.63
_PEAK = 4_000
"""Of 32,768: background, and well under speech."""


@cache
def hold_music() -> bytes:
    """About 13 s of 16 kHz s16le mono that goes on without a seam when repeated."""
    pattern = (0, 1, 2, 3, 2, 1, 2, 1)
    notes = [chord[place] for chord in _CHORDS for place in pattern]
    step = int(_NOTE_SECONDS * SAMPLE_RATE)
    sound = np.zeros(step * len(notes))
    at = np.arange(step * 3) / SAMPLE_RATE
    envelope = np.exp(-3.0 * at) * np.minimum(1.0, at / 0.01)
    for number, semitones in enumerate(notes):
        hertz = _ROOT_HERTZ * 2 ** (semitones / 12)
        tone = sum((np.sin(2 * np.pi * hertz * part * at) / part**2 for part in (1, 2, 3)), np.zeros(len(at)))
        places = (number * step + np.arange(len(at))) % len(sound)
        sound[places] += tone * envelope
    samples: bytes = (sound / np.abs(sound).max() * _PEAK).astype("<i2").tobytes()
    return samples


class HoldMusic:
    """Plays to one leg for as long as it is on."""

    def __init__(self, leg: MediaLeg) -> None:
        self._leg = leg
        self._scope: anyio.CancelScope | None = None

    def begin(self, tasks: TaskGroup) -> None:
        """Harmless when it plays."""
        if self._scope is None:
            self._scope = anyio.CancelScope()
            tasks.start_soon(self._play, self._scope)

    def stop(self) -> None:
        """Silence, at the next frame. Harmless when it does not play."""
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def _play(self, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                while True:
                    await self._leg.play(hold_music())
            except LegGone:
                return
