"""PBXs as their protocol pages describe them: what they send, in the order and at the pace they send it."""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hotline.gateway import g711
from hotline.gateway.audiosocket import Messages, message


def tone(hertz: float, seconds: float, rate: int, level: float = 8000) -> bytes:
    """s16le mono."""
    at = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * math.pi * hertz * at)).astype("<i2").tobytes()


def loudest(pcm: bytes, rate: int) -> float:
    """Frequency of the strongest component in Hz; 0 for silence."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    if len(samples) < rate // 10 or np.abs(samples).max() < 500:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


class AudioSocketPeer:
    """Asterisk's AudioSocket(): UUID, then 20 ms of samples at a time; hears what comes back."""

    def __init__(self, port: int, identity: UUID, rate: int = 8000, kind: int = 0x10) -> None:
        self._port = port
        self._identity = identity
        self._rate = rate
        self._kind = kind
        self._stream: anyio.abc.SocketStream | None = None
        self.heard = bytearray()
        self.hung_up = False

    async def run(
        self, pcm: bytes, keys: dict[int, str] | None = None, *, silence_after: bool = True
    ) -> None:
        """Send `pcm`, then silence, until hung up; `keys`: tick → key to press."""
        async with await anyio.connect_tcp("127.0.0.1", self._port) as stream:
            self._stream = stream
            await stream.send(message(0x01, self._identity.bytes))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, stream, tasks.cancel_scope)
                try:
                    await self._speak(stream, pcm, keys or {}, silence_after=silence_after)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    self.hung_up = True
                    return

    async def _speak(
        self, stream: anyio.abc.SocketStream, pcm: bytes, keys: dict[int, str], *, silence_after: bool
    ) -> None:
        size = self._rate // 50 * 2
        tick, deadline = 0, anyio.current_time()
        while silence_after or tick * size < len(pcm):
            piece = pcm[tick * size : (tick + 1) * size].ljust(size, b"\0")
            await stream.send(message(self._kind, piece))
            if tick in keys:
                await stream.send(message(0x03, keys[tick].encode()))
            tick += 1
            deadline += 0.02
            await anyio.sleep_until(deadline)
        await stream.send(message(0x00))

    async def _read(self, stream: anyio.abc.SocketStream, scope: anyio.CancelScope) -> None:
        messages = Messages()
        try:
            async for data in stream:
                for kind, payload in messages.feed(data):
                    if kind == self._kind:
                        self.heard += payload
                    elif kind == 0x00:
                        self.hung_up = True
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.hung_up = True
        self.hung_up = True
        scope.cancel()


class WebSocketPeer:
    """A PBX that forks audio over a WebSocket."""

    def __init__(self, port: int, subprotocol: str, path: str = "/", password: str | None = None) -> None:
        self._uri = f"ws://127.0.0.1:{port}{path}"
        self._subprotocol = subprotocol
        self._headers = {}
        if password is not None:
            self._headers["Authorization"] = "Basic " + b64encode(f"pbx:{password}".encode()).decode()
        self.heard = bytearray()
        self.texts: list[str] = []
        self.closed_with: int | None = None

    async def run(
        self,
        preamble: str | None,
        frames: list[bytes],
        later: dict[int, str] | None = None,
        *,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Send the preamble, then a binary message each 20 ms and `later`'s texts at their ticks; stay until
        closed by us (frames over and `until()`) or by the other side."""
        async with connect(
            self._uri,
            subprotocols=[Subprotocol(self._subprotocol)],
            additional_headers=self._headers,
        ) as socket:
            if preamble is not None:
                await socket.send(preamble)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, socket, tasks.cancel_scope)
                deadline, tick = anyio.current_time(), 0
                silence = bytes(len(frames[0])) if frames else b""
                while not (tick >= len(frames) and until()):
                    frame = frames[tick] if tick < len(frames) else silence
                    if frame:
                        await socket.send(frame)
                    if later and tick in later:
                        await socket.send(later[tick])
                    tick += 1
                    deadline += 0.02
                    await anyio.sleep_until(deadline)
                tasks.cancel_scope.cancel()

    async def _read(self, socket: ClientConnection, scope: anyio.CancelScope) -> None:
        async for said in socket:
            if isinstance(said, bytes):
                self.heard += said
            else:
                self.texts.append(said)
                self._play(said)
        self.closed_with = socket.close_code
        scope.cancel()

    def _play(self, text: str) -> None:
        """What mod_audio_fork does with `playAudio`."""
        try:
            said: dict[str, Any] = json.loads(text)
        except ValueError:
            return
        if said.get("type") == "playAudio":
            self.heard += b64decode(said["data"]["audioContent"])


def frames(pcm: bytes, rate: int) -> list[bytes]:
    """20 ms pieces of s16le."""
    size = rate // 50 * 2
    return [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]


def law_frames(pcm: bytes, law: g711.Codec) -> list[bytes]:
    """20 ms pieces of G.711 of s16le at 8 kHz."""
    coded = g711.encode(np.frombuffer(pcm, "<i2"), law)
    return [coded[at : at + 160] for at in range(0, len(coded), 160)]
