"""Codecs that carry 16 kHz speech, G.722 and Opus: one leg's decoder and encoder behind one surface."""

from typing import Literal, Protocol

from hotline.gateway import opus
from hotline.gateway.media import Codec

WideCodec = Literal["G722", "OPUS"]
FRAME_BYTES = 640
"""20 ms of s16le mono at 16 kHz."""
_SILENCE = bytes(FRAME_BYTES)
_SETTLED = 20
"""Frames of silence after which the next is like the last."""


class WideDecoder(Protocol):
    """Payloads of one stream → s16le mono at 16 kHz."""

    def decode(self, payload: bytes) -> bytes:
        """Raises `WireError` for what is no payload of the codec."""

    def recover(self, payload: bytes, samples: int) -> bytes | None:
        """What the packet after a loss knows of it, `samples` at 16 kHz; None for a codec that cannot."""

    def rest(self, samples: int) -> bytes:
        """The background noise of a stream that rests, `samples` at 16 kHz."""


class Encoder(Protocol):
    """A codec's own encoder."""

    def encode(self, pcm: bytes) -> bytes:
        """640 bytes → the payload of 20 ms."""


class WideEncoder:
    """s16le mono at 16 kHz → payloads of one stream."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._quiet = 0
        self._settled = b""

    def encode(self, pcm: bytes) -> bytes:
        """640 bytes → the payload of 20 ms."""
        self._quiet = 0
        return self._encoder.encode(pcm)

    def silence(self) -> bytes:
        """The payload of 20 ms of silence. After a while it is always the same: a leg that says nothing, and
        that is most legs most of the time, then costs nothing to encode."""
        if self._quiet < _SETTLED:
            self._quiet += 1
            self._settled = self._encoder.encode(_SILENCE)
        return self._settled


def is_wide(codec: Codec) -> bool:
    """Whether the codec carries 16 kHz speech."""
    return codec in {"G722", "OPUS"}


def clock(codec: Codec) -> int:
    """RTP timestamp units a second. G.722's is 8000 by an old mistake that stayed (RFC 3551 §4.5.2)."""
    return opus.CLOCK if codec == "OPUS" else 8000


def duration(codec: Codec, payload: bytes) -> int:
    """Timestamp units a payload lasts."""
    return opus.samples_of(payload) * 3 if codec == "OPUS" else len(payload)


def resting(codec: Codec, payload: bytes) -> bool:
    """Whether a packet says that nothing comes until there is something to hear (RFC 6716 §2.1.9)."""
    return codec == "OPUS" and len(payload) <= opus.RESTING


def decoder(codec: Codec) -> WideDecoder:
    """A decoder for a new stream."""
    return _OpusDecoder() if codec == "OPUS" else _G722Decoder()


def encoder(codec: Codec, *, dtx: bool = False) -> WideEncoder:
    """An encoder for a new stream; with `dtx`, its silence is told by packets that need not be sent."""
    return WideEncoder(opus.OpusEncoder(dtx=dtx) if codec == "OPUS" else _G722Encoder())


class _OpusDecoder:
    def __init__(self) -> None:
        self._decoder = opus.OpusDecoder()

    def decode(self, payload: bytes) -> bytes:
        return self._decoder.decode(payload)

    def recover(self, payload: bytes, samples: int) -> bytes | None:
        return self._decoder.recover(payload, samples)

    def rest(self, samples: int) -> bytes:
        return self._decoder.conceal(samples)


class _G722Decoder:
    """64 kbit/s (ITU-T G.722 mode 1)."""

    def __init__(self) -> None:
        from G722 import G722

        self._decoder = G722(16_000, 64_000)

    def decode(self, payload: bytes) -> bytes:
        return bytes(memoryview(self._decoder.decode(payload)).cast("B"))

    def recover(self, payload: bytes, samples: int) -> bytes | None:
        del payload, samples
        return None

    def rest(self, samples: int) -> bytes:
        return bytes(2 * samples)


class _G722Encoder:
    def __init__(self) -> None:
        from G722 import G722

        self._encoder = G722(16_000, 64_000)

    def encode(self, pcm: bytes) -> bytes:
        import numpy as np

        return bytes(self._encoder.encode(np.frombuffer(pcm, "<i2")))
