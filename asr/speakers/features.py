"""Kaldi's log mel filter bank in numpy: 80 bands, 25 ms every 10 ms, as speaker networks are trained on.

Povey window, pre-emphasis 0.97, mean of each frame taken off, power spectrum of 512, no dither, 20 Hz to
8 kHz (Kaldi `compute-fbank-feats`, feature-fbank.cc, mel-computations.cc).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE

FRAME, SHIFT, BANDS = 400, 160, 80
"""Samples of a frame, samples between frames, mel bands."""
_FFT = 512
_LOWEST = 20.0
_FLOOR = float(np.finfo(np.float32).eps)


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 80) of samples -1..1 at 16 kHz; only whole frames, so none for less than 25 ms."""
    count = max(0, (len(samples) - FRAME) // SHIFT + 1)
    if not count:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::SHIFT][:count]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    spectrum = np.fft.rfft((frames - 0.97 * before) * _window(), _FFT)[:, : _FFT // 2]
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    banks: NDArray[np.float32] = np.log(np.maximum(power @ _bands(), _FLOOR))
    return banks


@cache
def _window() -> NDArray[np.float64]:
    place = np.arange(FRAME) / (FRAME - 1)
    window: NDArray[np.float64] = (0.5 - 0.5 * np.cos(2 * np.pi * place)) ** 0.85
    return window


@cache
def _bands() -> NDArray[np.float32]:
    """(256, 80): triangles that are even on the mel scale."""

    def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
        return scaled

    low, high = (float(each) for each in mel(np.array([_LOWEST, SAMPLE_RATE / 2])))
    edges = np.linspace(low, high, BANDS + 2)
    at = mel(np.arange(_FFT // 2) * SAMPLE_RATE / _FFT)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (at - left) / (centre - left), (right - at) / (right - centre)
    bands: NDArray[np.float32] = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return bands
