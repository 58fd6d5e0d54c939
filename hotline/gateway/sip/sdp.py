"""Session descriptions: text in, `Description` out, and back (RFC 4566)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from hotline.errors import WireError
from hotline.gateway.media import Direction
from hotline.gateway.srtp import Crypto

MAX_SDP = 16_384
"""Bytes of a description."""
MAX_LINES = 400
MAX_MEDIA = 16
MAX_CRYPTO = 16
STATIC = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000"}
"""Payload types that need no rtpmap (RFC 3551 §6), of those we speak."""


class SdpSyntaxError(WireError):
    """A session description that cannot be read."""

    code = "hotline.sdp_syntax"


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    address: str | None = None
    """Its own or the session's c= address."""
    direction: Direction | None = None
    """Its own or the session's; None when neither says."""
    rtpmap: dict[int, str] = field(default_factory=dict)
    """Payload type → `NAME/rate`, upper case."""
    fmtp: dict[int, str] = field(default_factory=dict)
    ptime: int | None = None
    crypto: tuple[Crypto, ...] = ()
    """Keys we could use (RFC 4568), in the peer's order."""
    control: tuple[int, str | None] | None = None
    """Port, and perhaps address, of RTCP (RFC 3605)."""
    mux: bool = False
    """RTCP may share RTP's port (RFC 5761)."""

    def encoding(self, payload_type: int) -> str:
        """`NAME/rate` of a payload type; "" when unknown."""
        return self.rtpmap.get(payload_type) or STATIC.get(payload_type, "")

    @property
    def payload_types(self) -> tuple[int, ...]:
        """The formats that are RTP payload types, in the peer's order."""
        return tuple(
            int(item) for item in self.formats if item.isascii() and item.isdigit() and len(item) < 4
        )


@dataclass(frozen=True, slots=True)
class Description:
    """What a peer offers or answers."""

    media: tuple[Media, ...]


def parse(data: bytes) -> Description:
    """Read a description. Unknown lines are skipped. Raises `SdpSyntaxError` and nothing else."""
    if len(data) > MAX_SDP:
        raise SdpSyntaxError("description too large")
    lines = [line for line in data.decode("utf-8", "replace").replace("\r", "\n").split("\n") if line.strip()]
    if not lines or lines[0].strip() != "v=0":
        raise SdpSyntaxError("no version line")
    if len(lines) > MAX_LINES:
        raise SdpSyntaxError("too many lines")
    reader = _Reader()
    for line in lines[1:]:
        kind, equals, value = line.partition("=")
        if not equals or len(kind.strip()) != 1:
            raise SdpSyntaxError("bad line")
        reader.line(kind.strip(), value.strip())
    return Description(tuple(reader.finish()))


def is_web_offer(data: bytes) -> bool:
    """Whether a description is a browser's: media keyed by DTLS, with a fingerprint (RFC 8827)."""
    text = data.lower()
    return b"a=fingerprint:" in text and (b" udp/tls/rtp/savp" in text or b" rtp/savpf" in text)


class _Reader:
    """Collects lines; what stands before the first m= is the session's and holds for all media."""

    def __init__(self) -> None:
        self._session = Media("", 0, "", ())
        self._media: list[Media] = []

    def line(self, kind: str, value: str) -> None:
        if kind == "m":
            if len(self._media) >= MAX_MEDIA:
                raise SdpSyntaxError("too many media")
            self._media.append(_media(value))
        elif kind == "c":
            self._put(replace(self._current, address=_connection(value)))
        elif kind == "a":
            self._put(_attribute(self._current, value))

    def finish(self) -> Iterable[Media]:
        for media in self._media:
            yield replace(
                media,
                address=media.address or self._session.address,
                direction=media.direction or self._session.direction,
                ptime=media.ptime or self._session.ptime,
            )

    @property
    def _current(self) -> Media:
        return self._media[-1] if self._media else self._session

    def _put(self, media: Media) -> None:
        if self._media:
            self._media[-1] = media
        else:
            self._session = media


def _media(value: str) -> Media:
    parts = value.split()
    if len(parts) < 4 or not value.isascii() or not value.isprintable():
        raise SdpSyntaxError("bad media line")  # it is said back in the answer, where only tokens may stand
    port = _number(parts[1].partition("/")[0], 65_535)
    return Media(parts[0].lower(), port, parts[2].upper(), tuple(parts[3:]))


def _connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN":
        raise SdpSyntaxError("bad connection line")
    return parts[2].partition("/")[0]


def _attribute(media: Media, value: str) -> Media:
    name, _, text = value.partition(":")
    name = name.strip().lower()
    if name in set(Direction):
        return replace(media, direction=Direction(name))
    if name == "rtpmap":
        number, _, encoding = text.strip().partition(" ")
        payload_type = _number(number, 127)
        encoding = "/".join(encoding.strip().upper().split("/")[:2])
        return replace(media, rtpmap={**media.rtpmap, payload_type: encoding})
    if name == "fmtp":
        number, _, setting = text.strip().partition(" ")
        if not number.isdigit():
            return media
        return replace(media, fmtp={**media.fmtp, _number(number, 127): setting.strip()})
    if name in {"crypto", "rtcp", "rtcp-mux"}:
        return _transport(media, name, text)
    if name == "ptime":
        # Some peers write 20.0; a wrong ptime is no reason to refuse a call.
        whole = text.strip().partition(".")[0]
        return (
            replace(media, ptime=int(whole))
            if whole.isascii() and whole.isdigit() and len(whole) < 4
            else media
        )
    return media


def _transport(media: Media, name: str, text: str) -> Media:
    """What is said of keys and of RTCP."""
    if name == "rtcp":
        return replace(media, control=_control(text))
    if name == "rtcp-mux":
        return replace(media, mux=True)
    found = Crypto.parse(text) if len(media.crypto) < MAX_CRYPTO else None
    return media if found is None else replace(media, crypto=(*media.crypto, found))


def _control(text: str) -> tuple[int, str | None] | None:
    """`port` or `port IN IP4 address`; None for what cannot be used, which is no reason to refuse a call."""
    parts = text.split()
    if not parts or not (parts[0].isascii() and parts[0].isdigit() and 0 < int(parts[0][:6]) <= 65_535):
        return None
    return int(parts[0]), usable_address(parts[3]) if len(parts) == 4 else None


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= most):
        raise SdpSyntaxError("bad number")
    return int(text)


def usable_address(host: str | None) -> str | None:
    """An IP literal one can send to; None for names (no DNS here), 0.0.0.0 and what is no unicast address."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "127.0.0.1" if host == "localhost" else None
    return None if address.is_unspecified or address.is_multicast else str(address)


def build(host: str, origin: tuple[int, int], media: Iterable[str]) -> bytes:
    """A description with our address; `origin` is (session id, version); `media` are whole m= sections."""
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=- {origin[0]} {origin[1]} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        *media,
    ]
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
