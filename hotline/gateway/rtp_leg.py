"""A leg's RTP: its two sockets, its place in the common 20 ms tick, and what a call sees of it.

Reading parses, pushes and returns. Everything else happens in the engine's ticker, for all legs one after the
other (`hotline.gateway.rtp_session`).
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol

import anyio

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.buffers import DropOldest
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway import dtmf, rtcp, rtp
from hotline.gateway.g711 import SILENCE, Codec
from hotline.gateway.latch import Address, Latch
from hotline.gateway.media import Direction, LegEnded, LegInput, MediaPlan
from hotline.gateway.playout import Playout
from hotline.gateway.resample import FRAME_8K
from hotline.gateway.rtp_receive import Receiver
from hotline.gateway.rtp_send import Sender

log = logging.getLogger(__name__)

INPUT_SECONDS = 2
TICKS_A_SECOND = 50
RTCP_TICKS = 5 * TICKS_A_SECOND

NOWHERE: Address = ("127.0.0.1", 9)
"""Stands for the peer of a session that another transport carries; no packet is sent there."""

_SILENCE: dict[Codec, bytes] = {codec: byte * FRAME_8K for codec, byte in SILENCE.items()}
_BOTH = Direction.SENDRECV
_SENDING = frozenset({Direction.SENDRECV, Direction.SENDONLY})
_RECEIVING = frozenset({Direction.SENDRECV, Direction.RECVONLY})


class Wire(Protocol):
    """What takes RTP: a socket, or another transport in its place."""

    def sendto(self, data: bytes, address: Address, /) -> object:
        """Send at once or raise `OSError`."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        """A datagram that has come, or `OSError`."""


class ControlWire(Protocol):
    """What takes RTCP."""

    def sendto(self, data: bytes, address: Address, /) -> object:
        """Send at once or drop."""

    def close(self) -> None:
        """Nothing more is sent."""


@dataclass(slots=True)
class Traffic:
    """What went over the sockets of one leg, or of all."""

    packets_in: int = 0
    packets_out: int = 0
    unsent: int = 0
    """Packets the system would not take."""
    malformed: int = 0
    foreign: int = 0
    """Packets from someone who is not the peer."""
    ignored: int = 0
    """Packets of a payload type not agreed on, or while we do not listen."""


class _Playing:
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


class RtpSession:
    """One leg's audio, made by `MediaEngine`, which calls `read`, `pull`, `deliver` and `transmit`."""

    def __init__(
        self,
        leg: LegId,
        local: Address,
        timing: tuple[float, float],
        gone: Callable[["RtpSession"], None],
    ) -> None:
        """`timing`: jitter delay and dead-media time-out in seconds; `gone` is called once, at `close`."""
        self.leg = leg
        self.local = local
        self.traffic = Traffic()
        self._jitter_s, self._dead_after_s = timing
        self._gone = gone
        self._plan: MediaPlan | None = None
        self._latch = Latch()
        self._receiver = Receiver(self._jitter_s)
        self._sender = Sender()
        self._inputs: DropOldest[LegInput] = DropOldest(INPUT_SECONDS * TICKS_A_SECOND)
        self._clock = 0
        self._made_up = False
        self._alive_at: float | None = None
        self._turn = anyio.Lock()
        self._playing: _Playing | None = None
        self._cause: EndCause | None = None
        self._ended = anyio.Event()
        self._closed = False
        self._cname = rtcp.make_cname()
        self._ticks = 0
        self._peer_report: tuple[int, float] | None = None
        self._reported = (0, 0)
        self._wire: Wire | None = None
        self._rtcp: ControlWire | None = None

    # -- what a call sees ---------------------------------------------------------------------------------

    @property
    def ssrc(self) -> int:
        """The source of what we send."""
        return self._sender.ssrc

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""
        return self._receiver.facts

    @property
    def dropped(self) -> int:
        """Inputs lost because their reader was more than two seconds behind."""
        return self._inputs.dropped

    def configure(self, plan: MediaPlan) -> None:
        """Take what offer and answer settled; again after each new round. Before the first, nothing is sent.

        Hold stops the dead-media clock; another address, codec or direction starts the incoming stream anew.
        """
        before, remote = self._plan, _usable(plan.remote, self.local[0])
        if remote is None and plan.remote is not None:
            log.warning("media address of the peer cannot be used", extra={"leg": self.leg})
        anew = before is None or (before.remote, before.direction) != (plan.remote, plan.direction)
        self._plan = plan
        self._latch.signal(remote)
        self._receiver.configure(plan, anew=anew)
        self._sender.configure(plan)
        if self._playing is not None:
            self._playing.playout.codec(plan.codec)
        self._alive_at = None

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms, key presses, then one `LegEnded`. One reader; 2 s behind, it loses the oldest.

        Cancelling loses nothing that was not yet taken.
        """
        return self._inputs.__aiter__()

    def digit(self, key: str) -> None:
        """A press that came by signalling (SIP INFO)."""
        if self._cause is None and len(key) == 1 and key in dtmf.KEYS:
            self._inputs.push(Digit(key, self._clock))

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733). Raises `ValueError` for no such key.

        Nothing is sent when the peer has not agreed to telephone events.
        """
        self._sender.press(key, ms)

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono; returns when the last frame is sent. A second `play` waits for the first.

        Stands still while we may not send (hold, or before `configure`). Cancelling stops the sound at the
        next frame. Raises `LegGone` when the leg has ended, before or meanwhile.
        """
        async with self._turn:
            if self._cause is not None:
                raise LegGone("the leg has ended")
            codec = self._plan.codec if self._plan is not None else "PCMA"
            playing = _Playing(Playout(pcm, codec), tap)
            if not playing.left:
                return
            self._playing = playing
            try:
                await playing.over.wait()
            finally:
                self._playing = None
            if playing.left:
                raise LegGone("the leg has ended")

    def end(self, cause: EndCause) -> None:
        """No more audio: readers get `LegEnded`, players `LegGone`. The first cause stays."""
        if self._cause is not None:
            return
        self._cause = cause
        self._inputs.push(LegEnded(cause))
        self._inputs.close()
        if self._playing is not None:
            self._playing.over.set()
        self._ended.set()

    async def wait_ended(self) -> EndCause:
        """Return why, once the session has ended. Cancelling changes nothing."""
        await self._ended.wait()
        return self._cause or EndCause.ERROR

    async def close(self) -> None:
        """Say goodbye by RTCP, end the session if need be, release the ports. Harmless when done already."""
        if not self._closed:
            self._closed = True
            self.end(EndCause.LOCAL_HANGUP)
            if self._sender.packets or self._receiver.jitter.ssrc is not None:
                self._report(0.0, bye=True)
            self._wire = None
            if self._rtcp is not None:
                self._rtcp.close()
            self._gone(self)
        await anyio.lowlevel.checkpoint()

    # -- what the wire brings -----------------------------------------------------------------------------

    def attach(self, wire: Wire, control: ControlWire) -> None:
        """The sockets, once they are open. `wire`, for RTP, does not block and stays its opener's to close:
        reading and sending on it directly spares a transport's callbacks and queue."""
        self._wire, self._rtcp = wire, control

    def read(self, now: float) -> None:
        """Take one datagram, when there is one."""
        if self._wire is None:
            return
        try:
            data, source = self._wire.recvfrom(rtp.MAX_DATAGRAM + 1)
        except OSError:  # none after all, or word that the peer's port is closed
            return
        self.on_media(data, source if len(source) == 2 else source[:2], now)

    def on_media(self, data: bytes, source: Address, now: float) -> None:
        """An RTP datagram came."""
        traffic, plan = self.traffic, self._plan
        traffic.packets_in += 1
        if plan is None or self._cause is not None:
            traffic.ignored += 1
            return
        try:
            packet = rtp.parse(data)
        except rtp.RtpSyntaxError:
            traffic.malformed += 1
            return
        if not self._latch.accept(source, now):
            traffic.foreign += 1
            return
        self._alive_at = now
        if plan.direction not in _RECEIVING:
            traffic.ignored += 1
            return
        key = self._receiver.push(packet, now)
        if key is not None:
            self._inputs.push(Digit(key, self._clock))

    def on_control(self, data: bytes, now: float) -> None:
        """An RTCP datagram came: remembered for our next report, else of no consequence."""
        try:
            heard = rtcp.parse(data)
        except rtcp.RtcpSyntaxError:
            self.traffic.malformed += 1
            return
        if heard.ssrc == self._receiver.jitter.ssrc and heard.report is not None:
            self._peer_report = (heard.report, now)

    # -- the tick -----------------------------------------------------------------------------------------

    @property
    def codec(self) -> Codec:
        """The law of what `pull` gives."""
        return self._receiver.codec

    def pull(self, now: float) -> bytes | None:
        """Begin a tick: 24 bytes of before and the 20 ms now due; None before `configure` and after the end.

        Ends the session when no media has come for too long.
        """
        plan = self._plan
        if plan is None or self._cause is not None:
            return None
        if self._alive_at is None or plan.direction is not _BOTH or self._latch.target is None:
            self._alive_at = now  # nothing need come: the peer is on hold, or we are
        elif now - self._alive_at > self._dead_after_s:
            self.end(EndCause.MEDIA_TIMEOUT)
            return None
        row, self._made_up = self._receiver.pull(now)
        return row

    def deliver(self, pcm: bytes) -> None:
        """The same 20 ms, now 16 kHz: to the reader."""
        self._inputs.push(AudioFrame(self.leg, self._clock, pcm, self._made_up))

    def transmit(self, now: float) -> None:
        """End a tick: send 20 ms of prompt, key press or silence."""
        plan, target = self._plan, self._latch.target
        if plan is None or self._cause is not None:
            return
        if target is None or plan.direction not in _SENDING:
            self._sender.pause()
        elif self._sender.pressing:
            if datagram := self._sender.tick_press():
                self._send(datagram, target)
        else:
            playing = self._playing
            sound = _SILENCE[plan.codec] if playing is None else self._next_sound(playing, plan)
            for datagram in self._sender.tick(sound):
                self._send(datagram, target)
        self._clock += FRAME_SAMPLES
        self._ticks += 1
        if self._ticks % RTCP_TICKS == 0:
            self._report(now)

    def _next_sound(self, playing: _Playing, plan: MediaPlan) -> bytes:
        if playing.over.is_set():
            return _SILENCE[plan.codec]
        sound, pcm = playing.take()
        if playing.tap is not None:
            playing.tap(AudioFrame(self.leg, self._clock, pcm))
        return sound

    def _send(self, datagram: bytes, target: Address) -> None:
        if self._wire is None:
            return
        try:
            self._wire.sendto(datagram, target)
        except OSError:  # full, or the peer's port is closed: media does not wait
            self.traffic.unsent += 1
        else:
            self.traffic.packets_out += 1

    def _report(self, now: float, *, bye: bool = False) -> None:
        """Send an RTCP compound to the port above the peer's RTP (RFC 3550 §11)."""
        target, sender = self._latch.target, self._sender
        if target is None or self._rtcp is None or target[1] >= 65_535:
            return
        sent = rtcp.Sent(sender.timestamp, sender.packets, sender.octets) if sender.packets else None
        received = self._received(now) if self._receiver.jitter.ssrc is not None and not bye else None
        compound = rtcp.report(sender.ssrc, self._cname, time.time(), sent, received, bye=bye)
        self._rtcp.sendto(compound, (target[0], target[1] + 1))

    def _received(self, now: float) -> rtcp.Received:
        jitter = self._receiver.jitter
        expected, lost = jitter.expected_total, jitter.lost
        new_expected, new_lost = expected - self._reported[0], lost - self._reported[1]
        self._reported = (expected, lost)
        fraction = min(255, max(0, new_lost) * 256 // new_expected) if new_expected > 0 else 0
        last, delay = 0, 0
        if self._peer_report is not None:
            last, delay = self._peer_report[0], int((now - self._peer_report[1]) * 65_536)
        return rtcp.Received(
            ssrc=jitter.ssrc or 0,
            fraction_lost=fraction,
            lost=lost,
            highest=jitter.highest,
            jitter=int(jitter.interarrival),
            last_report=last,
            delay=max(0, delay),
        )


def _usable(remote: Address | None, local: str) -> Address | None:
    """The address, when it is one we can send to from `local`: a literal of the same family, never a name.

    A host name would make every packet wait for the resolver.
    """
    if remote is None or not 0 < remote[1] < 65_536:
        return None
    try:
        there, here = ip_address(remote[0]), ip_address(local)
    except ValueError:
        return None
    if there.version != here.version or there.is_unspecified or there.is_multicast:
        return None
    return remote
