"""A FunASR server after its protocol document, which hears loudness, and can be told to behave badly.

Written from FunASR `runtime/docs/websocket_protocol.md` and from what its C++ and Python servers are known to
do with `is_final`. What a client sends against the protocol is noted in `wrong`.
"""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

SAID = "老板拖欠工资"
WINDOW = 960
"""Samples (60 ms) judged at a time; three loud ones are a character."""


@dataclass
class FunasrServer:
    """How it behaves, and what it has seen."""

    style: str = "runtime"
    """`runtime` (C++), `python`, or `old python`, which does not tell the end."""
    punctuates: bool = False
    behaviours: list[str] = field(default_factory=list)
    """One for each connection, in order; afterwards it behaves."""
    port: int = 0
    connections: int = 0
    openings: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    tls: bool = False

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/"

    def answer(self, connection: ServerConnection) -> None:
        """One connection: one utterance."""
        number, self.connections = self.connections, self.connections + 1
        behaviour = self.behaviours[number] if number < len(self.behaviours) else ""
        try:
            Utterance(self, connection, behaviour).run()
        except ConnectionClosed:
            return


class Utterance:
    """One connection's talk."""

    def __init__(self, server: FunasrServer, connection: ServerConnection, behaviour: str) -> None:
        self.server, self.connection, self.behaviour = server, connection, behaviour
        self.head: dict[str, Any] = {}
        self.pcm = bytearray()
        self.told = 0

    def run(self) -> None:
        if self.behaviour == "stuck":
            time.sleep(3)
            return
        for message in self.connection:
            if isinstance(message, bytes):
                self.sound(message)
            elif not self.head:
                self.opening(json.loads(message))
            else:
                self.end(json.loads(message))
            if self.behaviour == "drop" and len(self.pcm) > 20_000:
                self.connection.socket.close()
                return

    def opening(self, head: dict[str, Any]) -> None:
        self.head = head
        self.server.openings.append(head)
        wanted = {
            "mode": str,
            "wav_name": str,
            "wav_format": str,
            "is_speaking": bool,
            "chunk_size": list,
            "chunk_interval": int,
            "audio_fs": int,
            "hotwords": str,
            "itn": bool,
        }
        for key, kind in wanted.items():
            if not isinstance(head.get(key), kind):
                self.server.wrong.append(f"{key} is {head.get(key)!r}")
        if head.get("is_speaking") is not True:
            self.server.wrong.append("the opening does not say is_speaking")
        if head.get("hotwords"):
            json.loads(head["hotwords"])
        self.misbehave()

    def misbehave(self) -> None:
        name = self.head["wav_name"]
        nonsense: dict[str, list[Any]] = {
            "garbage": ["{not json"],
            "list": [json.dumps([1, 2])],
            "binary": [b"\xff\xfe\x00"],
            "types": [json.dumps({"mode": "2pass-offline", "wav_name": name, "text": 7})],
            "deep": ["[" * 100_000],
            "long": [json.dumps({"mode": "2pass-online", "wav_name": name, "text": "啊" * 5_000})],
            "huge": ["x" * (2 << 20)],
            "other": [
                json.dumps(
                    {"mode": "2pass-offline", "wav_name": "someone", "text": "别人的话", "is_final": True}
                )
            ],
            "early": [json.dumps({"mode": "", "wav_name": name, "text": "", "is_final": True})],
            "unknown": [json.dumps({"mode": "new-kind", "wav_name": name, "text": "不算", "extra": {}})],
            "badtimes": [],
        }
        for message in nonsense.get(self.behaviour, ()):
            self.connection.send(message)

    def sound(self, pcm: bytes) -> None:
        if not self.head:
            self.server.wrong.append("sound before the opening")
        self.server.sizes.append(len(pcm))
        self.pcm += pcm
        step = self.head["chunk_size"][1] * WINDOW * 2
        heard = self.characters()
        if self.head["mode"] != "offline" and len(self.pcm) // step > self.told // step:
            self.tell("online", "".join(text for text, _, _ in heard[self.count_told :]), final=False)
            self.count_told = len(heard)
            self.told = len(self.pcm)

    count_told = 0

    def end(self, message: dict[str, Any]) -> None:
        if message.get("is_speaking") is not False:
            self.server.wrong.append("a second opening")
        if self.behaviour == "silent":
            time.sleep(2)
            return
        if self.behaviour == "slow":
            time.sleep(0.4)
        heard = self.characters()
        text = "".join(each for each, _, _ in heard)
        stamps: Any = json.dumps([[start, end] for _, start, end in heard])
        if self.behaviour == "badtimes":
            stamps = json.dumps([[-5, "x"], None])
        if self.server.punctuates and text:
            text = text[:2] + "，" + text[2:] + "。"
        if self.head["mode"] == "online":
            self.tell("online", text[self.count_told :], final=True)
        elif self.server.style == "runtime" or text:
            self.tell("offline", text, final=True, timestamp=stamps)
        if self.server.style == "python" and message.get("is_end"):
            self.connection.send(
                json.dumps({"wav_name": self.head["wav_name"], "is_final": True, "is_end": True})
            )

    def tell(self, kind: str, text: str, *, final: bool, **more: Any) -> None:
        mode = self.head["mode"] if self.head["mode"] != "2pass" else f"2pass-{kind}"
        said = {"mode": mode, "wav_name": self.head["wav_name"], "text": text, "is_final": final, **more}
        if self.server.style != "runtime":
            said["is_final"] = not final  # it says whether the speaker is still speaking
            said.pop("timestamp", None)
            if not text:
                return
        elif not text:
            if not final:
                return
            said.pop("mode")
        self.connection.send(json.dumps(said, ensure_ascii=False))

    def characters(self) -> list[tuple[str, int, int]]:
        """Each with its start and end in ms."""
        samples = np.frombuffer(bytes(self.pcm[: len(self.pcm) // 2 * 2]), "<i2").astype(np.float64)
        found: list[tuple[str, int, int]] = []
        loud: list[int] = []
        for window in range(len(samples) // WINDOW):
            if np.abs(samples[window * WINDOW : (window + 1) * WINDOW]).mean() > 300:
                loud.append(window)
                if len(loud) % 3 == 0:
                    found.append((SAID[len(found) % len(SAID)], loud[-3] * 60, window * 60 + 60))
        return found


@contextmanager
def funasr_server(context: ssl.SSLContext | None = None, **how: Any) -> Iterator[FunasrServer]:
    """A server on a free port of loopback."""
    told = FunasrServer(**how, tls=context is not None)
    with serve(
        told.answer,
        "127.0.0.1",
        0,
        ssl=context,
        subprotocols=[Subprotocol("binary")],
        compression=None,
        max_size=4 << 20,
        close_timeout=0.2,
    ) as server:
        told.port = port_of(server)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join(5)


def port_of(server: Server) -> int:
    return int(server.socket.getsockname()[1])
