"""SIP messages: bytes in, `Request` or `Response` out, and back (RFC 3261 §7, §25)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hotline.gateway.sip.grammar import TOKEN, NameAddr, SipSyntaxError, SipUri, Via, split_outside

__all__ = [
    "BadMessage", "Head", "Headers", "Message", "Request", "Response", "SipSyntaxError",
    "canonical", "content_length", "make_request", "make_response", "parse",
]  # fmt: skip

MAX_MESSAGE = 65_535
"""Bytes of a whole message."""
MAX_BODY = 32_768
"""Bytes of a body."""
MAX_HEADERS = 200
MAX_LINE = 8_192
"""Characters of one header after unfolding."""

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "e": "Content-Encoding", "f": "From",
    "i": "Call-ID", "k": "Supported", "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
}  # fmt: skip
_KNOWN = {
    name.lower(): name
    for name in (
        *_COMPACT.values(), "Accept", "Allow", "Authorization", "CSeq", "Expires", "Max-Forwards",
        "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "Reason", "Record-Route", "Require",
        "Retry-After", "Route", "RSeq", "RAck", "Min-SE", "Replaces", "Path", "Refer-Sub", "Service-Route",
        "Subscription-State", "Min-Expires", "Timestamp", "Server", "Unsupported", "User-Agent",
        "WWW-Authenticate", "Warning",
    )
}  # fmt: skip
_EXPLODED = frozenset({"Via", "Route", "Record-Route", "Contact", "Path"})
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type")
_REQUEST_LINE = re.compile(r"^([^ \t]+) ([^ \t]+) (SIP/[0-9]+\.[0-9]+)\Z", re.IGNORECASE)
_STATUS_LINE = re.compile(r"^SIP/2\.0 ([0-9]{3})(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_CSEQ = re.compile(r"^([0-9]{1,20})\s+(\S+)\Z")
_CALL_ID = re.compile(r"^[\x21-\x7e]+\Z")
_CONTROL = re.compile(r"(?<!\\)[\x00-\x08\x0e-\x1f\x7f]|[\x0a-\x0d]")
"""Control characters other than TAB; a quoted-pair may hold any but line ends (RFC 3261 §25.1)."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in order, names in their canonical spelling, one value a field for address lists."""

    items: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        return next((value for key, value in self.items if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every field's value as it stands."""
        return tuple(value for key, value in self.items if key == name)

    def tokens(self, name: str) -> tuple[str, ...]:
        """Elements of comma-separated fields such as Require; empty ones are left out."""
        return tuple(part for value in self.all(name) for part in split_outside(value, ",") if part)

    def with_(self, name: str, *values: str) -> "Headers":
        """With the fields of that name replaced, in place of the first (or at the end)."""
        kept: list[tuple[str, str]] = []
        fresh = [(name, value) for value in values]
        for item in self.items:
            if item[0] != name:
                kept.append(item)
            else:
                kept.extend(fresh)
                fresh = []
        return Headers((*kept, *fresh))


@dataclass(frozen=True, slots=True)
class Head:
    """The fields every message must have, read."""

    via: Via
    call_id: str
    from_tag: str | None
    to_tag: str | None
    cseq: int
    method: str
    """Method named in CSeq."""


@dataclass(frozen=True, slots=True)
class Request:
    """A SIP request."""

    method: str
    uri: str
    headers: Headers
    head: Head
    body: bytes = b""

    def stamped(self, host: str, port: int) -> "Request":
        """With the top Via saying where the request really came from."""
        via = self.head.via.stamped(host, port)
        headers = self.headers.with_("Via", str(via), *self.headers.all("Via")[1:])
        return replace(self, headers=headers, head=replace(self.head, via=via))

    def encode(self) -> bytes:
        """Bytes for the wire."""
        return _encode(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """A SIP response."""

    status: int
    reason: str
    headers: Headers
    head: Head
    body: bytes = b""

    def encode(self) -> bytes:
        """Bytes for the wire."""
        return _encode(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


class BadMessage(SipSyntaxError):
    """A message that cannot be acted upon. `request` is set when enough was read to answer it."""

    def __init__(self, detail: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(detail, status)
        self.request = request


def parse(data: bytes, *, stream: bool = False) -> Message:
    """Read one message of at most `MAX_MESSAGE` bytes.

    `stream` says that the framing already came from Content-Length; in a datagram, bytes beyond it are
    ignored (RFC 3261 §18.3). Raises `BadMessage` and nothing else.
    """
    if len(data) > MAX_MESSAGE:
        raise BadMessage("message too large", 513)
    head, body = _cut(data)
    lines = _unfold(head)
    try:
        items = _fields(lines[1:])
    except SipSyntaxError as error:
        raise BadMessage(str(error), error.status) from error
    headers = Headers(tuple(items))
    if lines[0][:4].upper() == "SIP/":
        return _response(lines[0], headers, body)
    return _request(lines[0], headers, body, stream=stream)


def make_request(method: str, uri: str, fields: Iterable[tuple[str, str]], body: bytes = b"") -> Request:
    """Build a request from its fields. Raises `SipSyntaxError` when a required one is missing or wrong."""
    headers = Headers(tuple(fields))
    return Request(method, uri, headers, _head(headers), body)


def make_response(
    request: Request,
    status: int,
    reason: str,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    to_tag: str | None = None,
) -> Response:
    """Answer a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq are copied; a To tag is added."""
    copied = [("Via", value) for value in request.headers.all("Via")]
    copied += [("From", value) for value in request.headers.all("From")[:1]]
    to = request.headers.get("To")
    if to is not None:
        tagged = request.head.to_tag is None and to_tag is not None
        copied.append(("To", f"{to};tag={to_tag}" if tagged else to))
    copied += [(name, value) for name in ("Call-ID", "CSeq") for value in request.headers.all(name)[:1]]
    head = replace(request.head, to_tag=request.head.to_tag or to_tag)
    return Response(status, reason, Headers((*copied, *fields)), head, body)


def canonical(name: str) -> str:
    """The usual spelling of a field name, compact forms expanded; unknown names as they are."""
    lower = name.lower()
    return _COMPACT.get(lower) or _KNOWN.get(lower, name)


def _encode(start: str, headers: Headers, body: bytes) -> bytes:
    lines = [start]
    lines += [f"{name}: {value}" for name, value in headers.items if name != "Content-Length"]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def _cut(data: bytes) -> tuple[str, bytes]:
    data = data.lstrip(b"\r\n")  # RFC 3261 §7.5: empty lines before the start line are ignored
    found = re.search(rb"\r?\n\r?\n", data)
    head, body = (data, b"") if found is None else (data[: found.start()], data[found.end() :])
    return head.decode("utf-8", "surrogateescape"), body


def _unfold(text: str) -> list[str]:
    lines: list[str] = []
    for line in re.split(r"\r?\n", text):
        if line[:1] in {" ", "\t"} and len(lines) > 1:
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
        if len(lines[-1]) > MAX_LINE or len(lines) > MAX_HEADERS:
            raise BadMessage("too many or too long header lines", 513)
    if not lines[0]:
        raise BadMessage("empty message")
    return lines


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    items: list[tuple[str, str]] = []
    for line in lines:
        if not line:
            continue
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or not TOKEN.match(name) or _CONTROL.search(value):
            raise SipSyntaxError("bad header line")
        name, value = canonical(name), value.strip()
        if name in _EXPLODED:
            items += [(name, part) for part in _explode(name, value)]
        else:
            items.append((name, value))
        if len(items) > MAX_HEADERS:
            raise SipSyntaxError("too many headers", 513)
    return items


def _explode(name: str, value: str) -> list[str]:
    """One element a field; a list that cannot be split is kept whole, to be judged where it is used."""
    try:
        parts = split_outside(value, ",")
    except SipSyntaxError:
        return [value]
    return parts if name == "Via" else [part for part in parts if part]


def _request(line: str, headers: Headers, body: bytes, *, stream: bool) -> Request:
    method = line.split(" ", 1)[0]
    try:
        found = _REQUEST_LINE.match(line)
        if found is None or not TOKEN.match(found[1]):
            raise SipSyntaxError("bad request line")
        if found[3].upper() != "SIP/2.0":
            raise SipSyntaxError("unknown SIP version", 505)
        head = _head(headers)
        if head.method != method:
            raise SipSyntaxError("CSeq names another method")
        SipUri.parse(found[2])
        return Request(method, found[2], headers, head, _body(headers, body, stream=stream))
    except SipSyntaxError as error:
        raise BadMessage(str(error), error.status, _answerable(method, headers)) from error


def _response(line: str, headers: Headers, body: bytes) -> Response:
    found = _STATUS_LINE.match(line)
    if found is None or not 100 <= int(found[1]) <= 699:
        raise BadMessage("bad status line")
    try:
        return Response(
            int(found[1]), found[2] or "", headers, _head(headers), _body(headers, body, stream=False)
        )
    except SipSyntaxError as error:
        raise BadMessage(str(error), error.status) from error


def _answerable(method: str, headers: Headers) -> Request | None:
    """A request only good for copying its fields into an error response; None when it names no Via."""
    if method == "ACK" or not headers.get("Via") or not headers.get("CSeq"):
        return None
    try:
        tag = NameAddr.parse(headers.get("To") or "").tag
    except SipSyntaxError:
        tag = None
    via = Via("UDP", "unread.invalid", None, ())
    return Request(method, "", headers, Head(via, "", None, tag, 0, method))


def _head(headers: Headers) -> Head:
    for name in _SINGLE:
        if len(headers.all(name)) > 1:
            raise SipSyntaxError(f"more than one {name}")
    vias = [Via.parse(value) for value in headers.all("Via")]
    if not vias:
        raise SipSyntaxError("no Via")
    call_id = headers.get("Call-ID") or ""
    if not _CALL_ID.match(call_id):
        raise SipSyntaxError("no or bad Call-ID")
    cseq = _CSEQ.match(headers.get("CSeq") or "")
    if cseq is None or int(cseq[1]) >= 2**31:
        raise SipSyntaxError("no or bad CSeq")
    sender, receiver = (NameAddr.parse(headers.get(name) or "") for name in ("From", "To"))
    for address in (sender, receiver):
        SipUri.parse(address.uri)
    forwards = headers.get("Max-Forwards")
    if forwards is not None and not (forwards.isascii() and forwards.isdigit() and int(forwards[:9]) <= 255):
        raise SipSyntaxError("bad Max-Forwards")
    return Head(vias[0], call_id, sender.tag, receiver.tag, int(cseq[1]), cseq[2])


def content_length(headers: Headers) -> int | None:
    """The announced body length; None when not announced. Raises `SipSyntaxError` when it is no number."""
    values = set(headers.all("Content-Length"))
    if not values:
        return None
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise SipSyntaxError("bad Content-Length")
    return int(value)


def _body(headers: Headers, body: bytes, *, stream: bool) -> bytes:
    length = content_length(headers)
    if length is None:
        if stream and body:
            raise SipSyntaxError("no Content-Length on a stream")
        length = len(body)
    if length > MAX_BODY:
        raise SipSyntaxError("body too large", 413)
    if length > len(body):
        raise SipSyntaxError("body shorter than Content-Length")
    return body[:length]
