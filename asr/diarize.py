"""One mono or stereo recording → stretches of speech, each with its speaker, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.detectors import SileroDetectors
from asr.files import UnreadableAudio, utterances
from asr.segmenter import Endpointing
from asr.speakers.clustering import cluster
from asr.speakers.embedder import SpeakerEmbedder

WINDOW, HOP = SAMPLE_RATE * 3 // 2, SAMPLE_RATE * 3 // 4
"""A voice is looked at 1.5 s at a time, every 0.75 s."""
SAME_SOUND = 0.9
"""Channels that are more alike than this hold the same sound: a mono recording in a stereo file."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Somebody speaks: samples at 16 kHz from `start` to `end`; speakers are numbered from 0."""

    start: int
    end: int
    speaker: int


Done = Callable[[float], None]
"""Told how many more seconds of the recording have been dealt with."""


class Diarizer(Protocol):
    """What tells the speakers of a mono recording apart."""

    def pieces(self, name: str, blocks: Iterable[bytes], speakers: int | None, done: Done) -> list[Piece]:
        """Who speaks when: in order, not overlapping, none longer than an engine can read.

        `blocks` are 16 kHz s16le; `speakers` None lets the voices decide how many there are. Keeps a bounded
        part of the audio, however long it is. Raises `AsrError`.
        """


def read_channel(path: Path, channel: int | None) -> Iterator[bytes]:
    """A channel of a file, or all mixed (None), as 16 kHz s16le, by the second. Raises `UnreadableAudio`."""
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(path) as file:
            change = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32")
            last = False
            while not last:
                block = file.read(file.samplerate, dtype="float32", always_2d=True)
                last = len(block) < file.samplerate
                one = block.mean(axis=1) if channel is None else block[:, channel]
                samples = change.resample_chunk(np.ascontiguousarray(one), last=last)
                yield (samples * 32767.0).clip(-32768, 32767).astype("<i2").tobytes()
    except (OSError, soundfile.SoundFileError) as error:
        raise UnreadableAudio(f"{path.name}: not an audio file that can be read") from error


def has_two_sides(path: Path) -> bool:
    """Whether a file is stereo with another sound on each side, both of which are used.

    Raises `UnreadableAudio`.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.channels != 2:
                return False
            left = right = both = 0.0
            while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
                left += float(np.dot(block[:, 0], block[:, 0]))
                right += float(np.dot(block[:, 1], block[:, 1]))
                both += float(np.dot(block[:, 0], block[:, 1]))
    except (OSError, soundfile.SoundFileError) as error:
        raise UnreadableAudio(f"{path.name}: not an audio file that can be read") from error
    loud, quiet = max(left, right), min(left, right)
    return quiet > loud * 1e-4 and abs(both) < SAME_SOUND * (left * right) ** 0.5


def diarize(
    blocks: Iterable[bytes],
    detectors: SileroDetectors,
    embedder: SpeakerEmbedder,
    rules: Endpointing,
    speakers: int | None = 2,
) -> list[Piece]:
    """Who speaks when in a mono recording; `speakers` None lets the voices decide how many there are.

    Keeps an utterance of audio and 192 numbers for each 0.75 s of speech: 7 MB for two hours.
    """
    places: list[tuple[int, int]] = []
    found: list[NDArray[np.float32]] = []
    spans: list[tuple[int, int, int]] = []
    for segment in utterances("diarize", blocks, detectors, rules):
        samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32768.0
        starts = range(0, max(1, len(samples) - WINDOW + 1), HOP)
        found.append(embedder.embed([samples[at : at + WINDOW] for at in starts]))
        spans.append((len(places), segment.start, segment.end))
        places += [(segment.start + at, segment.start + min(at + WINDOW, len(samples))) for at in starts]
    if not found:
        return []
    labels = cluster(np.concatenate(found), speakers)
    pieces: list[Piece] = []
    for n, (first, start, end) in enumerate(spans):
        after = spans[n + 1][0] if n + 1 < len(spans) else len(places)
        pieces += split(start, end, places[first:after], smooth([int(each) for each in labels[first:after]]))
    return pieces


class PackagedDiarizer:
    """`diarize` with what this project brings: Silero VAD and CAM++."""

    def __init__(self, detectors: SileroDetectors, embedder: SpeakerEmbedder, rules: Endpointing) -> None:
        self._detectors, self._embedder, self._rules = detectors, embedder, rules

    def pieces(self, name: str, blocks: Iterable[bytes], speakers: int | None, done: Done) -> list[Piece]:
        """As `Diarizer` says."""
        del name
        return diarize(counted(blocks, done), self._detectors, self._embedder, self._rules, speakers)


def counted(blocks: Iterable[bytes], done: Done) -> Iterator[bytes]:
    """The blocks, each told of once it has been used."""
    for block in blocks:
        yield block
        done(len(block) / BYTES_PER_SAMPLE / SAMPLE_RATE)


def smooth(labels: list[int]) -> list[int]:
    """A single window between two of one other speaker is theirs: half a second is too short to trust."""
    out = list(labels)
    for at in range(1, len(out) - 1):
        if out[at - 1] == labels[at + 1] != out[at]:
            out[at] = out[at - 1]
    return out


def split(start: int, end: int, windows: list[tuple[int, int]], labels: list[int]) -> list[Piece]:
    """An utterance cut where its windows change speaker: half-way between the middles of the two."""
    pieces, begun = [], start
    for (one, two), (a, b) in zip(pairwise(windows), pairwise(labels), strict=True):
        if a != b:
            cut = (sum(one) + sum(two)) // 4
            pieces.append(Piece(begun, cut, a))
            begun = cut
    return [*pieces, Piece(begun, end, labels[-1])]


def cut_out(name: str, blocks: Iterable[bytes], pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Segment]]:
    """The audio of each piece (in order, not overlapping), keeping no more than one piece and a block."""
    held, first, source = bytearray(), 0, iter(blocks)
    for number, piece in enumerate(pieces, 1):
        while first + len(held) // BYTES_PER_SAMPLE < piece.end and (block := next(source, b"")):
            held += block
            ready = piece.start - first
            if ready > SAMPLE_RATE:
                gone = min(ready * BYTES_PER_SAMPLE, len(held))
                del held[:gone]
                first += gone // BYTES_PER_SAMPLE
        at, to = ((each - first) * BYTES_PER_SAMPLE for each in (piece.start, piece.end))
        yield (
            piece,
            Segment(
                UtteranceId(f"{name}-p{number}"), LegId(name), piece.start, piece.end, bytes(held[at:to])
            ),
        )
