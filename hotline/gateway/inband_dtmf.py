"""Keys heard in the sound itself, for peers that send no telephone events (ITU-T Q.23, Q.24). Pure.

Every 20 ms the frame is projected onto the eight tones, each at its frequency and 1.2 % beside it, so that a
telephone that is 1.5 % off is heard and speech, which never is two pure tones, is not. Two frames in a row
make a press, so a tone must last 60 ms to be sure of being heard; two without it end it.
"""

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
_RATE, _SAMPLES = 16_000, 320
_OFFSETS = (0.988, 1.0, 1.012)
_QUIETEST = 180.0
"""Amplitude (of 32,768) of the weaker tone: about -45 dBFS, near -39 dBm0 a tone."""
_PURE = 0.8
"""Share of the frame's energy in the two tones: what speech never reaches for long."""
_TWIST = 6.3
"""Most one tone's power may exceed the other's: 8 dB."""
_ALONE = 5.0
"""Least a tone's power must exceed the next strongest of its group: 7 dB."""
_FRAMES = 2


def _probes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(24, 320) each, cosine and sine: each tone at three frequencies.

    Two small real products and not one complex one: beyond some nine thousand elements OpenBLAS takes another
    thread, which then spins for 25 ms on the chance of more work: between frames every 20 ms, for ever.
    """
    at = np.arange(_SAMPLES) / _RATE
    hertz = np.array([tone * offset for tone in (*ROWS, *COLUMNS) for offset in _OFFSETS])
    phase = 2 * np.pi * hertz[:, None] * at[None, :]
    return np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32)


_COSINES, _SINES = _probes()


class InbandKeys:
    """One leg's listener."""

    def __init__(self) -> None:
        self._seen = ""
        self._count = 0
        self._pressed = ""
        self._absent = 0

    def hear(self, pcm: bytes) -> str | None:
        """20 ms of s16le at 16 kHz; the key when a press has just been recognised, once a press."""
        key = _key(np.frombuffer(pcm, "<i2").astype(np.float32)) if len(pcm) == 2 * _SAMPLES else ""
        if key != self._pressed:
            self._absent += 1
            if self._absent >= _FRAMES:
                self._pressed = ""
        else:
            self._absent = 0
        self._count = self._count + 1 if key and key == self._seen else 1
        self._seen = key
        if key and self._count >= _FRAMES and key != self._pressed:
            self._pressed, self._absent = key, 0
            return key
        return None


def _key(sound: NDArray[np.float32]) -> str:
    """The key whose tones a frame holds and hardly anything else; "" for none."""
    energy = float(sound @ sound)
    if energy < _SAMPLES * _QUIETEST**2:  # two tones of that amplitude have this much
        return ""
    power = (_COSINES @ sound) ** 2 + (_SINES @ sound) ** 2
    tones = power.reshape(8, len(_OFFSETS)).max(axis=1)
    row, column = int(tones[:4].argmax()), int(tones[4:].argmax())
    low, high = float(tones[row]), float(tones[4 + column])
    # A tone of amplitude a gives (a*N/2)² here and a²*N/2 of energy: the ratio is N/2.
    if (low + high) / (_SAMPLES / 2) < _PURE * energy:
        return ""
    weaker, stronger = min(low, high), max(low, high)
    if stronger > _TWIST * weaker or weaker < (_QUIETEST * _SAMPLES / 2) ** 2:
        return ""
    others = max(
        float(np.delete(tones[:4], row).max()) / low, float(np.delete(tones[4:], column).max()) / high
    )
    return "" if others > 1 / _ALONE else _KEYS[row][column]
