"""RTP sessions: the port range and the one 20 ms tick all legs share.

One ticker for all means that a tick's decoding is a few array operations however many calls there are. It
reads the sockets too, four times a tick: so the process wakes two hundred times a second, not fifty times a
call, and a packet is known at most 5 ms after it came, which the jitter buffer has room for.
"""

import asyncio
import errno
import logging
import select
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.gateway import lane
from hotline.gateway.g711 import Codec
from hotline.gateway.inband_dtmf import InbandKeys
from hotline.gateway.lane import Lane
from hotline.gateway.media_socket import MediaSocket
from hotline.gateway.ports import NoPortsLeft, PortRange
from hotline.gateway.resample import upsample_frames
from hotline.gateway.rtp_leg import RtpSession
from hotline.gateway.rtp_wire import NOWHERE, ControlWire, Manners, Traffic, Wire
from hotline.gateway_settings import MediaSettings

log = logging.getLogger(__name__)

TICK_S = 0.02
READS = 4
"""Times a tick the sockets are read."""
_ROUNDS, _ROUNDS_AFTER_STALL = 16, 128
"""Most datagrams taken from a socket in one reading: a flood on one leg must not hold up the others."""
_LONGEST_CATCH_UP = 100
"""Ticks made up for after a stall (2 s, what readers hold); a longer one is a hole in time."""
_LAGS = 3000
"""Ticks whose lag is remembered: a minute."""


@dataclass(frozen=True, slots=True)
class MediaStats:
    """How the engine is doing."""

    sessions: int
    ticks: int
    stalls: int
    """Ticks that began more than 20 ms late."""
    lag_p50_ms: float
    """How late ticks began, over the last minute."""
    lag_p99_ms: float
    lag_max_ms: float
    packets_in: int
    packets_out: int
    malformed: int
    foreign: int
    ignored: int
    unauthentic: int


class MediaEngine:
    """All legs' RTP in this process."""

    def __init__(self, host: str, settings: MediaSettings) -> None:
        self._host = host
        self._settings = settings
        self._manners = Manners(
            settings.jitter_ms / 1000,
            min(settings.jitter_min_ms, settings.jitter_ms) / 1000,
            settings.dead_after_s,
            settings.latch == "strict",
        )
        self._ports = PortRange(settings.port_min, settings.port_max)
        self._sessions: dict[RtpSession, None] = {}
        self._poll = select.epoll()
        self._readers: dict[int, RtpSession] = {}
        """By file descriptor; asked of the system directly, since `selectors` makes an object for each."""
        self._lanes: list[Lane | None] = []
        """By file descriptor too."""
        self._wires: dict[RtpSession, MediaSocket] = {}
        self._past = Traffic()
        self._lags: deque[float] = deque(maxlen=_LAGS)
        self._ticks = 0
        self._stalls = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, host: str, settings: MediaSettings) -> AsyncIterator["MediaEngine"]:
        """Run an engine bound to `host`, an address of this machine; leaving ends and closes all sessions."""
        engine = cls(host, settings)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(engine._run)
                try:
                    yield engine
                finally:
                    tasks.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        for session in list(engine._sessions):
                            session.end(EndCause.SHUTDOWN)
                            await session.close()
        finally:
            engine._poll.close()  # only now: a tick that was due may come until the group has ended

    async def session(self, leg: LegId) -> RtpSession:
        """A session with its own RTP/RTCP port pair. Raises `NoPortsLeft`.

        Cancelling releases the ports again.
        """
        loop = asyncio.get_running_loop()
        port, media, control = self._bind(loop.time())
        session = RtpSession(leg, (self._host, port), self._manners, self._forget)
        session.use_dtx(on=self._settings.dtx)
        session.inband = InbandKeys() if self._settings.inband_dtmf == "auto" else None
        self._sessions[session] = None
        self._wires[session] = media
        try:
            other, _ = await loop.create_datagram_endpoint(lambda: _ControlWire(session, loop), sock=control)
        except BaseException:
            control.close()
            self._forget(session)
            raise
        file = media.fileno()
        self._lanes.extend([None] * (file + 1 - len(self._lanes)))
        self._lanes[file] = made = lane.make(file)
        session.attach(media, other, made)
        self._poll.register(media, select.EPOLLIN)
        self._readers[file] = session
        return session

    def carried(self, leg: LegId, wire: Wire, control: ControlWire) -> RtpSession:
        """A session without ports of its own, whose packets another transport carries (WebRTC).

        What we send goes to `wire` and `control`; what comes is given to `on_media` and `on_control` by that
        transport, from `NOWHERE`, which is the plan's `remote` too.
        """
        session = RtpSession(leg, NOWHERE, self._manners, self._forget)
        session.use_dtx(on=self._settings.dtx)
        self._sessions[session] = None
        session.attach(wire, control)
        return session

    @property
    def stats(self) -> MediaStats:
        """Counts since the start and how late the ticks of the last minute were."""
        lags = sorted(self._lags) or [0.0]
        total = Traffic()
        for traffic in (self._past, *(session.traffic for session in self._sessions)):
            total.add(traffic)
        return MediaStats(
            sessions=len(self._sessions),
            ticks=self._ticks,
            stalls=self._stalls,
            lag_p50_ms=lags[len(lags) // 2] * 1000,
            lag_p99_ms=lags[min(len(lags) - 1, len(lags) * 99 // 100)] * 1000,
            lag_max_ms=lags[-1] * 1000,
            packets_in=total.packets_in,
            packets_out=total.packets_out,
            malformed=total.malformed,
            foreign=total.foreign,
            ignored=total.ignored,
            unauthentic=total.unauthentic,
        )

    def _bind(self, now: float) -> tuple[int, MediaSocket, MediaSocket]:
        """Two sockets on the next free pair; one someone else holds is passed over. Raises `NoPortsLeft`."""
        while True:
            port = self._ports.take(now)
            try:
                return port, *_pair(self._host, port)
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    # No file descriptors or memory: another port would help as little, and this one is well.
                    self._ports.put_back(port)
                    raise NoPortsLeft("the system gives no socket") from error
                self._ports.release(port, now)

    def _forget(self, session: RtpSession) -> None:
        if self._sessions.pop(session, session) is None:
            self._past.add(session.traffic)
            wire = self._wires.pop(session, None)
            if wire is None:
                return  # carried by another transport
            if self._readers.pop(wire.fileno(), None) is not None:
                self._lanes[wire.fileno()] = None
                self._poll.unregister(wire)
            wire.close()
            self._ports.release(session.local[1], asyncio.get_running_loop().time())

    async def _run(self) -> None:
        """Tick by the clock for ever: each deadline is 20 ms after the last one, however late that came."""
        deadline = anyio.current_time()
        while True:
            for _ in range(READS - 1):
                deadline += TICK_S / READS
                await anyio.sleep_until(deadline)
                self._read(_ROUNDS)
            deadline += TICK_S / READS
            await anyio.sleep_until(deadline)
            lag = anyio.current_time() - deadline
            self._lags.append(lag)
            # After a stall, what came meanwhile must be there before time is made up for.
            self._read(_ROUNDS if lag <= TICK_S else _ROUNDS_AFTER_STALL)
            if lag > TICK_S:
                self._stalls += 1
                if lag > _LONGEST_CATCH_UP * TICK_S:
                    log.warning("media clock stood still", extra={"seconds": round(lag, 1)})
                    deadline += lag // TICK_S * TICK_S
            self._tick(deadline)

    def _read(self, rounds: int) -> None:
        """Take what has come, at most `rounds` datagrams a leg; what is left waits in its socket."""
        now = anyio.current_time()
        for _ in range(rounds):
            ready, odd = lane.receive(self._poll, self._lanes, now)
            for file, data in odd:
                session = self._readers.get(file)
                if session is None:  # another's failure has just ended it
                    continue
                try:
                    if data is None:
                        session.read(now)
                    else:
                        session.refused(data, now)
                except Exception:  # supervision point: one leg's failure ends that leg only
                    log.exception("leg failed in reading", extra={"leg": session.leg})
                    session.end(EndCause.ERROR)
            if not ready:
                return

    def _tick(self, now: float) -> None:
        self._ticks += 1
        active: list[RtpSession] = []
        laws: dict[Codec, tuple[list[RtpSession], list[bytes]]] = {"PCMA": ([], []), "PCMU": ([], [])}
        for session in list(self._sessions):
            try:
                row = session.pull(now)
            except Exception:  # supervision point: one leg's failure ends that leg only
                log.exception("leg failed in the media tick", extra={"leg": session.leg})
                session.end(EndCause.ERROR)
                continue
            active.append(session)
            if row is not None:
                sessions, rows = laws[session.codec]
                sessions.append(session)
                rows.append(row)
        for codec, (sessions, rows) in laws.items():
            for session, pcm in zip(sessions, upsample_frames(rows, codec), strict=True):
                try:
                    session.deliver(pcm, codec)
                except Exception:  # supervision point: as above; what is connected is the call's own code
                    log.exception("leg failed in the media tick", extra={"leg": session.leg})
                    session.end(EndCause.ERROR)
        for session in active:
            try:
                session.transmit(now)
            except Exception:  # supervision point: as above; a tap is the call's own code
                log.exception("leg failed in the media tick", extra={"leg": session.leg})
                session.end(EndCause.ERROR)


class _ControlWire(asyncio.DatagramProtocol):
    """Callback border: RTCP to the session."""

    def __init__(self, session: RtpSession, loop: asyncio.AbstractEventLoop) -> None:
        self._take = session.on_control
        self._time = loop.time

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self._take(data, self._time())


def _pair(host: str, port: int) -> tuple[MediaSocket, MediaSocket]:
    media = MediaSocket.bound(host, port)
    try:
        return media, MediaSocket.bound(host, port + 1)
    except OSError:
        media.close()
        raise


__all__ = ["MediaEngine", "MediaStats", "NoPortsLeft", "RtpSession"]
