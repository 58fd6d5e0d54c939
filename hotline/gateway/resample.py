"""Telephone rate to recogniser rate and back: 8 ↔ 16 kHz by one linear-phase half-band filter.

The filter has 47 taps at 16 kHz (Kaiser, about 60 dB stop band, flat to 3.3 kHz), so upsampling delays by 12
samples at 8 kHz (1.5 ms) and decimation by 23 samples at 16 kHz (1.44 ms). Half-band means that every other
output sample is an input sample, so only half of them cost anything. Upsampling is done for all calls of a
tick in one matrix product: measured at about 2 µs a 20 ms frame, where a soxr stream a call takes 3 to 6.
"""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from hotline.gateway.g711 import DECODE_FLOAT, Codec

PHASE_TAPS = 24
"""Taps of the filter's one phase that is not a plain delay."""
TAIL = PHASE_TAPS
"""Samples at 8 kHz of earlier sound that upsampling a frame needs before it."""
FRAME_8K = 160
"""Samples at 8 kHz in a 20 ms frame."""

_BLOCK = 40
"""Outputs computed by one row of the matrix product; short rows waste fewer products on the zeros of a band
matrix."""
_RUN = _BLOCK + PHASE_TAPS - 1
"""Inputs that a row of outputs needs."""
_BATCH = 20
"""Calls a product: up to this size OpenBLAS stays in this thread; waking its pool would cost more."""


def _phase() -> NDArray[np.float32]:
    """The half-band filter's odd phase: symmetric, unity gain at 0 Hz."""
    distance = np.arange(PHASE_TAPS) - (PHASE_TAPS - 1) / 2  # …, -0.5, 0.5, … samples at 8 kHz
    taps = np.sinc(distance) * np.kaiser(2 * PHASE_TAPS + 1, 5.6)[1::2]
    scaled: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return scaled


TAPS = _phase()


def _band() -> NDArray[np.float32]:
    """Matrix (63, 40): a run of input → 40 samples that lie half way between inputs."""
    matrix = np.zeros((_RUN, _BLOCK), np.float32)
    for column in range(_BLOCK):
        matrix[column : column + PHASE_TAPS, column] = TAPS
    return matrix


_BAND = _band()


def upsample_frames(rows: Sequence[bytes], codec: Codec) -> list[bytes]:
    """Decode and upsample one 20 ms frame of each of many calls.

    Each row is 24 bytes of the call's earlier G.711, then the 160 of this frame. Returns for each 320 samples
    as s16le at 16 kHz (640 bytes).
    """
    frames: list[bytes] = []
    for first in range(0, len(rows), _BATCH):
        frames += _upsample(rows[first : first + _BATCH], codec)
    return frames


def _upsample(rows: Sequence[bytes], codec: Codec) -> list[bytes]:
    count = len(rows)
    sound = DECODE_FLOAT[codec][np.frombuffer(b"".join(rows), np.uint8)].reshape(count, TAIL + FRAME_8K)
    blocks = FRAME_8K // _BLOCK
    row_step, step = sound.strides
    runs = as_strided(sound[:, 1:], (count, blocks, _RUN), (row_step, _BLOCK * step, step), writeable=False)
    between = (runs.reshape(count * blocks, -1) @ _BAND).reshape(count, FRAME_8K)
    np.rint(between, out=between)
    np.clip(between, -32768.0, 32767.0, out=between)
    out = np.empty((count, 2 * FRAME_8K), "<i2")
    out[:, 0::2] = sound[:, PHASE_TAPS // 2 : PHASE_TAPS // 2 + FRAME_8K]
    out[:, 1::2] = between
    sample_bytes = out.tobytes()
    size = 4 * FRAME_8K
    return [sample_bytes[start : start + size] for start in range(0, count * size, size)]


class Decimator:
    """16 → 8 kHz, state kept from one run of samples to the next."""

    def __init__(self) -> None:
        self._state = np.zeros(2 * PHASE_TAPS - 2, np.float32)

    def push(self, pcm: bytes) -> NDArray[np.int16]:
        """s16le at 16 kHz, an even number of samples → half as many at 8 kHz."""
        fresh = np.frombuffer(pcm, "<i2").astype(np.float32)
        sound = np.concatenate((self._state, fresh))
        self._state = sound[len(sound) - len(self._state) :]
        count = len(fresh) // 2
        if count == 0:
            return np.zeros(0, np.int16)
        centre = sound[PHASE_TAPS - 1 :: 2][:count]
        blocks = -(-count // _BLOCK)
        between = np.zeros(blocks * _BLOCK + PHASE_TAPS - 1, np.float32)
        between[: count + PHASE_TAPS - 1] = sound[0::2][: count + PHASE_TAPS - 1]
        step = between.strides[0]
        runs = as_strided(between, (blocks, _RUN), (_BLOCK * step, step), writeable=False)
        out = np.empty(blocks * _BLOCK, np.float32).reshape(blocks, _BLOCK)
        for first in range(0, blocks, _BATCH * 4):
            np.matmul(runs[first : first + _BATCH * 4], _BAND, out=out[first : first + _BATCH * 4])
        out = out.reshape(-1)[:count]
        out += centre
        out *= 0.5
        np.rint(out, out=out)
        return np.clip(out, -32768.0, 32767.0).astype(np.int16)
