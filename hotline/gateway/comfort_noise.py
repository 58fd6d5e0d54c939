"""Comfort noise (RFC 3389): the noise around a peer that has fallen silent, as it describes it. Pure.

A second of it is made once and then read round and round, so a silent leg costs nothing a tick.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PAYLOAD_TYPE = 13
"""Static payload type (RFC 3551 §6)."""
_LOUDEST_DB, _FAINTEST_DB = 30, 90
"""Levels believed, in dB below overload: what is louder is no background noise."""
_MOST_COEFFICIENTS = 16
_WIDE = 8_192
"""Samples made at 8 kHz."""
_KEPT = 64


class ComfortNoise:
    """Noise as one payload describes it."""

    def __init__(self, payload: bytes, rate: int = 8000) -> None:
        """`payload`: level, then perhaps reflection coefficients (§3). `rate`: 8000 or 16000."""
        level = min(max(payload[0] & 0x7F if payload else _FAINTEST_DB, _LOUDEST_DB), _FAINTEST_DB)
        self._sound = _shaped(level, payload[1 : 1 + _MOST_COEFFICIENTS], rate // 8000)
        self._at = payload[-1] * 31 % len(self._sound) if payload else 0

    def take(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples."""
        places = np.arange(self._at, self._at + count) % len(self._sound)
        self._at = (self._at + count) % len(self._sound)
        return self._sound[places]


def describe(level_db: int) -> bytes:
    """The payload of noise so many dB below overload, of no particular colour."""
    return bytes([min(max(level_db, 0), 127)])


@lru_cache(_KEPT)
def _shaped(level: int, coefficients: bytes, scale: int) -> NDArray[np.int16]:
    """A loop of noise; `scale` 2 makes it at 16 kHz, still without anything above 4 kHz."""
    count = _WIDE * scale
    phases = np.random.default_rng(level).uniform(0, 2 * np.pi, _WIDE // 2 + 1)
    spectrum = np.zeros(count // 2 + 1, np.complex128)
    spectrum[: _WIDE // 2 + 1] = _envelope(coefficients) * np.exp(1j * phases)
    spectrum[0] = 0
    sound = np.fft.irfft(spectrum, count)
    sound *= 32_768 * 10 ** (-level / 20) / max(float(np.sqrt(np.mean(sound**2))), 1e-9)
    noise: NDArray[np.int16] = np.clip(np.rint(sound), -32_768, 32_767).astype(np.int16)
    noise.flags.writeable = False
    return noise


def _envelope(coefficients: bytes) -> NDArray[np.float64]:
    """The all-pole filter's magnitude at equal steps from 0 to 4 kHz.

    Reflection coefficients are sent as 127 + k · 127 (§3.2); the step-up recursion makes them the
    predictor's. One at the edge of stability is drawn in a little.
    """
    predictor = np.ones(1)
    for byte in coefficients:
        k = min(max((byte - 127) / 128, -0.98), 0.98)
        longer = np.append(predictor, 0.0)
        predictor = longer + k * longer[::-1]
    response: NDArray[np.float64] = 1.0 / np.maximum(np.abs(np.fft.rfft(predictor, _WIDE)), 1e-3)
    return response
