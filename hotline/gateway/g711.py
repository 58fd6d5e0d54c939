"""G.711 companding by table: A-law and µ-law bytes to linear samples and back (ITU-T G.711).

Tables are built once at import from the segment rules of the Recommendation; converting is one lookup.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Codec = Literal["PCMA", "PCMU"]

_SEGMENT_ENDS = np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF])
_ULAW_BIAS = 33
_ULAW_CLIP = 8159


def _decode_alaw() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    value = ((code & 0x0F) << 4) + np.where(segment == 0, 8, 0x108)
    value <<= np.maximum(segment - 1, 0)
    return np.where(code & 0x80, value, -value).astype(np.int16)


def _decode_ulaw() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    value = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - value, value - 0x84).astype(np.int16)


def _encode_alaw() -> NDArray[np.uint8]:
    linear = _every_sample() >> 3  # 13 bit
    mask = np.where(linear >= 0, 0xD5, 0x55)
    linear = np.where(linear >= 0, linear, -linear - 1)
    segment = np.searchsorted(_SEGMENT_ENDS, linear)
    step = np.where(segment < 2, 1, segment)
    code: NDArray[np.uint8] = (((segment << 4) | ((linear >> step) & 0x0F)) ^ mask).astype(np.uint8)
    return code


def _encode_ulaw() -> NDArray[np.uint8]:
    linear = _every_sample() >> 2  # 14 bit
    mask = np.where(linear < 0, 0x7F, 0xFF)
    linear = np.minimum(np.abs(linear), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.searchsorted(_SEGMENT_ENDS * 2 + 1, linear)
    code = np.minimum((segment << 4) | ((linear >> (segment + 1)) & 0x0F), 0x7F)  # clipped: the last code
    coded: NDArray[np.uint8] = (code ^ mask).astype(np.uint8)
    return coded


def _every_sample() -> NDArray[np.int64]:
    """All 16-bit samples in the order of their unsigned view: 0…32767, -32768…-1."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int64)


DECODE: dict[Codec, NDArray[np.int16]] = {"PCMA": _decode_alaw(), "PCMU": _decode_ulaw()}
"""256 linear values a codec."""
_ENCODE: dict[Codec, NDArray[np.uint8]] = {"PCMA": _encode_alaw(), "PCMU": _encode_ulaw()}

DECODE_FLOAT: dict[Codec, NDArray[np.float32]] = {
    codec: table.astype(np.float32) for codec, table in DECODE.items()
}
"""256 linear values a codec, for decoding straight into the resampler's arithmetic."""

SILENCE: dict[Codec, bytes] = {"PCMA": b"\xd5", "PCMU": b"\xff"}
"""The code of the smallest positive sample."""

_PAUSE = 2
"""Highest segment that is a pause: up to 1,024 of 32,768, or -30 dB."""
PAUSES: dict[Codec, bytes] = {
    "PCMA": bytes(code for code in range(256) if ((code ^ 0x55) & 0x70) >> 4 <= _PAUSE),
    "PCMU": bytes(code for code in range(256) if ((~code & 0xFF) & 0x70) >> 4 <= _PAUSE),
}
"""The codes of sound that is taken for a pause."""

_TRANSCODE: dict[Codec, bytes] = {
    "PCMA": _ENCODE["PCMA"][DECODE["PCMU"].view(np.uint16)].tobytes(),
    "PCMU": _ENCODE["PCMU"][DECODE["PCMA"].view(np.uint16)].tobytes(),
}


def law_of(codec: str) -> Codec:
    """The companding law of a codec's name; A-law for what is no G.711."""
    return "PCMU" if codec == "PCMU" else "PCMA"


def decode(payload: bytes, codec: Codec) -> NDArray[np.int16]:
    """Linear 16-bit samples at 8 kHz, one a byte."""
    return DECODE[codec][np.frombuffer(payload, np.uint8)]


def encode(samples: NDArray[np.int16], codec: Codec) -> bytes:
    """One byte a sample."""
    return _ENCODE[codec][samples.view(np.uint16)].tobytes()


def transcode(payload: bytes, to: Codec) -> bytes:
    """The same sound in the other companding law (G.711 tables 3 and 4, by way of linear)."""
    return payload.translate(_TRANSCODE[to])
