"""Session descriptions of WebRTC audio (RFC 8829, RFC 8839, RFC 8842): a browser's in, ours out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.rtp_wire import NOWHERE
from hotline.gateway.sip import sdp
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.sip.sdp import Media, SdpSyntaxError
from hotline.gateway.webrtc_dtls import Fingerprint

WebCodec = Literal["OPUS", "PCMA", "PCMU"]
CLOCKS: dict[WebCodec, int] = {"OPUS": 48_000, "PCMA": 8_000, "PCMU": 8_000}
PROFILES = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})
"""RTP/SAVPF is what browsers said before RFC 5764's names; all mean DTLS-SRTP when a fingerprint is there."""
MAX_FINGERPRINTS = 8

_NUMBERS: dict[WebCodec, int] = {"OPUS": 111, "PCMA": 8, "PCMU": 0}
_OWN_EVENTS = {48_000: 110, 8_000: 126}
_OPUS_FORMAT = "minptime=20;useinbandfec=1;stereo=0;maxplaybackrate=16000;maxaveragebitrate=32000"
_PRIORITY = 2_130_706_431
"""Of a host candidate (RFC 8445 §5.1.2)."""
_MIRROR = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a browser's description says about its one audio stream."""

    index: int
    """Which of the m= sections it is."""
    sections: tuple[tuple[str, str, str], ...]
    """Of each section: kind, protocol and formats, as given; refused ones are repeated."""
    mids: tuple[str, ...]
    ufrag: str
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    """actpass, active or passive: who begins the DTLS handshake (RFC 4145)."""
    codec: WebCodec
    event_clock: int
    """Of the key presses agreed on, in Hz."""
    plan: MediaPlan


@dataclass(frozen=True, slots=True)
class Ours:
    """What we say of ourselves."""

    addresses: tuple[str, ...]
    port: int
    ufrag: str
    password: str
    fingerprint: Fingerprint
    setup: str
    ssrc: int
    session: int
    version: int


def is_webrtc(offer: bytes) -> bool:
    """Whether this asks for DTLS-SRTP audio. Raises `SdpSyntaxError`."""
    media = sdp.parse(offer).media
    return (
        any(item.kind == "audio" and item.port and item.proto in PROFILES for item in media)
        and b"a=fingerprint:" in offer
    )


def read(data: bytes, codecs: Sequence[WebCodec]) -> Heard:
    """Read an offer or an answer; `codecs` in the order we like them.

    Raises `SdpSyntaxError`, and `NothingInCommon` when no audio stream can be had.
    """
    media = sdp.parse(data).media
    attributes = _attributes(data)
    for index, item in enumerate(media):
        if item.kind != "audio" or item.port == 0 or item.proto not in PROFILES:
            continue
        codec = _codec(item, codecs)
        if codec is None:
            continue
        own = attributes[index + 1]
        return Heard(
            index=index,
            sections=tuple((each.kind, each.proto, " ".join(each.formats)) for each in media),
            mids=tuple(_one(lines, "mid") for lines in attributes[1:]),
            ufrag=_token(own, "ice-ufrag", attributes[0]),
            fingerprints=_fingerprints(own, attributes[0]),
            setup=_setup(own, attributes[0]),
            codec=codec,
            event_clock=_event(item, codec)[1],
            plan=_plan(item, codec),
        )
    raise NothingInCommon("no audio stream in common")


def answer(heard: Heard, ours: Ours) -> bytes:
    """Our answer: the chosen stream with our address, every other one refused."""
    mid = heard.mids[heard.index]
    sections = []
    for index, (kind, proto, formats) in enumerate(heard.sections):
        if index == heard.index:
            sections.append(_section(ours, heard, proto, mid))
        else:
            name = heard.mids[index]
            named = [f"a=mid:{name}"] if name else []
            sections.append([f"m={kind} 0 {proto} {formats}", *named, "a=inactive"])
    return _whole(ours, mid, sections)


def offer(ours: Ours, codecs: Sequence[WebCodec]) -> bytes:
    """Our offer of one audio stream, to a browser that is to be called."""
    clocks = sorted({CLOCKS[codec] for codec in codecs}, reverse=True)
    formats = [*(_NUMBERS[codec] for codec in codecs), *(_OWN_EVENTS[clock] for clock in clocks)]
    lines = [f"m=audio {ours.port} UDP/TLS/RTP/SAVPF {' '.join(map(str, formats))}"]
    for codec in codecs:
        lines += _codec_lines(codec, _NUMBERS[codec])
    for clock in clocks:
        lines += _event_lines(_OWN_EVENTS[clock], clock)
    return _whole(ours, "0", [[*lines, *_transport(ours, "0"), "a=sendrecv"]])


def _section(ours: Ours, heard: Heard, proto: str, mid: str) -> list[str]:
    plan = heard.plan
    events = [] if plan.dtmf_payload_type is None else [plan.dtmf_payload_type]
    lines = [f"m=audio {ours.port} {proto} {' '.join(map(str, [plan.payload_type, *events]))}"]
    lines += _codec_lines(heard.codec, plan.payload_type)
    for number in events:
        lines += _event_lines(number, heard.event_clock)
    return [*lines, *_transport(ours, mid), f"a={plan.direction}"]


def _transport(ours: Ours, mid: str) -> list[str]:
    family = "IP6" if ":" in ours.addresses[0] else "IP4"
    lines = [f"c=IN {family} {ours.addresses[0]}", f"a=rtcp:{ours.port} IN {family} {ours.addresses[0]}"]
    lines += [f"a=ice-ufrag:{ours.ufrag}", f"a=ice-pwd:{ours.password}"]
    lines += [f"a=fingerprint:{' '.join(ours.fingerprint)}", f"a=setup:{ours.setup}"]
    lines += [f"a=mid:{mid}"] if mid else []
    lines += ["a=rtcp-mux", "a=ptime:20", "a=msid:hotline voice", f"a=ssrc:{ours.ssrc} cname:hotline"]
    for number, address in enumerate(ours.addresses, 1):
        lines.append(f"a=candidate:{number} 1 udp {_PRIORITY - 256 * number} {address} {ours.port} typ host")
    return [*lines, "a=end-of-candidates"]


def _whole(ours: Ours, mid: str, sections: Sequence[Sequence[str]]) -> bytes:
    family = "IP6" if ":" in ours.addresses[0] else "IP4"
    lines = ["v=0", f"o=- {ours.session} {ours.version} IN {family} {ours.addresses[0]}", "s=-", "t=0 0"]
    lines += ["a=ice-lite", *([f"a=group:BUNDLE {mid}"] if mid else []), "a=msid-semantic:WMS hotline"]
    for section in sections:
        lines += section
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")


def _codec_lines(codec: WebCodec, number: int) -> list[str]:
    if codec == "OPUS":
        return [f"a=rtpmap:{number} opus/48000/2", f"a=fmtp:{number} {_OPUS_FORMAT}"]
    return [f"a=rtpmap:{number} {codec}/8000"]


def _event_lines(number: int, clock: int) -> list[str]:
    return [f"a=rtpmap:{number} telephone-event/{clock}", f"a=fmtp:{number} 0-15"]


def _number(media: Media, encoding: str) -> int | None:
    return next((number for number in media.payload_types if media.encoding(number) == encoding), None)


def _codec(media: Media, codecs: Sequence[WebCodec]) -> WebCodec | None:
    """The first of ours that the peer has too."""
    return next((codec for codec in codecs if _number(media, f"{codec}/{CLOCKS[codec]}") is not None), None)


def _event(media: Media, codec: WebCodec) -> tuple[int | None, int]:
    """Payload type and clock of key presses: those with the codec's clock when there are such."""
    for clock in (CLOCKS[codec], 8_000):
        if (number := _number(media, f"TELEPHONE-EVENT/{clock}")) is not None:
            return number, clock
    return None, CLOCKS[codec]


def _plan(media: Media, codec: WebCodec) -> MediaPlan:
    number = _number(media, f"{codec}/{CLOCKS[codec]}")
    direction = _MIRROR[media.direction or Direction.SENDRECV]
    return MediaPlan(NOWHERE, codec, number or 0, _event(media, codec)[0], direction)


def _attributes(data: bytes) -> list[list[tuple[str, str]]]:
    """The a= lines of the session, then of each m= section."""
    sections: list[list[tuple[str, str]]] = [[]]
    for line in data.decode("utf-8", "replace").replace("\r", "\n").split("\n"):
        kind, _, value = line.partition("=")
        kind = kind.strip()
        if kind == "m":
            sections.append([])
        elif kind == "a":
            name, _, text = value.partition(":")
            sections[-1].append((name.strip().lower(), text.strip()))
    return sections


def _one(attributes: list[tuple[str, str]], name: str) -> str:
    """An attribute's value when it is a plain token, else ""."""
    text = next((text for key, text in attributes if key == name), "")
    return text if len(text) <= 64 and text.isascii() and text.isprintable() and " " not in text else ""


def _token(own: list[tuple[str, str]], name: str, session: list[tuple[str, str]]) -> str:
    text = _one(own, name) or _one(session, name)
    if not text:
        raise SdpSyntaxError("no ICE user name")
    return text


def _fingerprints(own: list[tuple[str, str]], session: list[tuple[str, str]]) -> tuple[Fingerprint, ...]:
    for attributes in (own, session):
        found = [text.split() for name, text in attributes if name == "fingerprint"]
        if found:
            if len(found) > MAX_FINGERPRINTS or any(len(parts) != 2 for parts in found):
                raise SdpSyntaxError("bad fingerprint")
            return tuple((parts[0], parts[1]) for parts in found)
    raise NothingInCommon("no fingerprint: not DTLS-SRTP")


def _setup(own: list[tuple[str, str]], session: list[tuple[str, str]]) -> str:
    found = (_one(own, "setup") or _one(session, "setup") or "actpass").lower()
    if found not in {"actpass", "active", "passive"}:
        raise SdpSyntaxError("bad setup")
    return found
