"""What a SIP leg sees of its media: plain RTP, or a browser's."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from asr.audio import AudioFrame
from hotline.conversation import AudioFacts, EndCause
from hotline.gateway.media import LegInput, MediaPlan, Sink


class MediaSession(Protocol):
    """The RTP side of a leg."""

    @property
    def local(self) -> tuple[str, int]:
        """Bound host and RTP port."""

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""

    def configure(self, plan: MediaPlan) -> None:
        """Take what offer and answer settled; again after each new round."""

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames, key presses, then one `LegEnded`."""

    def digit(self, key: str) -> None:
        """A press that came by signalling."""

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733)."""

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le."""

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken."""

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""

    def end(self, cause: EndCause) -> None:
        """No more audio."""

    async def wait_ended(self) -> EndCause:
        """Return once the session has ended, by us or by silence."""

    async def close(self) -> None:
        """Release the ports."""


class WebSession(MediaSession, Protocol):
    """A media session that makes its own descriptions (WebRTC)."""

    async def answer(self, offer: bytes) -> bytes:
        """Answer an offer. Raises `SdpSyntaxError` or `NothingInCommon`."""
