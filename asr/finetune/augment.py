"""Clean speech → speech from a telephone: line, noise, room, losses, another throat; and masked features.

SpecAugment: Park et al. 2019. Vocal tract length perturbation: Jaitly and Hinton 2013.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.channel import LINE_RATE, decode_alaw, encode_alaw

Samples = NDArray[np.float32]
Features = NDArray[np.float32]

MELS, WINDOW, HOP = 80, 400, 160
"""Whisper's features: 80 bands, 25 ms windows, 10 ms apart."""
PACKET = LINE_RATE // 50
WARPS = tuple(float(each) for each in np.linspace(0.86, 1.14, 15))
"""Factors on the frequency axis."""


@dataclass(frozen=True, slots=True)
class Augment:
    """How often what happens; all 0 leaves the speech alone."""

    telephone: float = 0.6
    noise: float = 0.7
    room: float = 0.3
    loss: float = 0.15
    """Of the telephone calls: packets lost and played as silence or as the one before."""
    throat: float = 0.5
    masks: float = 0.7
    wordless: float = 0.04
    """Samples with nothing to write down: a model that never met them hears words in every noise."""


def spoil(audio: Samples, other: Samples, how: Augment, draw: np.random.Generator) -> Samples:
    """One clip (16 kHz, -1..1) as it may reach the line; `other` is some other clip, for babble."""
    out = audio * np.float32(10 ** (draw.uniform(-24, 3) / 20))
    if draw.random() < how.room:
        out = _in_room(out, draw)
    if draw.random() < how.noise:
        out = out + _noise(len(out), other, draw) * _gain(out, draw.uniform(5, 35))
    if draw.random() < how.telephone:
        out = telephone(out, draw, loss=float(draw.uniform(0.005, 0.05)) if draw.random() < how.loss else 0.0)
    clipped: Samples = np.clip(out, -1, 1).astype(np.float32)
    return clipped


def telephone(audio: Samples, draw: np.random.Generator, loss: float) -> Samples:
    """Through an 8 kHz A-law line that loses a share of its 20 ms packets."""
    import soxr

    narrow = soxr.resample(audio, SAMPLE_RATE, LINE_RATE)
    heard = decode_alaw(encode_alaw((np.clip(narrow, -1, 1) * 32767).astype(np.int16)))
    for packet in np.flatnonzero(draw.random(len(heard) // PACKET) < loss):
        at = packet * PACKET
        heard[at : at + PACKET] = heard[at - PACKET : at] if packet and draw.random() < 0.5 else 0
    wide: Samples = soxr.resample(heard.astype(np.float32) / 32768.0, LINE_RATE, SAMPLE_RATE)
    return np.pad(wide, (0, max(0, len(audio) - len(wide))))[: len(audio)]


def wordless(other: Samples, draw: np.random.Generator) -> Samples:
    """One to twelve seconds in which nobody speaks: noise, hum, tones on and off, or next to nothing."""
    length = int(draw.uniform(1.0, 12.0) * SAMPLE_RATE)
    if draw.random() < 0.4:
        at = np.arange(length) / SAMPLE_RATE
        on, off = draw.uniform(0.1, 1.0), draw.uniform(0.05, 4.0)
        tones: Samples = np.zeros(length, np.float32)
        for _ in range(int(draw.integers(1, 4))):
            tones += np.sin(2 * np.pi * draw.uniform(300, 1700) * at).astype(np.float32)
        tones *= ((at + draw.uniform(0, on + off)) % (on + off) < on) if draw.random() < 0.8 else 1.0
        sound = tones + 0.02 * draw.standard_normal(length).astype(np.float32)
    else:
        sound = _noise(length, other, draw, kinds=3)  # babble is people: it may be written down
    level = 10 ** (draw.uniform(-75, -12) / 20)
    quiet: Samples = (sound / np.sqrt(np.mean(sound**2) + 1e-12) * level).astype(np.float32)
    return quiet


def _gain(speech: Samples, snr: float) -> np.float32:
    """What unit noise is multiplied by to lie `snr` dB below the speech."""
    return np.float32(np.sqrt(np.mean(speech**2) + 1e-12) * 10 ** (-snr / 20))


def _noise(length: int, other: Samples, draw: np.random.Generator, kinds: int = 4) -> Samples:
    """White, pink, hum or babble (the first `kinds` of them), of unit power."""
    kind = draw.integers(kinds)
    if kind == 0:
        noise = draw.standard_normal(length)
    elif kind == 1:
        spectrum = np.fft.rfft(draw.standard_normal(length))
        noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1.0), length)
    elif kind == 2:
        at = np.arange(length) / SAMPLE_RATE
        noise = sum(
            (np.sin(2 * np.pi * 50 * k * at + draw.uniform(0, 6)) / k for k in range(1, 8)), np.zeros(length)
        )
        noise = noise + 0.3 * draw.standard_normal(length)
    else:
        noise = np.resize(np.roll(other, int(draw.integers(len(other)))), length).astype(np.float64)
        noise = noise + np.roll(noise[::-1], length // 3)
    unit: Samples = (noise / np.sqrt(np.mean(noise**2) + 1e-12)).astype(np.float32)
    return unit


def _in_room(audio: Samples, draw: np.random.Generator) -> Samples:
    """A room's echo: noise that decays by 60 dB in 0.1–0.5 s behind the direct sound."""
    decay = draw.uniform(0.1, 0.5)
    length = int(decay * SAMPLE_RATE)
    echo = draw.standard_normal(length) * 10 ** (-3 * np.arange(length) / length) * draw.uniform(0.02, 0.12)
    echo[0] = 1.0
    size = 1 << (len(audio) + length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(echo, size), size)[: len(audio)]
    out: Samples = (wet * (np.abs(audio).max() / max(1e-6, np.abs(wet).max()))).astype(np.float32)
    return out


def features(audio: Samples, warp: float = 1.0) -> Features:
    """Whisper's log-mel features (80, frames of 10 ms); `warp` stretches the frequency axis."""
    padded = np.pad(audio, WINDOW // 2, mode="reflect")
    count = 1 + (len(padded) - WINDOW) // HOP
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)[: count - 1]
    power = spectrum.real**2 + spectrum.imag**2
    mel = np.log10(np.maximum(filters(warp) @ power.T, 1e-10))
    mel = np.maximum(mel, mel.max() - 8.0)
    out: Features = ((mel + 4.0) / 4.0).astype(np.float32)
    return out


def masked(mel: Features, draw: np.random.Generator) -> Features:
    """Bands and moments blotted out with the mean."""
    out, mean = mel.copy(), mel.mean()
    for _ in range(2):
        width = int(draw.integers(0, 16))
        at = int(draw.integers(0, MELS - width))
        out[at : at + width] = mean
        width = int(draw.integers(0, max(1, min(40, mel.shape[1] // 12))))
        at = int(draw.integers(0, mel.shape[1] - width))
        out[:, at : at + width] = mean
    return out


@cache
def _hann() -> NDArray[np.float32]:
    """The periodic window that Whisper was trained with."""
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def filters(warp: float = 1.0) -> NDArray[np.float32]:
    """Slaney's mel filters (80, 201) from 0 to 8 kHz, at frequencies multiplied by `warp`."""
    freqs = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    points = np.linspace(0.0, _mel(SAMPLE_RATE / 2), MELS + 2)
    hertz = np.where(
        points >= 15.0, 1000.0 * np.exp(np.log(6.4) / 27.0 * (points - 15.0)), points * 200.0 / 3
    )
    # bands warped beyond the top are left with nothing; their edges must still differ
    edges = np.minimum(hertz * warp, SAMPLE_RATE / 2) + (np.arange(MELS + 2) * 1e-3 if warp != 1 else 0.0)
    slopes = edges[:, None] - freqs[None, :]
    width = np.diff(edges)
    rise, fall = -slopes[:-2] / width[:-1, None], slopes[2:] / width[1:, None]
    shape = np.maximum(0.0, np.minimum(rise, fall))
    return (shape * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _mel(hertz: float) -> float:
    """Slaney's scale: linear to 1 kHz, logarithmic above."""
    return float(15.0 + np.log(hertz / 1000.0) * 27.0 / np.log(6.4)) if hertz >= 1000 else hertz * 3 / 200.0
