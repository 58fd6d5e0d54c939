"""The recording of a call: stereo WAV written as it comes, playable even if the process is killed.

Left is the caller, right is our side; 16 bit at 8 kHz, the telephone's own rate. A thread a recording does
all the work. While it grows the file is `NAME.part.wav`, its header right at least every half second; `close`
makes it `NAME.wav`. A disk that fails costs the recording and never the call.
"""

import contextlib
import hashlib
import logging
import os
import struct
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from hotline.gateway.resample import Decimator

log = logging.getLogger(__name__)

RATE = 8000
CHANNELS = 2
PART, WHOLE = ".part.wav", ".wav"
QUEUE_FRAMES = 500
"""10 s a channel; more and the oldest are dropped, which leaves silence."""
WRITE_S = 0.4
"""Seconds between writes."""

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BLOCK = CHANNELS * BYTES_PER_SAMPLE
_SETTLE = SAMPLE_RATE // 2
"""Samples by which one side may be behind the other before its gap is written as silence: 0.5 s."""
_LONGEST_GAP = 60 * SAMPLE_RATE
"""A frame further ahead than a minute is not believed."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What became of a recording."""

    path: Path | None
    """The finished file, None when there is none."""
    sha256: str | None
    """Hex digest of the file."""
    seconds: float
    gaps: int
    """Times a stretch of the caller's side was missing and silence was written."""
    failed: bool = False
    """The disk failed: the file holds what came before, or is missing."""


class Recorder:
    """Records one call. `start`, `push` and `close` each come from one thread at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self._part = folder / f"{name}{PART}"
        self._whole = folder / f"{name}{WHOLE}"
        self._queues: tuple[deque[AudioFrame], deque[AudioFrame]] = (
            deque(maxlen=QUEUE_FRAMES),
            deque(maxlen=QUEUE_FRAMES),
        )
        self._wake = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None
        self._tape: _Tape | None = None
        self._failed = False
        self._facts: RecordingFacts | None = None

    def start(self, origin: int | None = None) -> None:
        """Record from now on. `origin`: sample on the leg's clock where the file begins; default: the first
        frame's. What was pushed before is not kept. Harmless when started or closed already."""
        if self._thread is None and self._facts is None:
            self._tape = _Tape(self._part, origin)
            self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
            self._thread.start()

    def push(self, channel: int, frame: AudioFrame) -> None:
        """Take a frame of channel 0 (caller) or 1 (our side). Never waits, never raises."""
        if self._thread is not None and not self._stop and not self._failed:
            self._queues[channel].append(frame)

    def close(self) -> RecordingFacts:
        """Write the rest, make the file safe on disk and give it its name. Waits for the disk: call it in a
        worker thread. A second call returns the same facts."""
        if self._facts is None:
            self._stop = True
            if self._thread is None or self._tape is None:
                self._facts = RecordingFacts(None, None, 0.0, 0)
            else:
                self._wake.set()
                self._thread.join()
                self._facts = self._finish(self._tape)
        return self._facts

    def _write(self) -> None:
        """The writer thread."""
        tape = self._tape
        if tape is None:
            return
        try:
            tape.open()
            while not self._stop:
                self._wake.wait(WRITE_S)
                self._take(tape)
                tape.write(everything=False)
            self._take(tape)
            tape.write(everything=True)
        except OSError as error:
            self._failed = True
            log.error("recording failed", extra={"errno": error.errno, "recording": self._whole.name})

    def _take(self, tape: "_Tape") -> None:
        for channel, queue in enumerate(self._queues):
            with contextlib.suppress(IndexError):  # empty; the other thread only adds
                while True:
                    tape.add(channel, queue.popleft())

    def _finish(self, tape: "_Tape") -> RecordingFacts:
        path, digest = None, None
        try:
            if tape.close():
                digest = _sha256(self._part)
                self._part.rename(self._whole)
                _sync_folder(self._whole.parent)
                path = self._whole
        except OSError as error:
            self._failed = True
            log.error("recording not finished", extra={"errno": error.errno, "recording": self._whole.name})
        return RecordingFacts(path, digest, tape.seconds, tape.gaps, self._failed)


class _Tape:
    """Lines up both channels by sample number and writes what both have."""

    def __init__(self, path: Path, origin: int | None) -> None:
        self._path = path
        self._origin = origin
        self._file: BinaryIO | None = None
        self._sides = (_Side(), _Side())
        self._written = 0

    @property
    def seconds(self) -> float:
        """Length of what is written."""
        return self._written / RATE

    @property
    def gaps(self) -> int:
        """Gaps on the caller's side; ours is silent whenever no prompt is played."""
        return self._sides[0].gaps

    def open(self) -> None:
        """Make the file. Raises `OSError`."""
        self._file = self._path.open("wb", buffering=0)
        _write_all(self._file, _header(0))

    def add(self, channel: int, frame: AudioFrame) -> None:
        """Put a frame at its place."""
        if self._origin is None:
            self._origin = frame.start
        self._sides[channel].add(frame.start - self._origin, frame.pcm)

    def write(self, *, everything: bool) -> None:
        """Append what is certain (`everything`: all there is) and put the header right. Raises `OSError`."""
        left, right = self._sides
        latest = max(left.end, right.end)
        until = latest if everything else max(min(left.end, right.end), latest - _SETTLE)
        stereo = np.stack([side.take(until) for side in self._sides], axis=1)
        if self._file is None or len(stereo) == 0:
            return
        _write_all(self._file, stereo.astype("<i2").tobytes())
        self._written += len(stereo)
        self._file.seek(0)
        _write_all(self._file, _header(self._written * _BLOCK))
        self._file.seek(0, os.SEEK_END)

    def close(self) -> bool:
        """Make it safe on disk; False when there is no file. Raises `OSError`."""
        if self._file is None:
            return False
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
        return True


class _Side:
    """One channel: frames of 16 kHz in, samples of 8 kHz out, silence where nothing came."""

    def __init__(self) -> None:
        self.end = 0
        """One past the last sample that came, at 16 kHz from the origin."""
        self.gaps = 0
        self._taken = 0
        self._waiting: list[bytes] = []
        self._decimator = Decimator()

    def add(self, start: int, pcm: bytes) -> None:
        """Samples at `start`; what overlaps earlier sound or lies before the origin is cut off."""
        if start < self.end:
            pcm = pcm[(self.end - start) * BYTES_PER_SAMPLE :]
            start = self.end
        if not pcm or start - self.end > _LONGEST_GAP:
            return
        if start > self.end:
            self.gaps += 1
            self._waiting.append(bytes((start - self.end) * BYTES_PER_SAMPLE))
        self._waiting.append(pcm)
        self.end = start + len(pcm) // BYTES_PER_SAMPLE

    def take(self, until: int) -> NDArray[np.int16]:
        """Samples at 8 kHz up to `until` (16 kHz from the origin), silence for what has not come."""
        count = max(0, until - self._taken) // FRAME_SAMPLES * FRAME_SAMPLES
        sound = b"".join(self._waiting)
        size = count * BYTES_PER_SAMPLE
        self._waiting = [sound[size:]] if len(sound) > size else []
        self._taken += count
        self.end = max(self.end, self._taken)
        return self._decimator.push(sound[:size].ljust(size, b"\0"))


def recover(folder: Path) -> tuple[str, ...]:
    """Give what a killed process left half written its final name. Returns the names, e.g. `CALL.wav`.

    Headers are put right from the file's length; files without sound are removed. One that cannot be mended
    stays as it is.
    """
    names = []
    for part in sorted(folder.glob(f"*{PART}")):
        try:
            size = (part.stat().st_size - _HEADER.size) // _BLOCK * _BLOCK
            if size <= 0:
                part.unlink()
                continue
            with part.open("r+b", buffering=0) as file:
                file.truncate(_HEADER.size + size)
                _write_all(file, _header(size))
                os.fsync(file.fileno())
            whole = part.with_name(part.name.removesuffix(PART) + WHOLE)
            part.rename(whole)
            names.append(whole.name)
        except OSError as error:
            log.warning("recording not recovered", extra={"errno": error.errno, "recording": part.name})
    return tuple(names)


def _header(size: int) -> bytes:
    """RIFF/WAVE header for `size` bytes of samples."""
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, 1, CHANNELS,
        RATE, RATE * _BLOCK, _BLOCK, 8 * BYTES_PER_SAMPLE, b"data", size,
    )  # fmt: skip


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered file may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the new name as safe as the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
