"""SIP over a byte stream: cuts messages out by Content-Length (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

import re

from hotline.gateway.sip.message import MAX_BODY, MAX_MESSAGE, BadMessage

PONG = b"\r\n"
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:(?:[ \t]|\r?\n[ \t])*([0-9]{1,9})[ \t]*\r?$")


class StreamParser:
    """Collects bytes of one connection and yields whole messages, as bytes for `message.parse`.

    Holds at most `MAX_MESSAGE` bytes beyond what one `feed` brings. After `BadMessage` the stream has lost
    its framing and must be closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.pings = 0
        """Keep-alive pings (double CRLF) seen since last asked; the owner answers each with `PONG`."""

    @property
    def begun(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and take out the messages that are complete. Raises `BadMessage`."""
        self._buffer += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        self._skip_empty_lines()
        end = _END.search(self._buffer, 0, MAX_MESSAGE)
        if end is None:
            if len(self._buffer) > MAX_MESSAGE - MAX_BODY:
                raise BadMessage("headers too large", 513)
            return None
        lengths = {int(value) for value in _LENGTH.findall(self._buffer, 0, end.start() + 1)}
        if len(lengths) > 1:
            raise BadMessage("two Content-Lengths")
        length = lengths.pop() if lengths else 0
        if length > MAX_BODY:
            raise BadMessage("body too large", 413)
        if len(self._buffer) < end.end() + length:
            return None
        message = bytes(self._buffer[: end.end() + length])
        del self._buffer[: end.end() + length]
        return message

    def _skip_empty_lines(self) -> None:
        while self._buffer.startswith(b"\r\n\r\n"):
            del self._buffer[:4]
            self.pings += 1
        # A lone CRLF is a pong, or half of a ping: it is kept until the next bytes tell.
        if (
            self._buffer.startswith((b"\r", b"\n"))
            and len(self._buffer) > 2
            and bytes(self._buffer[2:3]) not in b"\r\n"
        ):
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))]
