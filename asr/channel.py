"""A telephone line made of numbers: 16 kHz audio → 8 kHz G.711 A-law → 16 kHz again (ITU-T G.711, 1988)."""

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE

LINE_RATE = 8_000
"""Samples a second on the line."""


def _decode_table() -> NDArray[np.int16]:
    """The 256 A-law codes as 16-bit samples (G.711 table 1; even bits are inverted on the line)."""
    codes = np.arange(256) ^ 0x55
    exponent, mantissa = (codes & 0x70) >> 4, codes & 0x0F
    size = (mantissa << 4) + np.where(exponent == 0, 8, 0x108)
    size <<= np.maximum(exponent - 1, 0)
    return np.where(codes & 0x80, size, -size).astype(np.int16)


DECODED = _decode_table()
_ORDER = np.argsort(DECODED).astype(np.uint8)
_BORDERS = (DECODED[_ORDER][:-1].astype(np.int32) + DECODED[_ORDER][1:]) / 2


def encode_alaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The nearest code of each 16-bit sample."""
    return _ORDER[np.searchsorted(_BORDERS, samples)]


def decode_alaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The 16-bit sample of each code."""
    return DECODED[codes]


def through_alaw(pcm: bytes) -> bytes:
    """16 kHz s16le audio as it sounds behind an 8 kHz A-law line; the same number of samples.

    Resampled in floating point: soxr dithers 16-bit output by chance, and no figure could be had again.
    """
    import soxr

    samples = np.frombuffer(pcm, "<i2")
    if not len(samples):
        return b""
    narrow = _whole(soxr.resample(samples.astype(np.float32), SAMPLE_RATE, LINE_RATE))
    line = decode_alaw(encode_alaw(narrow)).astype(np.float32)
    heard = _whole(soxr.resample(line, LINE_RATE, SAMPLE_RATE))
    out = np.zeros(len(samples), "<i2")
    out[: len(heard)] = heard[: len(samples)]
    return out.tobytes()


def _whole(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(samples).clip(-32768, 32767).astype(np.int16)
