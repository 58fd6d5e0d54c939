"""The recording of a call: stereo WAV written as it comes, playable even if the process is killed.

Left is the caller, right is our side; 16 bit at 8 kHz, the telephone's own rate. One thread writes all
recordings (`hotline.call.writer_thread`). While it grows the file is `NAME.part.wav`, its header right at
least every second; `close` makes it `NAME.wav`. A disk that fails costs the recording and never the
call; one that hangs costs what ten seconds of memory do not hold.
"""

import hashlib
import logging
import os
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, AudioFrame
from hotline.call.tape import Item, beside, make_inlet, stereo
from hotline.call.track import Track
from hotline.call.writer_thread import WriterThread

log = logging.getLogger(__name__)

RATE = 8000
CHANNELS = 2
PART, WHOLE = ".part.wav", ".wav"
QUEUE_FRAMES = 500
"""10 s a channel; more is dropped, which leaves silence."""

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BLOCK = CHANNELS * BYTES_PER_SAMPLE
_SETTLE = SAMPLE_RATE // 2
"""Samples by which one side may be behind the other before its gap is written as silence: 0.5 s."""
_BLOCK_BYTES = 1 << 20

_WRITER = WriterThread()


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
    dropped: int = 0
    """Frames that were not kept because the disk was more than ten seconds behind."""


class Recorder:
    """Records one call. `start`, `push` and `close` each come from one thread at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self._part = folder / f"{name}{PART}"
        self._whole = folder / f"{name}{WHOLE}"
        self._inlets = (make_inlet(QUEUE_FRAMES), make_inlet(QUEUE_FRAMES))
        self._lock = threading.Lock()
        """Held while the tape is written to, by the writer's thread or the one that closes."""
        self._tape: _Tape | None = None
        self._taking = False
        self._failed = False
        self._facts: RecordingFacts | None = None

    def start(self, origin: int | None = None) -> None:
        """Record from now on. `origin`: sample on the leg's clock where the file begins; default: the first
        frame's. What was pushed before is not kept. Harmless when started or closed already."""
        if self._tape is None and self._facts is None:
            self._tape = _Tape(self._part, origin)
            self._take(on=True)
            _WRITER.add(self)

    def push(self, channel: int, frame: AudioFrame) -> None:
        """Take a frame of channel 0 (caller) or 1 (our side). Never waits, never raises."""
        self._inlets[channel].push(frame)

    def side(self, channel: int) -> Callable[[AudioFrame], None]:
        """What takes the frames of one channel, as `push` does: for those who bring many."""
        return self._inlets[channel].push

    def turn(self) -> bool:
        """Write what has come; the writer's thread calls this. False when closed or the disk has failed."""
        with self._lock:
            return self._taking and self._write(everything=False)

    def close(self) -> RecordingFacts:
        """Write the rest, make the file safe on disk and give it its name. Waits for the disk: call it in a
        worker thread. A second call returns the same facts."""
        if self._facts is None:
            _WRITER.remove(self)
            with self._lock:
                if self._tape is None:
                    self._facts = RecordingFacts(None, None, 0.0, 0)
                else:
                    if self._taking:
                        self._take(on=False)
                        self._write(everything=True)
                    self._facts = self._finish(self._tape)
        return self._facts

    def _take(self, *, on: bool) -> None:
        """Keep what comes from now on, or no more of it."""
        self._taking = on
        for inlet in self._inlets:
            inlet.taking = on

    def _write(self, *, everything: bool) -> bool:
        """False when it failed, which ends this recording and no other."""
        tape = self._tape
        if tape is None:
            return False
        try:
            tape.open()
            for channel, inlet in enumerate(self._inlets):
                tape.add(channel, inlet.take())
            tape.write(everything=everything)
        except OSError as error:
            self._fail(error.errno)
            return False
        except Exception:  # supervision point: the thread serves every other recording too
            log.exception("recording failed", extra={"recording": self._whole.name})
            self._fail(None)
            return False
        return True

    def _fail(self, number: int | None) -> None:
        self._failed = True
        self._take(on=False)
        for inlet in self._inlets:
            inlet.take()
        log.error("recording failed", extra={"errno": number, "recording": self._whole.name})

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
        return RecordingFacts(
            path, digest, tape.seconds, tape.gaps, self._failed, sum(inlet.dropped for inlet in self._inlets)
        )


class _Tape:
    """Lines up both channels by sample number and writes what both have."""

    def __init__(self, path: Path, origin: int | None) -> None:
        self._path = path
        self._origin = origin
        self._file: int | None = None
        self._sides = (Track(), Track())
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
        """Make the file, the first time. Raises `OSError`."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            _write_at(self._file, _header(0), 0)

    def add(self, channel: int, items: list[Item]) -> None:
        """Put frames at their places."""
        first = items[0] if items else None
        if self._origin is None and isinstance(first, AudioFrame):
            self._origin = first.start
        self._sides[channel].add(items, self._origin or 0)

    def write(self, *, everything: bool) -> None:
        """Append what is certain (`everything`: all there is) and put the header right. Raises `OSError`."""
        left, right = self._sides
        latest = max(left.end, right.end)
        until = latest if everything else max(min(left.end, right.end), latest - _SETTLE)
        sound = self._stereo(until)
        if self._file is None or not sound:
            return
        _write_at(self._file, sound, _HEADER.size + self._written * _BLOCK)
        self._written += len(sound) // _BLOCK
        _write_at(self._file, _header(self._written * _BLOCK), 0)

    def _stereo(self, until: int) -> bytes:
        left, right = self._sides
        laws = left.law(until), right.law(until)
        if all(laws):
            return stereo(left.take_coded(until), laws[0], right.take_coded(until), laws[1])
        return beside(left.take(until), right.take(until))

    def close(self) -> bool:
        """Make it safe on disk; False when there is no file. Raises `OSError`."""
        if self._file is None:
            return False
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
        return True


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
                _write_at(file.fileno(), _header(size), 0)
                os.fsync(file.fileno())
            whole = part.with_name(part.name.removesuffix(PART) + WHOLE)
            part.rename(whole)
            names.append(whole.name)
        except OSError as error:
            log.warning("recording not recovered", extra={"errno": error.errno, "recording": part.name})
    return tuple(names)


def excerpt(folder: Path, name: str, start_ms: int, most_s: int) -> bytes | None:
    """A WAV file of what a call's growing recording has from a time on, counted from its beginning.

    None when there is no such recording, or it does not reach so far yet. Raises `OSError`.
    """
    part = folder / f"{name}{PART}"
    try:
        with part.open("rb") as file:
            file.seek(_HEADER.size + start_ms * RATE // 1000 * _BLOCK)
            sound = file.read(most_s * RATE * _BLOCK)
    except FileNotFoundError:
        return None
    sound = sound[: len(sound) // _BLOCK * _BLOCK]
    return _header(len(sound)) + sound if sound else None


def _header(size: int) -> bytes:
    """RIFF/WAVE header for `size` bytes of samples."""
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, 1, CHANNELS,
        RATE, RATE * _BLOCK, _BLOCK, 8 * BYTES_PER_SAMPLE, b"data", size,
    )  # fmt: skip


def _write_at(file: int, data: bytes, offset: int) -> None:
    """The system may take less than it is given."""
    count = os.pwrite(file, data, offset)
    while count < len(data):
        data, offset = data[count:], offset + count
        count = os.pwrite(file, data, offset)


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
