"""Prompt audio in the pieces the media clock asks for: 16 kHz in, 20 ms of G.711 out.

The caller keeps time. A long prompt is converted a second at a time, so that no tick pays for it all.
"""

from collections.abc import Callable

import anyio

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, AudioFrame
from hotline.gateway.g711 import SILENCE, encode, law_of, transcode
from hotline.gateway.media import Codec
from hotline.gateway.resample import FRAME_8K, Decimator
from hotline.gateway.wideband import is_wide

_FRAME_BYTES = FRAME_SAMPLES * BYTES_PER_SAMPLE
_CHUNK = 50
"""Frames converted at once."""


class Playout:
    """One prompt on its way out."""

    def __init__(self, pcm: bytes, codec: Codec) -> None:
        """`pcm`: 16 kHz s16le mono; a last piece shorter than 20 ms is filled up with silence."""
        self._pcm = pcm
        self._at = 0
        self._law = law_of(codec)
        self._wide = is_wide(codec)
        self._decimator = Decimator()
        self._coded = b""
        self._coded_at = 0

    @property
    def pcm(self) -> bytes:
        """All of it, as it was given."""
        return self._pcm

    @property
    def taken(self) -> int:
        """Frames taken."""
        return self._at // _FRAME_BYTES

    @property
    def done(self) -> bool:
        """Everything has been taken."""
        return self._at >= len(self._pcm)

    def codec(self, codec: Codec) -> None:
        """Go on in another codec."""
        law = law_of(codec)
        if law != self._law:
            self._coded = transcode(self._coded, law)
            self._law = law
        if self._wide != is_wide(codec):
            self._wide = is_wide(codec)
            self._coded, self._coded_at = b"", 0
            self._decimator = Decimator()

    def take(self) -> tuple[bytes, bytes]:
        """The next 20 ms as 160 bytes of G.711 (none for a wideband codec, whose encoder keeps state) and as
        640 bytes of 16 kHz; silence when done."""
        at, coded_at = self._at, self._coded_at
        if at >= len(self._pcm):
            return b"" if self._wide else SILENCE[self._law] * FRAME_8K, bytes(_FRAME_BYTES)
        if self._wide:
            self._at = at + _FRAME_BYTES
            return b"", self._pcm[at : self._at].ljust(_FRAME_BYTES, b"\0")
        if coded_at >= len(self._coded):
            self._convert()
            coded_at = 0
        self._coded_at = coded_at + FRAME_8K
        self._at = at + _FRAME_BYTES
        pcm = self._pcm[at : self._at]
        if len(pcm) < _FRAME_BYTES:
            pcm = pcm.ljust(_FRAME_BYTES, b"\0")
        return self._coded[coded_at : self._coded_at], pcm

    def _convert(self) -> None:
        chunk = self._pcm[self._at : self._at + _CHUNK * _FRAME_BYTES]
        whole = -(-len(chunk) // _FRAME_BYTES) * _FRAME_BYTES
        self._coded = encode(self._decimator.push(chunk.ljust(whole, b"\0")), self._law)


class Playing:
    """A prompt on its way out and the one who waits for it."""

    def __init__(self, playout: Playout, tap: Callable[[AudioFrame], None] | None) -> None:
        self.playout = playout
        self.tap = tap
        self.over = anyio.Event()

    @property
    def left(self) -> bool:
        """Something has not been sent."""
        return not self.playout.done

    def take(self) -> tuple[bytes, bytes]:
        """The next 20 ms (see `Playout.take`); wakes the waiter at the last."""
        piece = self.playout.take()
        if self.playout.done:
            self.over.set()
        return piece
