"""What lies between voice and recogniser in a measurement: nothing, or a telephone line that may be bad."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.channel import through_alaw

PACKET = SAMPLE_RATE // 50
"""Samples of a packet: 20 ms."""
FADE = 0.5
"""A packet that is lost is played as the one before it, so much softer; the second in a row softer still."""


@dataclass(frozen=True, slots=True)
class Line:
    """One condition of a measurement."""

    telephone: bool = False
    """8 kHz A-law."""
    loss: float = 0.0
    """Share of the 20 ms packets that are lost, each by itself."""
    noise_db: float | None = None
    """Line noise (pink), so many dB below the speech; None for none."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        if not self.telephone:
            return "16 kHz"
        noise = "" if self.noise_db is None else f", noise {self.noise_db:g} dB"
        return "A-law 8 kHz" + (f", {self.loss:.0%} lost" if self.loss else "") + noise

    def heard(self, pcm: bytes, seed: str) -> bytes:
        """16 kHz s16le audio as it comes out of the line; as long as it was, and alike for the same seed."""
        if not self.telephone:
            return pcm
        draw = np.random.default_rng(zlib.crc32(seed.encode()))
        if self.noise_db is not None:
            pcm = _noisy(pcm, self.noise_db, draw)
        pcm = through_alaw(pcm)
        return _lossy(pcm, self.loss, draw) if self.loss else pcm


PLAIN = (Line(), Line(telephone=True))
"""What is always measured."""


def _noisy(pcm: bytes, below: float, draw: np.random.Generator) -> bytes:
    speech = np.frombuffer(pcm, "<i2").astype(np.float64)
    if not len(speech):
        return pcm
    spectrum = np.fft.rfft(draw.normal(size=len(speech)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(1.0, np.arange(len(spectrum)))), len(speech))
    gain = _level(speech) * 10 ** (-below / 20) / max(1e-9, _level(noise))
    return (speech + gain * noise).clip(-32768, 32767).astype("<i2").tobytes()


def _level(sound: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def _lossy(pcm: bytes, share: float, draw: np.random.Generator) -> bytes:
    heard = np.frombuffer(pcm, "<i2").copy()
    for number in np.flatnonzero(draw.random(len(heard) // PACKET) < share):
        at = int(number) * PACKET
        before = heard[at - PACKET : at] if number else np.zeros(PACKET, "<i2")
        heard[at : at + PACKET] = (before * FADE).astype("<i2")
    return heard.tobytes()
