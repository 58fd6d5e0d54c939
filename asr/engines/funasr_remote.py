"""A FunASR server asked over its WebSocket protocol: modes 2pass, online and offline.

Protocol: FunASR `runtime/docs/websocket_protocol.md`. A connection carries one utterance: a JSON message that
opens it, PCM in messages of `60 * chunk_size[1] / chunk_interval` ms, then `{"is_speaking": false}`. What the
replies mean is in `asr/funasr_protocol.py`.
"""

import json
import socket
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Segment
from asr.errors import EngineFailed
from asr.funasr_protocol import Replies, inside, most_characters, read_hotwords
from asr.registry import EngineOptions
from asr.remote import Broken, Deadline, checked_url, tls_context
from asr.transcript import Hypothesis

LONGEST_REPLY = 1 << 20
"""Bytes of one message from the server."""
MOST_REPLIES = 5_000
MOST_AUDIO = 60 * SAMPLE_RATE * BYTES_PER_SAMPLE
"""Bytes kept of an utterance, to send it again on another connection; the line's utterances are shorter."""
SERVER_STEP = 1_600
"""The runtime takes sound in steps of 50 ms and gives no last reply when nothing is left for the end."""


class FunasrOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["funasr_remote"] = "funasr_remote"
    url: str = "wss://127.0.0.1:10095/"
    mode: Literal["2pass", "online", "offline"] = "2pass"
    server: Literal["runtime", "python"] = "runtime"
    """`runtime`, the C++ server, marks its last reply with `is_final`; the Python one means something else by
    it, and ends with `is_end` (newer ones) or by saying nothing for `settle_s`."""
    settle_s: float = Field(default=1.0, ge=0.1, le=10)
    chunk_size: tuple[int, int, int] = (5, 10, 5)
    """Look-back, step and look-ahead of the streaming model, each in 60 ms."""
    chunk_interval: int = Field(default=10, ge=1, le=100)
    """Messages a step is sent in."""
    itn: bool = True
    """Numbers as digits."""
    hotwords: Path | None = None
    """A file with a hot word and its weight (1 to 100) a line."""
    connections: int = Field(default=4, ge=1, le=32)
    """Utterances asked at once."""
    tries: int = Field(default=3, ge=1, le=5)
    seconds: float = Field(default=12.0, ge=1, le=120)
    """Longest time for a batch; a second more for each second of its longest utterance."""
    connect_s: float = Field(default=3.0, ge=0.2, le=30)
    ca: Path | None = None
    """Certificates that may sign the server's (PEM); default: what the system trusts."""
    verify: bool = True
    """Check the server's certificate."""
    clear: bool = False
    """Allow `ws://` beyond loopback."""


class FunasrEngine:
    """Asks the server; connects when there is something to ask, so the line starts without it."""

    def __init__(self, options: FunasrOptions) -> None:
        """Check the options. Raises `EngineFailed`."""
        url = checked_url("funasr", options.url, ("wss", "ws"), clear=options.clear)
        if min(options.chunk_size) < 0 or options.chunk_size[1] < 1:
            raise EngineFailed("funasr: chunk_size: three numbers, the middle one at least 1")
        self.options = options
        self.tls = tls_context("funasr", options.ca, verify=options.verify) if url[:4] == "wss:" else None
        self.hotwords = read_hotwords(options.hotwords)
        self._names = count(1)

    def open(self) -> "FunasrSession":
        """Start an utterance."""
        return FunasrSession(self, self.options.mode, next(self._names))

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read ended utterances, several at once. Raises `EngineFailed`."""
        return self._read(segments, self.options.mode)

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same without the second pass."""
        mode = self.options.mode
        found = self._read(segments, "online" if mode == "2pass" else mode)
        return [replace(each, words=()) for each in found]

    def _read(self, segments: Sequence[Segment], mode: str) -> list[Hypothesis]:
        if not segments:
            return []
        longest = max(each.end - each.start for each in segments) / SAMPLE_RATE
        deadline = Deadline.after(self.options.seconds + longest)
        with ThreadPoolExecutor(min(len(segments), self.options.connections)) as threads:
            return list(threads.map(lambda segment: self._one(segment, mode, deadline), segments))

    def _one(self, segment: Segment, mode: str, deadline: Deadline) -> Hypothesis:
        session = FunasrSession(self, mode, next(self._names))
        session.keep(segment.pcm)
        found = session.finish(deadline)
        words = tuple(
            replace(word, start=word.start + segment.start, end=word.end + segment.start)
            for word in found.words
        )
        return replace(found, words=words)


class FunasrSession:
    """One utterance. Its audio is kept, so that a lost connection costs time and no words."""

    def __init__(self, engine: FunasrEngine, mode: str, number: int) -> None:
        self._engine, self._mode, self._name = engine, mode, f"u{number}"
        self._pcm = bytearray()
        self._sent = 0
        self._held = ExitStack()
        self._connection: Any = None
        self._replies = Replies(self._name)
        self._told = ""
        self._failures = self._heard = 0

    def keep(self, pcm: bytes) -> None:
        """Take audio without sending it yet. Raises `EngineFailed` when it is more than a minute."""
        self._pcm += pcm
        if len(self._pcm) > MOST_AUDIO:
            self._hang_up()
            raise EngineFailed("funasr: the utterance is longer than a minute")

    def feed(self, pcm: bytes) -> Hypothesis | None:
        """Take audio; the hypothesis for the utterance so far, or None when unchanged.

        A server that is away does not matter yet: everything is sent again at the end. Raises `EngineFailed`
        for an utterance of more than a minute.
        """
        self.keep(pcm)
        if self._failures:
            return None
        try:
            self._send(self._whole_messages())
            self._hear()
        except Broken:
            self._failures += 1
            self._hang_up()
            return None
        if self._replies.text == self._told:
            return None
        self._told = self._replies.text
        return Hypothesis(self._told)

    def finish(self, deadline: Deadline | None = None) -> Hypothesis:
        """The last hypothesis, with times from the utterance's first sample. Raises `EngineFailed`."""
        if not self._pcm:
            return Hypothesis("")
        options = self._engine.options
        deadline = deadline or Deadline.after(options.seconds)
        reason = "no time left"
        for attempt in range(options.tries):
            try:
                return self._ended(deadline)
            except Broken as error:
                reason = str(error)
                self._hang_up()
            if attempt + 1 == options.tries or not deadline.rest(attempt):
                break
        raise EngineFailed(f"funasr: {reason}")

    def _ended(self, deadline: Deadline) -> Hypothesis:
        self._send(len(self._pcm), deadline)
        if len(self._pcm) % SERVER_STEP == 0:
            self._give(bytes(2 * BYTES_PER_SAMPLE))
        self._replies.ended = False  # nothing that came before this can have been the end
        settles = self._engine.options.server == "python"
        # newer Python servers acknowledge `is_end`, older ones and the runtime do not know it
        self._give(json.dumps({"is_speaking": False, "is_end": True} if settles else {"is_speaking": False}))
        while not self._replies.ended:
            wait = min(deadline.left, self._engine.options.settle_s) if settles else deadline.left
            if self._hear_one(wait):
                continue
            if settles and deadline.left > 0:
                break
            raise Broken("no answer in time")
        self._hang_up()
        words = inside(self._replies.words, len(self._pcm) // BYTES_PER_SAMPLE)
        return Hypothesis(self._replies.text.strip(), () if self._replies.passing else words)

    # -- the connection -----------------------------------------------------------------------------------

    def _step(self) -> int:
        """Bytes of a message: `60 * chunk_size[1] / chunk_interval` ms."""
        options = self._engine.options
        ms = 60 * options.chunk_size[1] / options.chunk_interval
        return max(1, int(ms * SAMPLE_RATE / 1_000)) * BYTES_PER_SAMPLE

    def _whole_messages(self) -> int:
        return len(self._pcm) // self._step() * self._step()

    def _send(self, until: int, deadline: Deadline | None = None) -> None:
        """Send what is kept up to a byte, on a new connection when there is none."""
        if self._connection is None:
            self._connect(deadline)
        step = self._step()
        while self._sent < until:
            if deadline is not None and not deadline.left:
                raise Broken("no answer in time")
            end = min(self._sent + step, until)
            self._give(bytes(self._pcm[self._sent : end]))
            self._sent = end
            self._hear()

    def _connect(self, deadline: Deadline | None) -> None:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        options = self._engine.options
        patience = options.connect_s if deadline is None else min(options.connect_s, deadline.left)
        self._sent, self._heard, self._replies = 0, 0, Replies(self._name)
        try:
            opening = connect(
                options.url,
                ssl=self._engine.tls,
                open_timeout=max(0.05, patience),
                close_timeout=0.2,
                ping_interval=None,
                compression=None,
                max_size=LONGEST_REPLY,
                proxy=None,
                subprotocols=[Subprotocol("binary")],  # as FunASR's own client asks
            )
            self._connection = self._held.enter_context(opening)
        except (OSError, WebSocketException, TimeoutError) as error:
            raise Broken(f"the server cannot be reached ({type(error).__name__})") from error
        # a server that stops reading must not hold us: the system gives a write up after that time
        limit = struct.pack("ll", max(1, int(options.connect_s)), 0)
        self._connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._give(json.dumps(self._opening(), ensure_ascii=False))

    def _opening(self) -> dict[str, Any]:
        options = self._engine.options
        return {
            "mode": self._mode,
            "wav_name": self._name,
            "wav_format": "pcm",
            "audio_fs": SAMPLE_RATE,
            "is_speaking": True,
            "chunk_size": list(options.chunk_size),
            "chunk_interval": options.chunk_interval,
            "hotwords": self._engine.hotwords,
            "itn": options.itn,
        }

    def _give(self, message: str | bytes) -> None:
        from websockets.exceptions import WebSocketException

        try:
            self._connection.send(message)
        except (OSError, WebSocketException) as error:
            raise Broken("the connection was lost") from error

    def _hear(self) -> None:
        """Read what is there: a server whose replies nobody takes would stop reading."""
        while self._hear_one(0.0):
            pass

    def _hear_one(self, wait: float) -> bool:
        """Read one message, waiting for it at most so long; False when none came."""
        from websockets.exceptions import WebSocketException

        try:
            message = self._connection.recv(timeout=wait)
        except TimeoutError:
            return False
        except (OSError, WebSocketException, UnicodeDecodeError) as error:
            raise Broken("the connection was lost") from error
        self._heard += 1
        if self._heard > MOST_REPLIES:
            raise Broken("too many replies")
        self._replies.most = most_characters(len(self._pcm) // BYTES_PER_SAMPLE)
        self._replies.take(message, final_ends=self._engine.options.server == "runtime")
        return True

    def _hang_up(self) -> None:
        self._connection = None
        self._held.close()


OPTIONS = FunasrOptions


def make(options: FunasrOptions, folder: Path, threads: int) -> FunasrEngine:
    """The engine; it has no weights here. Raises `EngineFailed` for options that cannot be."""
    del folder, threads
    return FunasrEngine(options)
