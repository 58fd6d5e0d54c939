"""PBX doors, with peers that keep to the PBXs' protocol pages, over real sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import anyio
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.audio import AudioFrame
from hotline.conversation import Digit, EndCause
from hotline.errors import CallAborted, LegGone
from hotline.gateway import pbx_asterisk, pbx_freeswitch, pbx_jambonz
from hotline.gateway.audiosocket import message, open_audiosocket
from hotline.gateway.media import IncomingCall, LegEnded, MediaLeg
from hotline.gateway.pcm_door import PcmDoor
from hotline.gateway.pcm_socket import DialectMaker, open_pcm_socket
from hotline.gateway_settings import PbxSettings
from tests.fakes.pbx_peers import AudioSocketPeer, WebSocketPeer, frames, law_frames, loudest, tone

pytestmark = pytest.mark.integration

IDENTITY = UUID("12348000-0000-4000-8000-f13800001234")
PROMPT = tone(700, 1.0, 16_000)
DIALECTS: dict[str, DialectMaker] = {
    pbx_asterisk.SUBPROTOCOL: pbx_asterisk.AsteriskChannel,
    pbx_jambonz.SUBPROTOCOL: pbx_jambonz.JambonzListen,
    pbx_freeswitch.SUBPROTOCOL: pbx_freeswitch.FreeswitchFork,
}


@dataclass
class Application:
    """Answers every call, plays a prompt, notes what it hears; hangs up when told."""

    hang_up_after: float | None = None
    refuse: bool = False
    calls: list[IncomingCall] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    taped: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    causes: list[EndCause] = field(default_factory=list)
    legs: list[MediaLeg] = field(default_factory=list)

    async def attend(self, door: PcmDoor) -> None:
        async with anyio.create_task_group() as tasks:
            async for call in door.incoming():
                self.calls.append(call)
                if self.refuse:
                    await call.reject(503, "no")
                    continue
                tasks.start_soon(self._one, call)

    async def _one(self, call: IncomingCall) -> None:
        try:
            leg = await call.answer()
        except CallAborted:  # it was over before we came to it
            return
        self.legs.append(leg)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._play, leg)
            if self.hang_up_after is not None:
                tasks.start_soon(self._hang_up, leg, self.hang_up_after)
            async for item in leg.inputs():
                if isinstance(item, AudioFrame):
                    self.heard += item.pcm
                    self.starts.append(item.start)
                elif isinstance(item, Digit):
                    self.keys.append(item.key)
                elif isinstance(item, LegEnded):
                    self.causes.append(item.cause)
            tasks.cancel_scope.cancel()

    async def _play(self, leg: MediaLeg) -> None:
        try:
            await leg.play(PROMPT, lambda frame: self.taped.extend(frame.pcm))
        except LegGone:
            return

    async def _hang_up(self, leg: MediaLeg, seconds: float) -> None:
        await anyio.sleep(seconds)
        await leg.hangup()


@asynccontextmanager
async def audiosocket(app: Application, **settings: Any) -> AsyncIterator[tuple[PcmDoor, int]]:
    door = PcmDoor(PbxSettings(**settings), "12348")
    async with anyio.create_task_group() as tasks, open_audiosocket(door, "127.0.0.1", 0) as port:
        tasks.start_soon(app.attend, door)
        yield door, port
        await door.shutdown(1)


@asynccontextmanager
async def websocket(app: Application, **settings: Any) -> AsyncIterator[tuple[PcmDoor, int]]:
    door = PcmDoor(PbxSettings(**settings), "12348")
    async with anyio.create_task_group() as tasks, open_pcm_socket(door, DIALECTS, "127.0.0.1", 0) as port:
        tasks.start_soon(app.attend, door)
        yield door, port
        await door.shutdown(1)


def middle(pcm: bytes | bytearray, rate: int, seconds: float) -> bytes:
    """`seconds` of what was heard once sound has begun."""
    sound = bytes(pcm)
    loud = np.flatnonzero(np.abs(np.frombuffer(sound, "<i2").astype(int)) > 1000)
    first = 2 * int(loud[0]) if len(loud) else 0
    return sound[first : first + int(seconds * rate) * 2]


def run(body: object) -> None:
    anyio.run(body)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "rate"), [(0x10, 8000), (0x12, 16_000), (0x16, 48_000)])
def test_audiosocket_call(kind: int, rate: int) -> None:
    async def body() -> None:
        app = Application()
        async with audiosocket(app) as (door, port):
            peer = AudioSocketPeer(port, IDENTITY, rate, kind)
            with anyio.fail_after(10):
                await peer.run(tone(440, 1.5, rate), {20: "5", 40: "#"}, silence_after=False)
            await anyio.sleep(0.1)
            assert app.calls[0].remote == "13800001234"
            assert app.calls[0].dialled == "12348"
            assert loudest(middle(app.heard, 16_000, 0.8), 16_000) == pytest.approx(440, abs=5)
            assert loudest(middle(peer.heard, rate, 0.8), rate) == pytest.approx(700, abs=5)
            assert bytes(app.taped[: len(PROMPT)]) == PROMPT
            assert app.keys == ["5", "#"]
            assert app.starts == list(range(0, 320 * len(app.starts), 320))
            assert app.causes == [EndCause.REMOTE_HANGUP]
            assert door.stats.calls == 0
            assert door.stats.taken == 1

    run(body)


def test_audiosocket_we_hang_up() -> None:
    async def body() -> None:
        app = Application(hang_up_after=0.5)
        async with audiosocket(app) as (_, port):
            peer = AudioSocketPeer(port, UUID(int=77))
            with anyio.fail_after(10):
                await peer.run(b"")
            assert peer.hung_up
            assert app.calls[0].remote == f"pbx:{UUID(int=77).hex}"
            assert app.causes == [EndCause.LOCAL_HANGUP]

    run(body)


def test_audiosocket_refused_and_full() -> None:
    async def body() -> None:
        app = Application(refuse=True)
        async with audiosocket(app, calls=1) as (door, port):
            peer = AudioSocketPeer(port, IDENTITY)
            with anyio.fail_after(10):
                await peer.run(b"")
            assert peer.hung_up
            assert door.stats.refused == 1
        app = Application()
        async with audiosocket(app, calls=1) as (door, port):
            first, second = AudioSocketPeer(port, IDENTITY), AudioSocketPeer(port, IDENTITY)
            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(first.run, b"")
                    await anyio.sleep(0.3)
                    await second.run(b"")
                    assert second.hung_up
                    assert not first.hung_up
                    tasks.cancel_scope.cancel()
            assert door.stats.refused == 1

    run(body)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 5_000,
        message(0x01, b"short"),
        message(0x10, bytes(320)),  # sound before the call is named
        message(0x01, IDENTITY.bytes) + message(0x10, bytes(321)),  # half a sample
        message(0x01, IDENTITY.bytes) + message(0x01, IDENTITY.bytes),
        message(0x01, IDENTITY.bytes) + message(0x10, bytes(320)) + message(0x12, bytes(640)),
        message(0xFF, b"\x01"),
        b"",
    ],
)
def test_audiosocket_rubbish_ends_that_connection_only(rubbish: bytes) -> None:
    async def body() -> None:
        app = Application()
        async with audiosocket(app) as (door, port), anyio.create_task_group() as tasks:
            good = AudioSocketPeer(port, IDENTITY)
            tasks.start_soon(good.run, b"")
            with anyio.fail_after(5):
                while not app.legs:  # noqa: ASYNC110 what is waited for is outside state
                    await anyio.sleep(0.02)
                stream = await anyio.connect_tcp("127.0.0.1", port)
                await stream.send(rubbish) if rubbish else None
                await stream.send_eof()
                try:
                    while True:
                        await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    await stream.aclose()
                await anyio.sleep(0.1)
            assert not good.hung_up
            assert door.stats.calls == 1
            tasks.cancel_scope.cancel()

    run(body)


def test_stranger_may_not_connect() -> None:
    async def body() -> None:
        app = Application()
        async with audiosocket(app, allow=("10.0.0.0/8",)) as (door, port):
            stream = await anyio.connect_tcp("127.0.0.1", port)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)), anyio.fail_after(5):
                await stream.receive()
            await stream.aclose()
            assert door.stats.unwelcome == 1

    run(body)


@pytest.mark.parametrize("form", ["ulaw", "alaw", "slin16"])
@pytest.mark.parametrize("as_json", [False, True])
def test_asterisk_channel(form: str, as_json: bool) -> None:
    fields = {"connection_id": "abc", "channel": "WebSocket/x", "format": form, "optimal_frame_size": "160"}
    start = (
        json.dumps({"event": "MEDIA_START", **fields})
        if as_json
        else "MEDIA_START " + " ".join(f"{name}:{value}" for name, value in fields.items())
    )
    press = '{"event": "DTMF_END", "digit": "7"}' if as_json else "DTMF_END digit:7"
    rate = pbx_asterisk.RATES[form]
    sound = tone(440, 1.5, rate)
    law = {"ulaw": "PCMU", "alaw": "PCMA"}.get(form)
    pieces = law_frames(sound, law) if law else frames(sound, rate)  # type: ignore[arg-type]

    async def body() -> None:
        app = Application(hang_up_after=1.8)
        async with websocket(app, password="correct-horse") as (_, port):
            peer = WebSocketPeer(port, "media", "/?caller=13800001234&dialled=12348", "correct-horse")
            with anyio.fail_after(10):
                await peer.run(start, pieces, {30: press})
            assert app.calls[0].remote == "13800001234"
            assert app.keys == ["7"]
            assert loudest(middle(app.heard, 16_000, 0.8), 16_000) == pytest.approx(440, abs=5)
            heard = bytes(peer.heard)
            if law:
                from hotline.gateway import g711

                heard = g711.decode(heard, law).astype("<i2").tobytes()  # type: ignore[arg-type]
            assert loudest(middle(heard, rate, 0.8), rate) == pytest.approx(700, abs=8)
            expected = ['{"command": "ANSWER"}', '{"command": "HANGUP"}'] if as_json else ["ANSWER", "HANGUP"]
            assert peer.texts == expected
            assert app.causes == [EndCause.LOCAL_HANGUP]

    run(body)


def test_jambonz_listen() -> None:
    preamble = {
        "callSid": "c1",
        "from": "13800001234",
        "to": "12348",
        "sampleRate": 16_000,
        "mixType": "mono",
    }

    async def body() -> None:
        app = Application()
        async with websocket(app) as (_, port):
            peer = WebSocketPeer(port, "audio.jambonz.org")
            with anyio.fail_after(10):
                later = {30: '{"event": "dtmf", "dtmf": "9", "duration": "160"}'}
                await peer.run(json.dumps(preamble), frames(tone(440, 1.5, 16_000), 16_000), later,
                               until=lambda: True)  # fmt: skip
            await anyio.sleep(0.1)
            assert app.calls[0].remote == "13800001234"
            assert app.keys == ["9"]
            assert loudest(middle(app.heard, 16_000, 0.8), 16_000) == pytest.approx(440, abs=5)
            assert loudest(middle(peer.heard, 16_000, 0.8), 16_000) == pytest.approx(700, abs=5)
            assert app.causes == [EndCause.REMOTE_HANGUP]

    run(body)


def test_freeswitch_fork_gets_whole_prompts() -> None:
    async def body() -> None:
        app = Application(hang_up_after=1.6)
        async with websocket(app) as (_, port):
            peer = WebSocketPeer(port, "audio.drachtio.org")
            preamble = json.dumps({"from": "13800001234", "to": "12348", "sampleRate": 8000})
            with anyio.fail_after(10):
                await peer.run(
                    preamble, frames(tone(440, 1.0, 8000), 8000), {30: '{"event":"dtmf","dtmf":"1"}'}
                )
            assert loudest(middle(app.heard, 16_000, 0.8), 16_000) == pytest.approx(440, abs=5)
            assert loudest(middle(peer.heard, 8000, 0.8), 8000) == pytest.approx(700, abs=5)
            assert [json.loads(text)["type"] for text in peer.texts] == ["playAudio", "disconnect"]
            assert app.keys == ["1"]

    run(body)


def test_prompt_cut_short_is_stopped_at_the_pbx() -> None:
    async def body() -> None:
        app = Application(hang_up_after=0.4)
        async with websocket(app) as (_, port):
            peer = WebSocketPeer(port, "audio.drachtio.org")
            with anyio.fail_after(10):
                await peer.run('{"sampleRate": 8000}', frames(bytes(16_000), 8000))
            assert [json.loads(text)["type"] for text in peer.texts][-1] == "disconnect"
            assert app.causes == [EndCause.LOCAL_HANGUP]

    run(body)


@pytest.mark.parametrize(
    ("subprotocol", "preamble", "later"),
    [
        ("audio.jambonz.org", "no json", None),
        ("audio.jambonz.org", "[" * 30_000, None),
        ("audio.jambonz.org", '{"sampleRate": 11025}', None),
        ("audio.jambonz.org", '{"mixType": "stereo"}', None),
        ("audio.jambonz.org", "{}", "[]"),
        ("media", "MEDIA_START format:opus", None),
        ("media", "MEDIA_START format:slin16", "{"),
        ("audio.drachtio.org", '"text"', None),
    ],
)
def test_websocket_rubbish_ends_that_connection_only(
    subprotocol: str, preamble: str, later: str | None
) -> None:
    async def body() -> None:
        app = Application()
        async with websocket(app) as (door, port):
            peer = WebSocketPeer(port, subprotocol)
            with anyio.fail_after(10):
                try:
                    await peer.run(preamble, [bytes(640)] * 10, {5: later} if later else None)
                except* ConnectionClosed:
                    pass
            await anyio.sleep(0.1)
            assert door.stats.malformed == 1
            assert door.stats.calls == 0
            assert all(cause is not None for cause in app.causes)

    run(body)


def test_who_may_not_speak_at_all() -> None:
    async def body() -> None:
        app = Application()
        async with websocket(app, password="correct-horse") as (door, port):
            for subprotocol, password in (("media", None), ("media", "wrong"), ("chat", "correct-horse")):
                with pytest.raises(InvalidStatus):
                    await WebSocketPeer(port, subprotocol, password=password).run("x", [])
            assert door.stats.unwelcome == 2
            assert not app.calls

    run(body)
