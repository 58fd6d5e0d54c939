"""SIP over a byte stream: cuts messages out by Content-Length (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

import re

from hotline.gateway.sip.message import MAX_BODY, MAX_MESSAGE, BadMessage

PONG = b"\r\n"
_LEAST_BEGUN = 3
"""Empty lines alone are never kept beyond this: less than a ping."""
_PINGS = re.compile(rb"(?:\r\n\r\n)+")
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:(?:[ \t]|\r?\n[ \t])*([0-9]{1,9})[ \t]*\r?$")


class StreamParser:
    """Collects bytes of one connection and yields whole messages, as bytes for `message.parse`.

    Holds at most `MAX_MESSAGE` bytes beyond what one `add` brings, when all that is whole is taken. After
    `BadMessage` the stream has lost its framing and must be closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._sought = 0
        """Bytes in which no end of the headers is: a message that comes byte by byte is not read anew each
        time."""
        self._whole: int | None = None
        """Length of the message that has begun, once its headers are here."""
        self.pings = 0
        """Keep-alive pings (double CRLF) seen since last asked; the owner answers each with `PONG`."""

    @property
    def begun(self) -> bool:
        """A message has begun and is not whole."""
        return len(self._buffer) > _LEAST_BEGUN or bool(self._buffer.strip(b"\r\n"))

    def add(self, data: bytes) -> None:
        """What has come."""
        self._buffer += data

    def take(self) -> bytes | None:
        """The next message, when it is whole. Raises `BadMessage`."""
        buffer = self._buffer
        if self._whole is None:
            self._skip_empty_lines()
            self._whole = self._measure()
        if self._whole is None or len(buffer) < self._whole:
            return None
        message = bytes(buffer[: self._whole])
        del buffer[: self._whole]
        self._sought, self._whole = 0, None
        return message

    def _measure(self) -> int | None:
        """How long the message is, when its headers are here."""
        buffer = self._buffer
        if buffer.startswith((b"\r", b"\n")):
            return None
        end = _END.search(buffer, max(0, self._sought - 3), MAX_MESSAGE)
        if end is None:
            if len(buffer) > MAX_MESSAGE - MAX_BODY:
                raise BadMessage("headers too large", 513)
            self._sought = len(buffer)
            return None
        lengths = {int(value) for value in _LENGTH.findall(buffer, 0, end.start() + 1)}
        if len(lengths) > 1:
            raise BadMessage("two Content-Lengths")
        length = lengths.pop() if lengths else 0
        if length > MAX_BODY:
            raise BadMessage("body too large", 413)
        return end.end() + length

    def _skip_empty_lines(self) -> None:
        buffer = self._buffer
        if (pings := _PINGS.match(buffer)) is not None:
            self.pings += len(pings[0]) // 4
            del buffer[: pings.end()]
        if not buffer.startswith((b"\r", b"\n")):
            return
        # A lone CRLF is a pong, or half of a ping: it is kept until the next bytes tell.
        rest = len(buffer.lstrip(b"\r\n")) or min(len(buffer), _LEAST_BEGUN)
        del buffer[: len(buffer) - rest]
        self._sought = 0
