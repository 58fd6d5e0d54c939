"""The small grammars inside SIP headers: lists, parameters, URIs, addresses and Via values."""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from hotline.errors import WireError

Params = tuple[tuple[str, str | None], ...]

_WORD = r"[A-Za-z0-9\-.!%*_+`'~]+"
TOKEN = re.compile(rf"^{_WORD}\Z")
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._\-]*[A-Za-z0-9_.])?"
_VIA = re.compile(
    rf"^SIP\s*/\s*({_WORD})\s*/\s*({_WORD})\s+({_HOST})\s*(?::\s*([0-9]{{1,5}}))?\s*(;.*)?\Z", re.DOTALL
)
_HOST_PORT = re.compile(rf"^({_HOST})(?::([0-9]{{1,5}}))?\Z")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*):(.*)\Z", re.DOTALL)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URI_FORBIDDEN = re.compile(r'[\x00-\x20\x7f<>"]')
COOKIE = "z9hG4bK"
"""How every branch made after RFC 3261 begins (§8.1.1.7)."""
MAX_LIST = 100
"""Most elements read of one list or parameter set; more is hostile."""


class SipSyntaxError(WireError):
    """A SIP message or header that cannot be read; `status` is what a request carrying it deserves."""

    code = "hotline.sip_syntax"

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator that is neither in a quoted string nor between angle brackets.

    Raises `SipSyntaxError` when a quote or bracket is left open or there are too many parts.
    """
    if '"' not in text and "<" not in text:
        return _capped([part.strip() for part in text.split(separator)])
    parts: list[str] = []
    start, quoted, angled, escaped = 0, False, False, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angled = char == "<"
        elif char == separator and not angled:
            parts.append(text[start:index].strip())
            start = index + 1
    if quoted or angled:
        raise SipSyntaxError("unbalanced quote or bracket")
    parts.append(text[start:].strip())
    return _capped(parts)


def _capped(parts: list[str]) -> list[str]:
    if len(parts) > MAX_LIST:
        raise SipSyntaxError("too many elements")
    return parts


def parse_params(text: str) -> Params:
    """Read `;a=b;c` (RFC 3261 §25.1 generic-param). Names come back in lower case; values unquoted.

    Raises `SipSyntaxError` for an empty or malformed name.
    """
    found: list[tuple[str, str | None]] = []
    for part in split_outside(text, ";")[1:] if text else []:
        name, equals, value = part.partition("=")
        name = name.strip()
        if not TOKEN.match(name):
            raise SipSyntaxError("bad parameter")
        found.append((name.lower(), unquote_string(value.strip()) if equals else None))
    return tuple(found)


def unquote_string(text: str) -> str:
    """Take the quotes off a quoted-string; anything else is returned as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def param(params: Params, name: str) -> str | None:
    """Value of a parameter; "" for one without value; None when absent."""
    return next((value or "" for key, value in params if key == name), None)


def format_params(params: Params) -> str:
    """`;a=b;c`, quoting values that are no token."""
    return "".join(f";{name}" if value is None else f";{name}={_value(value)}" for name, value in params)


def _value(value: str) -> str:
    if re.match(r"^[A-Za-z0-9\-.!%*_+`'~\[\]:]+\Z", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    port = int(text)
    if not 0 < port < 65_536:
        raise SipSyntaxError("port out of range")
    return port


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip:, sips: or tel: URI (RFC 3261 §19.1, RFC 3966), or one of a foreign scheme kept opaque."""

    scheme: str
    """Lower case."""
    user: str
    """Unescaped user part, without password; the number for tel; "" when absent."""
    host: str
    """Host without port; IPv6 without brackets; "" for tel and foreign schemes."""
    port: int | None = None
    params: Params = ()
    headers: str = ""
    """What follows the question mark."""

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """Read a URI. Raises `SipSyntaxError` when it is malformed."""
        found = _SCHEME.match(text)
        if found is None or _URI_FORBIDDEN.search(text):
            raise SipSyntaxError("bad URI")
        scheme, rest = found[1].lower(), found[2]
        if scheme == "tel":
            number, semicolon, params = rest.partition(";")
            return cls(scheme, re.sub(r"[-.()]", "", number), "", None, parse_params(semicolon + params))
        if scheme not in {"sip", "sips"}:
            return cls(scheme, rest, "")
        return cls._parse_sip(scheme, rest)

    @classmethod
    def _parse_sip(cls, scheme: str, rest: str) -> "SipUri":
        if _BAD_ESCAPE.search(rest):
            raise SipSyntaxError("bad escape in URI")
        userinfo, at, after = rest.rpartition("@") if "@" in rest else ("", "", rest)
        if at and not userinfo:
            raise SipSyntaxError("empty user in URI")
        address, _, headers = after.partition("?")
        address, semicolon, params = address.partition(";")
        found = _HOST_PORT.match(address)
        if found is None:
            raise SipSyntaxError("bad host in URI")
        user = unquote(userinfo.partition(":")[0], errors="surrogateescape")
        host = found[1].strip("[]").lower()
        return cls(scheme, user, host, _port(found[2]), parse_params(semicolon + params), headers)

    @property
    def transport(self) -> str:
        """The transport parameter, lower case; `udp` when there is none (RFC 3263 §4.1)."""
        return (param(self.params, "transport") or "udp").lower()

    def same(self, other: "SipUri") -> bool:
        """Whether both mean one place (RFC 3261 §19.1.4): further parameters count only where both have them.

        Headers are compared as written.
        """
        place = (self.scheme, self.user, self.host, self.port, self.headers)
        if place != (other.scheme, other.user, other.host, other.port, other.headers):
            return False
        ours, theirs = _folded(self.params), _folded(other.params)
        names = (ours.keys() & theirs.keys()) | _ALWAYS_COMPARED
        return all(ours.get(name) == theirs.get(name) for name in names)


_ALWAYS_COMPARED = frozenset({"user", "ttl", "method", "maddr", "transport"})


def _folded(params: Params) -> dict[str, str]:
    return {name.lower(): (value or "").lower() for name, value in params}


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of From, To, Contact, Route or Record-Route."""

    display: str
    uri: str
    """As written, not yet read: use `SipUri.parse`."""
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read `"Name" <uri>;params` or `uri;params`. Raises `SipSyntaxError`."""
        text = text.strip()
        opening = _opening_bracket(text)
        if opening is None:
            uri, semicolon, params = text.partition(";")
            uri = uri.strip()
            if any(char in uri for char in '?,"'):
                raise SipSyntaxError("URI needs angle brackets")
            display = ""
        else:
            closing = text.find(">", opening)
            if closing < 0:
                raise SipSyntaxError("bracket not closed")
            display, uri = text[:opening].strip(), text[opening + 1 : closing].strip()
            semicolon, params = "", text[closing + 1 :].strip()
            if params and not params.startswith(";"):
                raise SipSyntaxError("text after address")
        if _SCHEME.match(uri) is None or _URI_FORBIDDEN.search(uri):
            raise SipSyntaxError("bad address")
        return cls(unquote_string(display), uri, parse_params(semicolon + params))

    @property
    def tag(self) -> str | None:
        """The tag parameter; None when absent or empty."""
        return param(self.params, "tag") or None


def _opening_bracket(text: str) -> int | None:
    """Where the address begins, skipping a quoted display name."""
    if not text.startswith('"'):
        found = text.find("<")
        if '"' in (text if found < 0 else text[:found]):
            raise SipSyntaxError("quote inside display name")
        return None if found < 0 else found
    closing = re.match(r'^"(?:[^"\\]|\\.)*"\s*', text, re.DOTALL)
    if closing is None or not text.startswith("<", closing.end()):
        raise SipSyntaxError("bad quoted display name")
    return closing.end()


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (RFC 3261 §20.42)."""

    transport: str
    """Upper case."""
    host: str
    port: int | None
    params: Params

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one value. Raises `SipSyntaxError`."""
        found = _VIA.match(text.strip())
        if found is None:
            raise SipSyntaxError("bad Via")
        params = parse_params(found[5] or "")
        return cls(found[2].upper(), found[3].lower(), _port(found[4]), params)

    @property
    def branch(self) -> str:
        """The branch, or ""."""
        return param(self.params, "branch") or ""

    def stamped(self, host: str, port: int) -> "Via":
        """With the source it really came from noted (RFC 3261 §18.2.1, RFC 3581 §4)."""
        asked = param(self.params, "rport") is not None
        kept = tuple(item for item in self.params if item[0] not in {"received", "rport"})
        if asked:
            kept += (("rport", str(port)),)
        if asked or self.host.strip("[]") != host:
            kept += (("received", host),)
        return replace(self, params=kept)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


def host_literal(host: str) -> str:
    """A host as it stands in a URI or Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
