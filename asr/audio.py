"""Audio as it travels inside the line: 16 kHz, 16 bit, mono, counted in samples."""

from dataclasses import dataclass
from typing import NamedTuple, NewType

LegId = NewType("LegId", str)
UtteranceId = NewType("UtteranceId", str)

SAMPLE_RATE = 16_000
"""Samples a second of every `AudioFrame` and `Segment`."""

FRAME_SAMPLES = 320
"""Samples in a 20 ms frame."""

BYTES_PER_SAMPLE = 2


class AudioFrame(NamedTuple):
    """A short run of one leg's audio.

    A tuple and not a dataclass, because two are made for every leg fifty times a second: a frozen dataclass
    costs three times as much.
    """

    leg: LegId
    start: int
    """Index of the first sample, counted at 16 kHz from the leg's first sample."""
    pcm: bytes
    """Signed 16-bit little-endian mono samples at 16 kHz."""
    lost: bool = False
    """True when no packet came and the samples were made by loss concealment."""
    coded: bytes = b""
    """The same sound as it is on the wire, one byte a sample at 8 kHz, when it was companded (G.711)."""
    law: str = ""
    """How `coded` is companded: PCMA or PCMU."""

    @property
    def samples(self) -> int:
        """Number of samples in the frame."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def end(self) -> int:
        """Index one past the last sample."""
        return self.start + self.samples


@dataclass(frozen=True, slots=True)
class Segment:
    """The audio of one utterance."""

    utterance: UtteranceId
    leg: LegId
    start: int
    """Index of the first sample at 16 kHz, on the leg's clock."""
    end: int
    """Index one past the last sample."""
    pcm: bytes
    """Signed 16-bit little-endian mono samples at 16 kHz."""


def seconds(samples: int) -> float:
    """Length in seconds of a number of samples at 16 kHz."""
    return samples / SAMPLE_RATE
