"""A leg's RTP: its two sockets, its place in the common 20 ms tick, and what a call sees of it.

Reading parses, pushes and returns. Everything else happens in the engine's ticker, for all legs one after the
other (`hotline.gateway.rtp_session`).
"""

import logging
from collections.abc import Callable
from contextlib import suppress

import anyio

from asr.audio import FRAME_SAMPLES, LegId
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.gateway import rtcp, rtp
from hotline.gateway.g711 import Codec as Law
from hotline.gateway.lane import Lane, make_frame
from hotline.gateway.latch import REBIND_S, Address, Latch, usable
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.media_socket import MediaSocket
from hotline.gateway.rtp_party import Party
from hotline.gateway.rtp_receive import PATIENCE, Receiver
from hotline.gateway.rtp_reports import Reports, together
from hotline.gateway.rtp_wire import ControlWire, Manners, Traffic, Wire
from hotline.gateway.srtp import Srtp, SrtpError
from hotline.gateway.turning import Turning
from hotline.gateway.wide_receive import WideReceiver
from hotline.gateway.wideband import is_wide

log = logging.getLogger(__name__)

_QUIET_TIMES = 6
"""Times as long as others that a peer in DTX may be unheard before its leg is given up."""
_SETTLE = 50 * FRAME_SAMPLES
"""Samples between two looks at whether the peer is settled: a second."""
_WAITING = 64
"""More datagrams than wait in a socket of a peer that can be settled with."""
_BOTH = Direction.SENDRECV
_SENDING = frozenset({Direction.SENDRECV, Direction.SENDONLY})
_RECEIVING = frozenset({Direction.SENDRECV, Direction.RECVONLY})


class RtpSession(Party):
    """One leg's audio, made by `MediaEngine`, which calls `read`, `pull`, `deliver` and `transmit`."""

    def __init__(
        self,
        leg: LegId,
        local: Address,
        manners: Manners,
        gone: Callable[["RtpSession"], None],
    ) -> None:
        """`gone` is called once, at `close`."""
        super().__init__(leg)
        self.local = local
        self._traffic = Traffic()
        self._delay_s, self._floor_s, self._dead_after_s, _ = manners
        self._gone = gone
        self._latch = Latch(strict=manners.strict)
        self._turning: Turning | None = None
        self._receiver: Receiver | WideReceiver = Receiver(self._delay_s, self._floor_s)
        self._before = AudioFacts()
        """Of the stream of another codec that came before."""
        self._srtp: Srtp | None = None
        self._made_up = False
        self._alive_at: float | None = None
        self._closed = False
        self._reports = Reports()
        self._wire: Wire | None = None
        self._settled: MediaSocket | None = None
        """The wire, while it is bound to the peer alone."""
        self._rtcp: ControlWire | None = None
        self._lane: Lane | None = None

    # -- what a call sees ---------------------------------------------------------------------------------

    @property
    def ssrc(self) -> int:
        """The source of what we send."""
        return self._sender.ssrc

    @property
    def traffic(self) -> Traffic:
        """What went over its sockets."""
        self._recall()
        return self._traffic

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""
        self._recall()
        return self._reports.rated(together(self._before, self._receiver.facts), self._receiver.jitter)

    @property
    def bound(self) -> bool:
        """Whether the socket hears nobody but the peer."""
        return self._settled is not None

    def configure(self, plan: MediaPlan) -> None:
        """Take what offer and answer settled; again after each new round. Before the first, nothing is sent.

        Hold stops the dead-media clock; another address, codec or direction starts the incoming stream anew.
        """
        self._recall()
        before, remote = self._plan, usable(plan.remote, self.local[0])
        if remote is None and plan.remote is not None:
            log.warning("media address of the peer cannot be used", extra={"leg": self.leg})
        anew = before is None or (before.remote, before.direction) != (plan.remote, plan.direction)
        self._plan = plan
        self._unsettle()
        self._latch.signal(remote, plan.host)
        self._tune(before if self._turning is None else self._turning.heard, plan, anew=anew)
        self._turning = Turning(plan) if plan.choices else None
        self._sender.configure(plan)
        if plan.srtp is None or self._srtp is None:
            self._srtp = None if plan.srtp is None else Srtp(plan.srtp)
        else:
            self._srtp.rekey(plan.srtp)
        self._voice.tune(before, plan)
        self._alive_at = None

    def _tune(self, before: MediaPlan | None, plan: MediaPlan, *, anew: bool) -> None:
        """Set the receiver to the plan's codec."""
        wide = is_wide(plan.codec)
        if before is not None and before.codec != plan.codec and (wide or is_wide(before.codec)):
            self._before = together(self._before, self._receiver.facts)
            self._receiver = Receiver(self._delay_s, self._floor_s)
        if wide and not isinstance(self._receiver, WideReceiver):
            self._receiver = WideReceiver(self._delay_s, plan, self._floor_s)
        self._receiver.configure(plan, anew=anew)

    def end(self, cause: EndCause) -> None:
        """No more audio: readers get `LegEnded`, players `LegGone`. The first cause stays."""
        self._recall()
        super().end(cause)

    async def close(self) -> None:
        """Say goodbye by RTCP, end the session if need be, release the ports. Harmless when done already."""
        if not self._closed:
            self._closed = True
            self.end(EndCause.LOCAL_HANGUP)
            if self._sender.packets or self._receiver.jitter.ssrc is not None:
                self._control(self._reports.goodbye(self._sender))
            self._wire = None
            if self._rtcp is not None:
                self._rtcp.close()
                self._rtcp = None  # it knows us: left in place, only the garbage collector could free both
            self._gone(self)
        await anyio.lowlevel.checkpoint()

    # -- what the wire brings -----------------------------------------------------------------------------

    def attach(self, wire: Wire, control: ControlWire, lane: Lane | None = None) -> None:
        """The sockets, once they are open. `wire`, for RTP, does not block and stays its opener's to close:
        reading and sending on it directly spares a transport's callbacks and queue; `lane`: its own."""
        self._wire, self._rtcp, self._lane = wire, control, lane

    def read(self, now: float) -> bool:
        """Take one datagram; False when there is none."""
        if self._wire is None:
            return False
        try:
            data, source = self._wire.recvfrom(rtp.MAX_DATAGRAM + 1)
        except BlockingIOError:
            return False
        except OSError:  # word that the peer's port is closed
            return True
        self.on_media(data, source if len(source) == 2 else source[:2], now)
        return True

    def refused(self, data: bytes, now: float) -> None:
        """A datagram from the settled peer that its lane has left."""
        source = self._latch.settled
        if source is not None:
            self.on_media(data, source, now)

    def on_media(self, data: bytes, source: Address, now: float) -> None:
        """An RTP datagram came."""
        self._recall()
        traffic, plan = self._traffic, self._plan
        if plan is not None and plan.mux and len(data) > 1 and 191 < data[1] < 224:  # RFC 5761 §4
            self.on_control(data, now)
            return
        traffic.packets_in += 1
        if plan is None or self._cause is not None:
            traffic.ignored += 1
            return
        try:
            packet = rtp.parse(data if self._srtp is None else self._srtp.unprotect(data))
        except SrtpError:
            traffic.unauthentic += 1
            return
        except rtp.RtpSyntaxError:
            traffic.malformed += 1
            return
        if not self._latch.accept(source, now, packet.ssrc):
            traffic.foreign += 1
            return
        self._alive_at = now
        if plan.direction not in _RECEIVING:
            traffic.ignored += 1
            return
        if self._turning is not None and (turn := self._turning.turned(packet.payload_type)) is not None:
            self._tune(*turn, anew=False)
        key = self._receiver.push(packet, now)
        if key is not None:
            self._inputs.push(Digit(key, self._clock))

    def on_control(self, data: bytes, now: float) -> None:
        """An RTCP datagram came: what it says of our stream, and when we last heard of the peer's."""
        self._recall()
        try:
            plain = data if self._srtp is None else self._srtp.unprotect_control(data)
            self._reports.take(plain, now, self._sender, self._receiver.jitter)
        except SrtpError:
            self._traffic.unauthentic += 1
        except rtcp.RtcpSyntaxError:
            self._traffic.malformed += 1

    # -- the tick -----------------------------------------------------------------------------------------

    @property
    def codec(self) -> Law:
        """The law of what `pull` gives."""
        return "PCMA" if isinstance(self._receiver, WideReceiver) else self._receiver.codec

    def pull(self, now: float) -> bytes | None:
        """Begin a tick: 24 bytes of before and the 20 ms now due, as G.711; None when there is none to
        decode: before `configure`, after the end, and where it is delivered at once: from a lane and from a
        wideband stream.

        Ends the session when no media has come for too long.
        """
        lane = self._lane
        if lane is not None and lane.armed:
            due = lane.tick(now, PATIENCE)
            if due is not None:
                self._made_up = False
                self.deliver(due[0], self.codec, due[1])
                return None
            self._recall()
        plan = self._plan
        if plan is None or self._cause is not None:
            return None
        if self._alive_at is None or plan.direction is not _BOTH or self._latch.target is None:
            self._alive_at = now  # nothing need come: the peer is on hold, or we are
        elif now - self._alive_at > REBIND_S:
            self._unsettle()  # it may go on from another port
            # Who has said that it is silent may have nothing more to say for long.
            if now - self._alive_at > self._dead_after_s * (_QUIET_TIMES if self._receiver.quiet else 1):
                self.end(EndCause.MEDIA_TIMEOUT)
                return None
        receiver = self._receiver
        row, self._made_up = receiver.pull(now)
        if isinstance(receiver, WideReceiver):
            self.deliver(row)
            return None
        if lane is not None and self._settled is not None and self._srtp is None and plan.direction is _BOTH:
            receiver.lend(lane)
        return row

    def deliver(self, pcm: bytes, law: str = "", coded: bytes | None = None) -> None:
        """The same 20 ms, now 16 kHz, and as it was in G.711: to the reader.

        The reader is woken for every second frame: waking it costs more than all else that is done with one.
        """
        if coded is None:
            coded = self._receiver.frame
        frame = make_frame(self.leg, self._clock, pcm, self._made_up, coded, law)
        self._inputs.push(frame, wake_at=2)
        if self._hear is not None:
            self._hear(frame)
        if self.inband is not None and self._plan is not None and self._plan.dtmf_payload_type is None:
            key = self.inband.hear(pcm)
            if key is not None:
                self._inputs.push(Digit(key, self._clock))

    def transmit(self, now: float) -> None:
        """End a tick: send 20 ms of prompt, key press or silence."""
        plan, target = self._plan, self._latch.target
        if plan is None or self._cause is not None:
            return
        if target is None or plan.direction not in _SENDING:
            self._sender.pause()
            self._voice.hush()
        elif self._sender.pressing:
            if datagram := self._sender.tick_press():
                self._send(datagram, target)
        else:
            for datagram in self._voice.tick(self._sender, plan, self._clock):
                self._send(datagram, target)
        self._clock += FRAME_SAMPLES
        if self._settled is None and self._clock % _SETTLE == 0:
            self._settle(now)
        if self._reports.due():
            self._recall()
            jitter = self._receiver.jitter
            self._control(self._reports.compound(now, self._sender, jitter, self._receiver.facts))

    def _send(self, datagram: bytes, target: Address) -> None:
        if self._wire is None:
            return
        try:
            if self._srtp is not None:
                datagram = self._srtp.protect(datagram)
            if self._settled is None:
                self._wire.sendto(datagram, target)
            elif self._lane is None:
                self._settled.send(datagram)
            elif not self._lane.send(datagram):
                self._traffic.unsent += 1
                return
        except (OSError, SrtpError):  # full, or the peer's port is closed: media does not wait
            self._traffic.unsent += 1
        else:
            self._traffic.packets_out += 1

    def _settle(self, now: float) -> None:
        """Bind the socket to a peer that has been heard from just now."""
        peer, alive = self._latch.settled, self._alive_at
        if not isinstance(self._wire, MediaSocket) or peer is None or alive is None:
            return
        if now - alive < REBIND_S / 2 and peer == self._latch.target:
            with suppress(OSError):
                self._wire.settle(peer)
                self._settled = self._wire
                # What strangers sent before is still there and is told by its address, while it is asked for.
                if all(self.read(now) for _ in range(_WAITING)):
                    self._unsettle()

    def _unsettle(self) -> None:
        """Listen to everybody again: the latch decides who the peer is."""
        settled, self._settled = self._settled, None
        if settled is not None:
            with suppress(OSError):
                settled.unsettle()

    def _recall(self) -> None:
        """Take back from the lane what it knows."""
        lane, receiver = self._lane, self._receiver
        if lane is None or not lane.armed or isinstance(receiver, WideReceiver):
            return
        back = receiver.take_back(lane)
        if back.received:
            self._traffic.packets_in += back.received
            self._alive_at = back.heard
            self._latch.heard(back.heard)
            if self._turning is not None:
                self._turning.stayed()

    def _control(self, compound: bytes) -> None:
        """Send RTCP: where the peer wants it, else to the port above its RTP (RFC 3550 §11)."""
        target, plan = self._latch.target, self._plan
        if target is None or plan is None or self._rtcp is None or target[1] >= 65_535:
            return
        if plan.control is not None and target[0] == plan.control[0]:
            target = plan.control
        elif not plan.mux:
            target = (target[0], target[1] + 1)
        try:
            data = compound if self._srtp is None else self._srtp.protect_control(compound)
        except SrtpError:
            return
        self._rtcp.sendto(data, target)
