"""RTP sessions over real sockets on loopback, on both event loops."""

import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.conversation import Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway import g711, rtcp, wideband
from hotline.gateway.media import Direction, LegEnded, LegInput
from hotline.gateway.ports import NoPortsLeft
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway_settings import MediaSettings
from tests.fakes.rtp_peer import HOST, Peer, collect, plan

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
async def engine() -> AsyncIterator[MediaEngine]:
    async with MediaEngine.open(
        HOST, MediaSettings(port_min=23_000, port_max=23_198, dead_after_s=1)
    ) as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    yield made
    made.socket.close()


async def test_two_legs_hear_each_other(engine: MediaEngine) -> None:
    one, two = await engine.session(LegId("one")), await engine.session(LegId("two"))
    one.configure(plan(two.local))
    two.configure(plan(one.local))
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(16_000) / 16_000)).astype("<i2").tobytes()
    heard: list[LegInput] = []
    taps: list[AudioFrame] = []

    async def listen() -> None:
        heard.extend(await collect(two))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        began = anyio.current_time()
        await one.play(tone, taps.append)
        assert 0.95 < anyio.current_time() - began < 1.3
        one.send_digit("5", 100)
        one.send_digit("5", 100)
        await anyio.sleep(0.6)
        two.end(EndCause.REMOTE_HANGUP)
    frames = [item for item in heard if isinstance(item, AudioFrame)]
    assert [frame.start for frame in frames] == list(range(0, len(frames) * FRAME_SAMPLES, FRAME_SAMPLES))
    assert [frame.end - frame.start for frame in taps] == [FRAME_SAMPLES] * 50
    assert b"".join(frame.pcm for frame in taps) == tone
    assert [item.key for item in heard if isinstance(item, Digit)] == ["5", "5"]
    assert heard[-1] == LegEnded(EndCause.REMOTE_HANGUP)
    sound = np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2").astype(float)[4000:12_000]
    assert np.argmax(np.abs(np.fft.rfft(sound * np.hanning(8000)))) * 2 == 500
    assert two.facts.lost == two.facts.late == two.facts.duplicated == 0


async def test_nothing_is_sent_before_the_first_plan(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    peer.send(session.local)
    await anyio.sleep(0.1)
    assert peer.received() == []
    session.configure(plan(peer.address))
    await anyio.sleep(0.1)
    packets = peer.received()
    assert len(packets) >= 3
    assert {packet.payload for packet in packets} == {b"\xd5" * 160}


async def test_hold_sends_nothing_and_never_dies(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    for held in (plan(peer.address, Direction.RECVONLY), plan(peer.address, Direction.INACTIVE), plan(None)):
        session.configure(held)
        await anyio.sleep(0.06)
        peer.received()
        await anyio.sleep(1.2)
        assert peer.received() == []
        with anyio.move_on_after(0) as scope:
            await session.wait_ended()
        assert scope.cancelled_caught
    session.configure(plan(peer.address))
    await anyio.sleep(0.1)
    assert peer.received() != []


async def test_dead_media_ends_the_leg(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address))
    with anyio.fail_after(3):
        assert await session.wait_ended() is EndCause.MEDIA_TIMEOUT
    with pytest.raises(LegGone):
        await session.play(bytes(640))


async def test_a_player_learns_that_the_leg_is_gone(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address))
    gone: list[str] = []

    async def play(name: str) -> None:
        try:
            await session.play(bytes(32_000 * 5))
        except LegGone:
            gone.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play, "first")
        tasks.start_soon(play, "waiting")
        await anyio.sleep(0.1)
        session.end(EndCause.REMOTE_HANGUP)
        session.end(EndCause.ERROR)
    assert sorted(gone) == ["first", "waiting"]
    assert await session.wait_ended() is EndCause.REMOTE_HANGUP


async def test_cancelled_prompt_stops_and_the_next_plays(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address))
    loud = (np.ones(16_000 * 3) * 9000).astype("<i2").tobytes()
    with anyio.move_on_after(0.2):
        await session.play(loud)
    await anyio.sleep(0.05)
    peer.received()
    await anyio.sleep(0.1)
    assert {packet.payload for packet in peer.received()} == {b"\xd5" * 160}
    taps: list[AudioFrame] = []
    await session.play(loud[:1280], taps.append)
    assert len(taps) == 2


async def test_follows_the_peer_and_not_a_thief(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    other = Peer()
    signalled = (HOST, other.address[1])
    session.configure(plan(signalled))
    for _ in range(3):
        peer.send(session.local)  # behind NAT: same host, another port
        await anyio.sleep(0.02)
    await anyio.sleep(0.1)
    assert len(peer.received()) > 2
    thief = Peer()
    for _ in range(10):
        thief.send(session.local)
    await anyio.sleep(0.1)
    assert thief.received() == []
    assert session.traffic.foreign == 10
    thief.socket.close()
    other.socket.close()


async def test_garbage_is_counted_and_disturbs_nothing(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address))
    rng = np.random.default_rng(1)
    for size in [0, 1, 11, 12, 13, 100, 1472, 3000, *rng.integers(1, 200, 200)]:
        peer.socket.sendto(rng.bytes(int(size)), session.local)
        peer.socket.sendto(rng.bytes(int(size)), (HOST, session.local[1] + 1))
    for _ in range(10):
        peer.send(session.local)
        await anyio.sleep(0.02)
    assert session.facts.received >= 10
    assert engine.stats.malformed > 100
    with anyio.move_on_after(0) as scope:
        await session.wait_ended()
    assert scope.cancelled_caught


async def test_a_slow_reader_loses_the_oldest_and_is_told(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address, Direction.SENDONLY))
    await anyio.sleep(2.4)
    session.end(EndCause.LOCAL_HANGUP)
    items = await collect(session)
    assert len(items) == 100
    assert session.dropped >= 10
    assert isinstance(items[-1], LegEnded)
    starts = [item.start for item in items if isinstance(item, AudioFrame)]
    assert starts == list(range(starts[0], starts[0] + len(starts) * FRAME_SAMPLES, FRAME_SAMPLES))


async def test_a_tap_that_fails_ends_its_leg_only(engine: MediaEngine, peer: Peer) -> None:
    sick, well = await engine.session(LegId("sick")), await engine.session(LegId("well"))
    for session in (sick, well):
        session.configure(plan(peer.address, Direction.SENDONLY))

    def tap(frame: AudioFrame) -> None:
        raise RuntimeError("broken tap")

    with pytest.raises(LegGone):
        await sick.play(bytes(6400), tap)
    assert await sick.wait_ended() is EndCause.ERROR
    await well.play(bytes(6400))


async def test_says_goodbye_by_rtcp(engine: MediaEngine) -> None:
    control = None
    while control is None:
        media = Peer()
        try:
            control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            control.bind((HOST, media.address[1] + 1))
        except OSError:
            media.socket.close()
            if control is not None:
                control.close()
            control = None
    control.setblocking(False)
    session = await engine.session(LegId("leg"))
    session.configure(plan(media.address))
    await anyio.sleep(0.1)
    await session.close()
    await session.close()
    assert rtcp.parse(control.recv(2048)).bye
    media.socket.close()
    control.close()


async def test_ports_run_out_and_come_back() -> None:
    settings = MediaSettings(port_min=23_300, port_max=23_306)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((HOST, 23_303))  # someone else's: its pair is passed over
    async with MediaEngine.open(HOST, settings) as engine:
        sessions = [await engine.session(LegId(str(n))) for n in range(3)]
        assert sorted(session.local[1] for session in sessions) == [23_300, 23_304, 23_306]
        with pytest.raises(NoPortsLeft):
            await engine.session(LegId("one more"))
        await sessions[0].close()
        await anyio.sleep(2.1)
        again = await engine.session(LegId("again"))
        assert again.local[1] == 23_300
        assert engine.stats.sessions == 3
    taken.close()
    assert await again.wait_ended() is EndCause.SHUTDOWN


async def test_the_clock_catches_up_after_a_stall(engine: MediaEngine, peer: Peer) -> None:
    session = await engine.session(LegId("leg"))
    session.configure(plan(peer.address, Direction.SENDONLY))
    began = anyio.current_time()
    await anyio.sleep(0.1)
    time.sleep(0.3)  # noqa: ASYNC251 the stall is what is tested
    await anyio.sleep(0.2)
    passed = anyio.current_time() - began
    session.end(EndCause.LOCAL_HANGUP)
    frames = [item for item in await collect(session) if isinstance(item, AudioFrame)]
    assert abs(len(frames) * 0.02 - passed) < 0.06
    assert engine.stats.stalls >= 1


async def test_a_tick_that_is_due_while_the_engine_closes_does_no_harm() -> None:
    for _ in range(10):
        async with MediaEngine.open(HOST, MediaSettings(port_min=23_200, port_max=23_398)):
            await anyio.lowlevel.checkpoint()
            time.sleep(0.007)  # noqa: ASYNC251  the loop stands still until the next reading is overdue


@pytest.mark.parametrize(("events", "expected"), [(None, ["5", "#"]), (101, [])])
async def test_keys_in_the_sound_of_a_peer_without_events(
    engine: MediaEngine, events: int | None, expected: list[str]
) -> None:
    one, two = await engine.session(LegId("one")), await engine.session(LegId("two"))
    for session, other in ((one, two), (two, one)):
        session.configure(replace(plan(other.local), dtmf_payload_type=events))
    at = np.arange(2_400) / 16_000
    gap = np.zeros(1_600)
    five = 5_000 * (np.sin(2 * np.pi * 770 * at) + np.sin(2 * np.pi * 1336 * at))
    hash_ = 5_000 * (np.sin(2 * np.pi * 941 * at) + np.sin(2 * np.pi * 1477 * at))
    sound = np.concatenate([gap, five, gap, hash_, gap]).astype("<i2").tobytes()
    heard: list[LegInput] = []

    async def listen() -> None:
        heard.extend(await collect(two))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await one.play(sound)
        await anyio.sleep(0.2)
        two.end(EndCause.REMOTE_HANGUP)
    # On a machine so busy that the sender stands still, a tone has a gap and is two presses.
    keys = [key for key, _ in groupby(item.key for item in heard if isinstance(item, Digit))]
    assert keys == expected


async def test_a_peer_that_turns_to_another_codec_is_heard(engine: MediaEngine, peer: Peer) -> None:
    """Each codec carries its own tone, so that one can tell which was decoded."""
    session = await engine.session(LegId("leg"))
    choices = ((9, "G722"), (96, "OPUS"), (8, "PCMA"))
    session.configure(plan(peer.address, codec="G722", payload_type=9, choices=choices))
    heard: list[LegInput] = []

    async def listen() -> None:
        heard.extend(await collect(session))

    tones = [(9, "G722", 500), (96, "OPUS", 900), (8, "PCMA", 1_300), (9, "G722", 1_700)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        for kind, codec, hertz in tones:
            for payload, units in spoken(codec, hertz, 40):
                peer.send(session.local, payload, kind, units)
                await anyio.sleep(0.02)
        await anyio.sleep(0.3)
        assert session.facts.codec == "G722"
        session.end(EndCause.REMOTE_HANGUP)
    sound = np.frombuffer(b"".join(item.pcm for item in heard if isinstance(item, AudioFrame)), "<i2")
    for _, codec, hertz in tones:
        assert loudest(sound, hertz) > 0.8, (codec, hertz)


def spoken(codec: str, hertz: int, frames: int) -> list[tuple[bytes, int]]:
    """So many packets of a tone, and the timestamp units each of them lasts."""
    times = np.arange(frames * 320) / 16_000
    pcm = (8_000 * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    if codec == "PCMA":
        return [(g711.encode(part[::2], "PCMA"), 160) for part in pcm.reshape(frames, 320)]
    made = wideband.encoder(codec)  # type: ignore[arg-type]
    return [(made.encode(part.tobytes()), wideband.clock(codec) // 50) for part in pcm.reshape(frames, 320)]  # type: ignore[arg-type]


def loudest(sound: "np.ndarray[Any, Any]", hertz: int) -> float:
    """The best quarter second's share of energy at a tone."""
    best = 0.0
    for at in range(0, len(sound) - 4_000, 1_000):
        power = np.abs(np.fft.rfft(sound[at : at + 4_000] * np.hanning(4_000))) ** 2
        if power.sum() > 1e9:
            near = np.abs(np.fft.rfftfreq(4_000, 1 / 16_000) - hertz) < 30
            best = max(best, float(power[near].sum() / power.sum()))
    return best
