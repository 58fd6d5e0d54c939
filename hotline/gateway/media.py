"""A party's audio, whatever wire it came over: what a call sees of the gateway."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from asr.audio import AudioFrame, LegId
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.gateway.srtp import SrtpKeys

Codec = Literal["PCMA", "PCMU", "G722", "OPUS"]
"""What a stream is coded in."""


class Direction(StrEnum):
    """What we do with a media stream (RFC 3264 §5.1), seen from our side."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What offer and answer settled for one audio stream."""

    remote: tuple[str, int] | None
    """Where the peer wants its RTP; None when it gave no usable address (hold by 0.0.0.0)."""
    codec: Codec
    payload_type: int
    dtmf_payload_type: int | None
    """Payload type of telephone-event, or None."""
    direction: Direction
    packet_ms: int = 20
    """Audio in each packet we send."""
    srtp: SrtpKeys | None = None
    """What both directions are protected with; None in the clear."""
    control: tuple[str, int] | None = None
    """Where the peer wants its RTCP, when not at the port above its RTP (RFC 3605)."""
    mux: bool = False
    """RTP and RTCP share a port (RFC 5761)."""
    cn_payload_type: int | None = None
    """Payload type of comfort noise (RFC 3389), or None."""
    also: tuple[tuple[int, Literal["PCMA", "PCMU"]], ...] = ()
    """Other G.711 payload types agreed to: the peer may turn to one at any packet (RFC 3264 §7)."""
    choices: tuple[tuple[int, Codec], ...] = ()
    """All audio payload types agreed to, when there are several and not all are G.711."""
    host: str | None = None
    """Where the peer's signalling comes from: media from there is the peer's too, behind NAT."""
    dtmf_clock: int | None = None
    """Timestamp units a second of telephone-event, when they are not the codec's."""


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The last thing a leg says."""

    cause: EndCause


LegInput = AudioFrame | Digit | LegEnded
Sink = Callable[[AudioFrame], None]
"""Takes a frame in the media tick itself: returns at once and never raises."""


class MediaLeg(Protocol):
    """One party's leg of a call, answered and carrying audio."""

    @property
    def leg(self) -> LegId:
        """The leg's id."""

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms (silence or concealment when nothing comes), key presses, then one `LegEnded`.

        Bounded: a reader slower than two seconds loses the oldest frames, which are counted. One reader only.
        """

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono at the pace of the media clock; returns when the last frame is on the wire.

        `tap` gets each 20 ms frame as it is sent, numbered on the leg's own (receiving) clock, so that both
        directions of a recording stay aligned. One `play` at a time; a second waits for the first.
        Cancelling stops the sound at the next frame border. Raises `LegGone` when the leg has ended.
        """

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Give each frame that comes to `hear` too, in the very tick it is due, and each that is spoken to
        `tap` as it is sent, numbered on this leg's clock as by `play`. None: no longer."""

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else at the next tick; never waits.

        At most three frames wait: a clock faster than ours loses the oldest. While a prompt is played nothing
        else is said. G.711 in the law that is sent goes out as it came.
        """

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer; nothing where its protocol has no keys. Raises `ValueError`."""

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """End the leg (BYE where the protocol has one) and release its ports. Harmless when already ended."""


class EarlyMedia(Protocol):
    """Sound before the answer."""

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono; see `MediaLeg.play`. Raises `LegGone` when the caller gives up."""


class IncomingCall(Protocol):
    """A call that rings and has not been answered."""

    @property
    def remote(self) -> str:
        """Who calls, as signalled, e.g. `13800001234` or `sip:a@b`: personal data, never logged."""

    @property
    def dialled(self) -> str:
        """What was dialled: the user part of the request URI."""

    @property
    def channel(self) -> str:
        """phone, webrtc, …"""

    async def progress(self) -> EarlyMedia | None:
        """Let sound be played before the answer; None where the protocol, or this caller, cannot.

        Raises `CallAborted` when the caller gave up.
        """

    async def answer(self) -> MediaLeg:
        """Take the call. Raises `CallAborted` when the caller gave up first.

        Returns as soon as the answer is on its way; a missing ACK later ends the leg with `EndCause.NO_ACK`.
        """

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Refuse the call with a SIP status code. `retry_after` in seconds."""
