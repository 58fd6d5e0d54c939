"""Opus at 16 kHz mono through libopus by ctypes (RFC 6716): the rate the recogniser wants, no resampling.

libopus decodes to 16 kHz for a fraction of what 48 kHz stereo and a resampler cost. It comes from the system
(Debian: libopus0) or from the copy that PyAV carries.
"""

import ctypes
import ctypes.util
import functools
import logging
from importlib.util import find_spec
from pathlib import Path

from hotline.errors import WireError

log = logging.getLogger(__name__)

RATE = 16_000
CLOCK = 48_000
"""RTP timestamp units a second, whatever is inside (RFC 7587 §4.1)."""
FRAME = 320
"""Samples at 16 kHz in 20 ms."""
MAX_PACKET = 1275 * 3 + 7
_LONGEST = 6 * FRAME
"""120 ms, the longest packet (RFC 6716 §3.2.5)."""
_MAX_OUT = 1500
_VOIP = 2048
_SET_BITRATE, _SET_FEC, _SET_LOSS, _SET_SIGNAL, _SET_COMPLEXITY, _SET_DTX = 4002, 4012, 4014, 4024, 4010, 4016
RESTING = 2
"""Longest packet in bytes of an encoder that rests (RFC 6716 §2.1.9)."""
_SIGNAL_VOICE = 3001


class OpusSyntaxError(WireError):
    """A packet that is no Opus."""

    code = "hotline.wire.opus"


@functools.cache
def library() -> ctypes.CDLL | None:
    """libopus, or None when there is none; said once in the log."""
    names = [ctypes.util.find_library("opus")]
    spec = find_spec("av")
    if spec is not None and spec.origin is not None:
        names += [str(path) for path in Path(spec.origin).parents[1].glob("av.libs/libopus*.so*")]
    for name in names:
        if name is None:
            continue
        try:
            return _declare(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    log.warning("no libopus: Opus is not offered")
    return None


def available() -> bool:
    """Whether Opus can be spoken here."""
    return library() is not None


def samples_of(payload: bytes) -> int:
    """Samples at 16 kHz in a packet, from its first bytes (RFC 6716 §3.1); 0 for what is no packet."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (160, 320, 640, 960)[config & 3]
    elif config < 16:
        frame = (160, 320)[config & 1]
    else:
        frame = (40, 80, 160, 320)[config & 3]
    counts = (1, 2, 2, payload[1] & 0x3F if len(payload) > 1 else 0)
    total = frame * counts[code]
    return total if total <= _LONGEST else 0


class OpusDecoder:
    """One stream's decoder. Raises `RuntimeError` when there is no libopus."""

    def __init__(self) -> None:
        self._lib = _there()
        error = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(RATE, 1, ctypes.byref(error))
        if not self._state:
            raise RuntimeError("libopus makes no decoder")
        self._out = (ctypes.c_int16 * _LONGEST)()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)

    def decode(self, payload: bytes) -> bytes:
        """A packet as s16le mono at 16 kHz. Raises `OpusSyntaxError`."""
        return self._decode(payload, _LONGEST, fec=False)

    def recover(self, payload: bytes, samples: int) -> bytes:
        """`samples` of the packet lost before this one, from its in-band FEC when it carries some, else made
        up by the decoder. Raises `OpusSyntaxError`."""
        return self._decode(payload, samples, fec=True)

    def conceal(self, samples: int) -> bytes:
        """`samples` in the place of what was lost (a multiple of 40, at most 1,920)."""
        return self._decode(None, max(40, min(samples // 40 * 40, _LONGEST)), fec=False)

    def _decode(self, payload: bytes | None, most: int, *, fec: bool) -> bytes:
        count = self._lib.opus_decode(self._state, payload, len(payload or b""), self._out, most, int(fec))
        if count < 0:
            raise OpusSyntaxError("no Opus packet")
        return ctypes.string_at(self._out, 2 * count)


class OpusEncoder:
    """One stream's encoder: speech, 20 ms a packet, in-band FEC. Raises `RuntimeError` without libopus."""

    def __init__(self, bitrate: int = 24_000, loss_percent: int = 5, *, dtx: bool = False) -> None:
        self._lib = _there()
        error = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(RATE, 1, _VOIP, ctypes.byref(error))
        if not self._state:
            raise RuntimeError("libopus makes no encoder")
        wishes = ((_SET_BITRATE, bitrate), (_SET_FEC, 1), (_SET_LOSS, loss_percent),
                  (_SET_SIGNAL, _SIGNAL_VOICE), (_SET_COMPLEXITY, 5), (_SET_DTX, int(dtx)))  # fmt: skip
        for request, value in wishes:
            self._lib.opus_encoder_ctl(self._state, request, value)
        self._out = ctypes.create_string_buffer(_MAX_OUT)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)

    def encode(self, pcm: bytes) -> bytes:
        """640 bytes of s16le mono at 16 kHz as one packet."""
        if len(pcm) != 2 * FRAME:
            raise ValueError("a frame has 320 samples")
        size = self._lib.opus_encode(self._state, pcm, FRAME, self._out, _MAX_OUT)
        return self._out.raw[: max(0, size)]


def _there() -> ctypes.CDLL:
    lib = library()
    if lib is None:
        raise RuntimeError("no libopus")
    return lib


def _declare(lib: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    lib.opus_decoder_create.restype = pointer
    lib.opus_decoder_create.argtypes = [ctypes.c_int32, number, ctypes.POINTER(number)]
    lib.opus_decoder_destroy.argtypes = [pointer]
    lib.opus_decode.argtypes = [
        pointer, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int16), number, number,
    ]  # fmt: skip
    lib.opus_encoder_create.restype = pointer
    lib.opus_encoder_create.argtypes = [ctypes.c_int32, number, number, ctypes.POINTER(number)]
    lib.opus_encoder_destroy.argtypes = [pointer]
    lib.opus_encoder_ctl.argtypes = [pointer, number, ctypes.c_int32]
    lib.opus_encode.argtypes = [pointer, ctypes.c_char_p, number, ctypes.c_char_p, ctypes.c_int32]
    return lib
