"""A test caller: dials, listens until it is spoken to, plays a file, and stays until the line hangs up."""

from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray

from asr.audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.errors import ConfigError, LegGone
from hotline.gateway.media import LegEnded
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway_settings import MediaSettings, SipSettings, TlsSettings

VOICE_RMS = 300
"""A 20 ms frame louder than this (of 32,768) holds sound: about -41 dBFS, well over A-law idle noise."""

KEYS = frozenset("0123456789*#ABCD")
"""What a telephone can press (RFC 4733 §3.2)."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What the caller does."""

    uri: str
    pcm: bytes
    """What it says: 16 kHz s16le mono."""
    keys: str = ""
    """Keys it presses after speaking."""
    caller: str = "13800000000"
    transport: str = "udp"
    quiet_seconds: float = 1.6
    """It speaks once the far end has been quiet for this long after having said something."""
    patience_seconds: float = 40.0
    """It speaks anyway after this long, and hangs up this long after having spoken."""
    heard: Path | None = None
    """Where to write what it heard, as a WAV file."""
    srtp: bool = False
    """Protect the sound with keys in the description."""
    ca: Path | None = None
    """Who may sign the far end's certificate; default: whom the system trusts."""

    def __post_init__(self) -> None:
        """Raises `ConfigError` for keys no telephone has and for a transport we do not speak."""
        problems = []
        if strange := set(self.keys) - KEYS:
            problems.append(f"keys: {''.join(sorted(strange))!r}: only 0-9 * # A-D can be pressed")
        if self.transport not in {"udp", "tcp", "tls"}:
            problems.append(f"transport: {self.transport!r} is none of udp, tcp, tls")
        if problems:
            raise ConfigError(problems)


@dataclass(frozen=True, slots=True)
class CallReport:
    """What came of it."""

    cause: EndCause
    seconds: float
    heard_seconds: float
    """How much of what came was sound."""
    facts: AudioFacts


def read_audio(path: Path) -> bytes:
    """Any audio file libsndfile can read → 16 kHz s16le mono. Raises `ConfigError` naming the file."""
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # libsndfile's errors are RuntimeErrors
        raise ConfigError([f"{path}: cannot be read as audio"]) from error
    mono: NDArray[np.float32] = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return (np.clip(mono, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


async def place_call(plan: CallPlan, media: MediaSettings) -> CallReport:
    """Place the call and stay until it is over.

    Raises `hotline.gateway.sip.endpoint.CallRefused` when the far end says no. Cancelling hangs up.
    """
    sip = SipSettings(
        host="127.0.0.1",
        port=0,
        codecs=("PCMA", "PCMU"),  # as a telephone speaks
        srtp="require" if plan.srtp else "off",
        tls=TlsSettings(trust=plan.ca),
    )
    async with MediaEngine.open(sip.host, media) as engine, SipEndpoint.open(sip, engine) as endpoint:
        leg = await endpoint.dial(plan.uri, caller=plan.caller, transport=plan.transport)
        try:
            return await _Caller(leg, plan).run()
        finally:
            with anyio.move_on_after(5, shield=True):
                await leg.hangup()


class _Caller:
    def __init__(self, leg: SipLeg, plan: CallPlan) -> None:
        self._leg = leg
        self._plan = plan
        self._now = 0
        self._sounding = 0
        self._last_sound = 0
        self._my_turn = anyio.Event()
        self._spoken_at: int | None = None
        self._heard: list[bytes] = []

    async def run(self) -> CallReport:
        async with anyio.create_task_group() as parts:
            parts.start_soon(self._speak)
            cause = await self._listen()
            parts.cancel_scope.cancel()
        if self._plan.heard is not None:
            write_wav(self._plan.heard, b"".join(self._heard))
        return CallReport(cause, self._now / SAMPLE_RATE, self._sounding / SAMPLE_RATE, self._leg.facts)

    async def _listen(self) -> EndCause:
        async for item in self._leg.inputs():
            if isinstance(item, AudioFrame):
                self._take(item)
                if self._overstayed():
                    await self._leg.hangup()
            elif isinstance(item, LegEnded):
                return item.cause
            elif isinstance(item, Digit):
                continue
        return EndCause.ERROR

    def _take(self, frame: AudioFrame) -> None:
        self._now = frame.end
        if self._plan.heard is not None:
            self._heard.append(frame.pcm)
        samples = np.frombuffer(frame.pcm, "<i2").astype(np.float32)
        if float(np.sqrt(np.mean(samples * samples))) > VOICE_RMS:
            self._sounding += FRAME_SAMPLES
            self._last_sound = self._now
        quiet = self._now - self._last_sound
        spoken_to = self._last_sound > 0 and quiet > self._plan.quiet_seconds * SAMPLE_RATE
        if spoken_to or self._now > self._plan.patience_seconds * SAMPLE_RATE:
            self._my_turn.set()

    def _overstayed(self) -> bool:
        if self._spoken_at is None:
            return False
        return self._now - max(self._spoken_at, self._last_sound) > self._plan.patience_seconds * SAMPLE_RATE

    async def _speak(self) -> None:
        await self._my_turn.wait()
        try:
            await self._leg.play(self._plan.pcm)
            for key in self._plan.keys:
                self._leg.send_digit(key)
                await anyio.sleep(0.4)
        except LegGone:
            return
        self._spoken_at = self._now


def write_wav(path: Path, pcm: bytes) -> None:
    """Write 16 kHz s16le mono as a WAV file."""
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
