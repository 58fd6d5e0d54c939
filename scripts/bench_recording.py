"""What recording adds to a packet's CPU, told in CPU time alone: for machines on which others work, too.

    python scripts/bench_recording.py [--calls 450] [--seconds 9] [--rounds 2]

The media engine of `bench_rtp.py` with its packets, readers and prompts, but stepped by hand as fast as it
goes: packets are put into the sockets, and only the CPU time of reading, of the tick with its readers, and of
writing the recordings is counted. So nothing is late and waiting costs nothing; what is left out is reading
that finds nothing, the event loop's timers and the change from thread to thread.
"""

import argparse
import asyncio
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import uvloop

from asr.audio import AudioFrame, LegId
from hotline.call import recording, tape
from hotline.call.recording import Recorder
from hotline.errors import LegGone
from hotline.gateway import lane
from hotline.gateway.g711 import encode
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.rtp_session import READS, TICK_S, MediaEngine, RtpSession
from hotline.gateway_settings import MediaSettings
from hotline.heap import settled_heap
from scripts.bench_parts import HOST
from scripts.bench_rtp import FIRST_PORT, HEADER

WARM_UP = 150
"""Ticks before the count begins: peers settle and lanes are lent."""


class Stepped(MediaEngine):
    """An engine that moves only when it is told to."""

    async def _run(self) -> None:
        await anyio.sleep_forever()

    def read(self, now: float) -> None:
        """Take what has come, as of `now`."""
        ready = 1
        while ready:
            ready, odd = lane.receive(self._poll, self._lanes, now)
            for file, data in odd:
                session = self._readers[file]
                if data is None:
                    session.read(now)
                else:
                    session.refused(data, now)

    def tick(self, now: float) -> None:
        """The 20 ms due."""
        self._tick(now)


class _ByHand:
    """In the place of the writer's thread."""

    def add(self, member: object) -> None:
        """Its turns come from here."""

    def remove(self, member: object) -> None:
        """No more of them."""


async def read(session: RtpSession, recorder: Recorder | None) -> None:
    keep = recorder.side(0) if recorder is not None else None
    async for item in session.inputs():
        if keep is not None and isinstance(item, AudioFrame):
            keep(item)


async def talk(session: RtpSession, recorder: Recorder | None, prompt: bytes) -> None:
    try:
        while True:
            await session.play(prompt, recorder.side(1) if recorder is not None else None)
    except LegGone:
        return


def callers(sessions: list[RtpSession]) -> list[socket.socket]:
    made = []
    for session in sessions:
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what comes back is not looked at
        caller.bind((HOST, 0))
        caller.connect(session.local)
        caller.setblocking(False)
        made.append(caller)
    return made


def packets(ticks: int) -> Iterator[bytes]:
    """Of one call, but for the source."""
    tone = encode((6000 * np.sin(np.arange(160 * 50) * 0.35)).astype(np.int16), "PCMA")
    for step in range(ticks):
        yield HEADER.pack(0x80, 8, step & 0xFFFF, 160 * step, 1) + tone[160 * (step % 50) :][:160]


async def run(calls: int, ticks: int, folder: Path | None) -> tuple[float, float]:
    """Microseconds a packet: of the media, and of the writing."""
    prompt = (5000 * np.sin(np.arange(16_000 * 20) * 0.1)).astype("<i2").tobytes()
    settings = MediaSettings(port_min=FIRST_PORT, port_max=FIRST_PORT + 4 * calls)
    async with Stepped.open(HOST, settings) as engine, anyio.create_task_group() as tasks:
        assert isinstance(engine, Stepped)
        sessions = [await engine.session(LegId(str(number))) for number in range(calls)]
        recorders = [Recorder(folder, str(number)) for number in range(calls)] if folder is not None else []
        for number, session in enumerate(sessions):
            session.configure(MediaPlan((HOST, 9), "PCMA", 8, 101, Direction.SENDRECV))
            recorder = recorders[number] if recorders else None
            if recorder is not None:
                recorder.start()
            tasks.start_soon(read, session, recorder)
            tasks.start_soon(talk, session, recorder, prompt)
        await asyncio.sleep(0.01)
        with settled_heap():
            spent = await step_all(engine, callers(sessions), recorders, ticks)
        if any(session.facts.lost or session.facts.late for session in sessions):
            raise SystemExit("packets were lost: the figure means nothing")
        tasks.cancel_scope.cancel()
    for recorder in recorders:
        recorder.close()
    return spent


async def step_all(
    engine: Stepped, sockets: list[socket.socket], recorders: list[Recorder], ticks: int
) -> tuple[float, float]:
    began, media, writing = asyncio.get_running_loop().time(), 0.0, 0.0
    for number, packet in enumerate(packets(ticks)):
        if number == WARM_UP:
            media = writing = 0.0
        for part in range(READS):
            now = began + TICK_S * (number + part / READS)
            for caller in sockets[part::READS]:
                caller.send(packet)
            before = time.thread_time()
            engine.read(now)
            media += time.thread_time() - before
        before = time.thread_time()
        engine.tick(began + TICK_S * (number + 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        after = time.thread_time()
        for recorder in recorders[number % 50 :: 50]:
            recorder.turn()
        media, writing = media + after - before, writing + time.thread_time() - after
    count = len(sockets) * (ticks - WARM_UP) / 1e6
    return media / count, writing / count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=450)
    parser.add_argument("--seconds", type=float, default=9)
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args()
    recording._WRITER = _ByHand()  # type: ignore[assignment]
    ticks = WARM_UP + int(50 * wanted.seconds)
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    print(f"kernels: lane {lane.built()}, tape {tape.built()}")
    for _ in range(wanted.rounds):
        for recorded, rounds in found.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                rounds.append(runner.run(run(wanted.calls, ticks, Path(folder) if recorded else None)))
    for recorded, rounds in found.items():
        media, writing = (statistics.median(column) for column in zip(*rounds, strict=True))
        what = "recorded    " if recorded else "not recorded"
        print(f"{what}  {media + writing:.1f} µs a packet: media {media:.1f}, writing {writing:.1f}")


if __name__ == "__main__":
    main()
