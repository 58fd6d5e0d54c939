"""A server with OpenAI's transcription endpoint, which hears loudness, and can be told to behave badly."""

import io
import json
import ssl
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

SAID = "老板拖欠工资"
WINDOW = 2_880
"""Samples (180 ms) of sound that are a character."""


@dataclass
class OpenAiServer:
    """How it behaves, and what it has seen."""

    key: str = ""
    behaviours: list[str] = field(default_factory=list)
    """One for each request, in order; afterwards it behaves."""
    port: int = 0
    tls: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1/audio/transcriptions"

    def turn(self) -> str:
        with self.lock:
            number = len(self.authorizations)
            return self.behaviours[number] if number < len(self.behaviours) else ""


def answering(server: OpenAiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the library's
            del format, args

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            behaviour = server.turn()
            with server.lock:
                server.authorizations.append(self.headers.get("Authorization"))
            if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
                self.reply(401, {"error": {"message": f"wrong key {self.headers.get('Authorization')}"}})
                return
            fields, sound = parts(self.headers["Content-Type"], body)
            server.requests.append(fields)
            self.behave(behaviour, transcript(sound, fields))

        def behave(self, behaviour: str, said: dict[str, Any]) -> None:
            code, _, wait = behaviour.partition("/")
            if code.isdigit():
                self.reply(int(code), {"error": {"message": said["text"]}}, wait)
            elif behaviour == "drop":
                self.close_connection = True
                self.connection.shutdown(2)
            else:
                time.sleep(2.0 if behaviour == "slow" else 0.0)
                self.reply(200, ODD.get(behaviour, said))

        def reply(self, status: int, said: Any, wait: str = "") -> None:
            body = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            if wait:
                self.send_header("Retry-After", wait)
            self.end_headers()
            self.wfile.write(body)

    return Handler


ODD: dict[str, Any] = {
    "garbage": b"{not json",
    "list": [1, 2],
    "no text": {"transcript": "别人的话"},
    "types": {"text": 7},
    "long": {"text": "啊" * 5_000},
    "huge": b" " * (2 << 20),
    "deep": b"[" * 100_000,
    "latin": b"\xff\xfe\x00",
}


def parts(content_type: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """A multipart form's fields, and its file."""
    whole = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    sound = b""
    for part in whole.walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if name == "file" and isinstance(payload, bytes):
            sound, fields["filename"] = payload, str(part.get_filename())
        elif name and isinstance(payload, bytes):
            fields[str(name)] = payload.decode()
    return fields, sound


def transcript(sound: bytes, fields: dict[str, str]) -> dict[str, Any]:
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    places = [
        window
        for window in range(len(samples) // WINDOW)
        if np.abs(samples[window * WINDOW : (window + 1) * WINDOW]).mean() > 300
    ]
    letters = [SAID[n % len(SAID)] for n in range(len(places))]
    said: dict[str, Any] = {"text": "".join(letters)}
    if fields["response_format"] == "verbose_json":
        said |= {"language": "zh", "duration": str(len(samples) / 16_000)}
        said["segments"] = [
            {
                "id": n,
                "text": letter,
                "start": place * 0.18,
                "end": place * 0.18 + 0.18,
                "avg_logprob": -0.25,
            }
            for n, (letter, place) in enumerate(zip(letters, places, strict=True))
        ]
    return said


class QuietServer(ThreadingHTTPServer):
    """Clients hang up on it, and that is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address


@contextmanager
def openai_server(context: ssl.SSLContext | None = None, **how: Any) -> Iterator[OpenAiServer]:
    """A server on a free port of loopback."""
    told = OpenAiServer(**how, tls=context is not None)
    server = QuietServer(("127.0.0.1", 0), answering(told))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
