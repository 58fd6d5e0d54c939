"""Audio files of any length → utterances, in bounded memory and by the rules of the line."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.detectors import WINDOW, SileroDetectors
from asr.errors import AsrError
from asr.segmenter import Border, Closed, Endpointing, Segmenter
from asr.settings import AsrSettings

BLOCK_SECONDS = 1


class UnreadableAudio(AsrError):
    """A file that is no audio we can read."""

    code = "asr.unreadable_audio"


def seconds_of(path: Path) -> float:
    """Length of a file. Raises `UnreadableAudio`."""
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.SoundFileError) as error:
        raise UnreadableAudio(f"{path.name}: not an audio file that can be read") from error


def read_blocks(path: Path, start: float = 0.0, end: float | None = None) -> Iterator[bytes]:
    """A file, or what lies between two seconds of it, as 16 kHz s16le mono, about a second at a time.

    Raises `UnreadableAudio`.
    """
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(path) as file:
            change = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32")
            file.seek(min(file.frames, int(start * file.samplerate)) if start else 0)
            left = file.frames if end is None else max(0, int((end - start) * file.samplerate))
            size, last = file.samplerate * BLOCK_SECONDS, False
            while not last:
                block = file.read(min(size, left), dtype="float32", always_2d=True)
                left -= len(block)
                last = len(block) < size or (end is not None and left == 0)
                samples = change.resample_chunk(np.ascontiguousarray(block.mean(axis=1)), last=last)
                yield (samples * 32767.0).clip(-32768, 32767).astype("<i2").tobytes()
    except (OSError, soundfile.SoundFileError) as error:
        raise UnreadableAudio(f"{path.name}: not an audio file that can be read") from error


def endpointing(settings: AsrSettings) -> Endpointing:
    """The line's rules for where utterances end."""
    return Endpointing(
        silence=settings.endpoint_ms * SAMPLE_RATE // 1000, longest=int(settings.longest_s * SAMPLE_RATE)
    )


def utterances(
    name: str, blocks: Iterable[bytes], detectors: SileroDetectors, rules: Endpointing
) -> Iterator[Segment]:
    """Utterances of one recording. Keeps no more audio than the longest utterance and two blocks."""
    segmenter, held, first, heard = Segmenter(rules), bytearray(), 0, 0
    number = count(1)

    def cut(borders: list[Border]) -> Iterator[Segment]:
        for border in borders:
            if isinstance(border, Closed):
                start, end = (
                    (border.start - first) * BYTES_PER_SAMPLE,
                    (border.end - first) * BYTES_PER_SAMPLE,
                )
                utterance = UtteranceId(f"{name}-u{next(number)}")
                yield Segment(utterance, LegId(name), border.start, border.end, bytes(held[start:end]))

    try:
        for block in _whole_windows(blocks):
            held += block
            windows = (first + len(held) // BYTES_PER_SAMPLE - heard) // WINDOW
            at = (heard - first) * BYTES_PER_SAMPLE
            pcm = bytes(held[at : at + windows * WINDOW * BYTES_PER_SAMPLE])
            for probability in detectors.probabilities([(name, pcm)])[0]:
                yield from cut(segmenter.feed(heard, WINDOW, probability))
                heard += WINDOW
            keep = segmenter.open if segmenter.open is not None else heard - rules.lead - SAMPLE_RATE
            if keep > first:
                del held[: (keep - first) * BYTES_PER_SAMPLE]
                first = keep
        yield from cut(segmenter.finish())
    finally:
        detectors.forget(name)


def _whole_windows(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks, and behind them silence up to a whole window, so that the last samples are judged too."""
    length = 0
    for block in blocks:
        length += len(block)
        yield block
    yield bytes(-length % (WINDOW * BYTES_PER_SAMPLE))
