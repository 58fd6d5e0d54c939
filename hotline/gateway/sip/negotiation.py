"""Offer and answer (RFC 3264): what both sides can do becomes a `MediaPlan`."""

from typing import Literal

from hotline.errors import HotlineError
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.sip import sdp
from hotline.gateway.sip.sdp import Media

Codec = Literal["PCMA", "PCMU"]
_CODECS: dict[str, Codec] = {"PCMA/8000": "PCMA", "PCMU/8000": "PCMU"}
_NUMBERS: dict[Codec, int] = {"PCMA": 8, "PCMU": 0}
_DTMF = "TELEPHONE-EVENT/8000"
_OWN_DTMF = 101
_PROFILES = frozenset({"RTP/AVP", "RTP/AVPF"})
_MIRROR = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}
_PACKETS = (10, 20, 30, 40, 60)


class NothingInCommon(HotlineError):
    """No audio stream both sides can speak: 488."""

    code = "hotline.nothing_in_common"


class Negotiation:
    """The offers and answers of one dialog, from our side.

    The session id stays; the version grows by one whenever what we say changes (RFC 3264 §8). A failed
    round leaves everything as it was.
    """

    def __init__(self, host: str, session_id: int) -> None:
        self._host = host
        self._id = session_id
        self._version = session_id
        self._said: tuple[str, ...] | None = None
        self._layout: tuple[str, ...] = ()
        self._index = 0
        self.plan: MediaPlan | None = None
        """What is in force."""

    def answer(self, offer: bytes, port: int) -> bytes:
        """Answer the peer's offer with our RTP `port` and set `plan`.

        Extra streams are refused with port 0, in their order. Raises `SdpSyntaxError` or `NothingInCommon`.
        """
        description = sdp.parse(offer)
        index, plan = _choose(description.media)
        sections = [
            _section(plan, port, media.proto) if position == index else _refused(media)
            for position, media in enumerate(description.media)
        ]
        self._layout = tuple(_refused(media) for media in description.media)
        self._index = index
        self.plan = plan
        return self._say(sections)

    def offer(self, port: int) -> bytes:
        """Offer both codecs (the one in force first), repeating the streams refused before (§8)."""
        codec = self.plan.codec if self.plan else "PCMA"
        order: list[Codec] = [codec, "PCMU" if codec == "PCMA" else "PCMA"]
        event = self.plan.dtmf_payload_type if self.plan else None
        section = _offer_section(order, _OWN_DTMF if event is None else event, port)
        if not self._layout:
            return self._say([section])
        return self._say([section if at == self._index else old for at, old in enumerate(self._layout)])

    def accept(self, answer: bytes) -> MediaPlan:
        """Take the peer's answer to our offer and set `plan`. Raises `SdpSyntaxError`, `NothingInCommon`."""
        description = sdp.parse(answer)
        media = description.media[self._index : self._index + 1]
        _, plan = _choose(media)
        if not self._layout:
            self._layout = tuple(_refused(item) for item in description.media)
        self.plan = plan
        return plan

    def _say(self, sections: list[str]) -> bytes:
        said = tuple(sections)
        if self._said is not None and said != self._said:
            self._version += 1
        self._said = said
        return sdp.build(self._host, (self._id, self._version), said)


def check_offer(offer: bytes) -> None:
    """Raise what `Negotiation.answer` would raise, changing nothing."""
    _choose(sdp.parse(offer).media)


def _choose(media: tuple[Media, ...]) -> tuple[int, MediaPlan]:
    """The first audio stream with one of our codecs, and what it comes to."""
    for index, item in enumerate(media):
        if item.kind != "audio" or item.port == 0 or item.proto not in _PROFILES:
            continue
        plan = _plan(item)
        if plan is not None:
            return index, plan
    raise NothingInCommon("no audio stream in common")


def _plan(media: Media) -> MediaPlan | None:
    speech = next((number for number in media.payload_types if media.encoding(number) in _CODECS), None)
    if speech is None:
        return None
    event = next((number for number in media.payload_types if media.encoding(number) == _DTMF), None)
    direction = _MIRROR[media.direction or Direction.SENDRECV]
    address = sdp.usable_address(media.address)
    if address is None and direction is not Direction.INACTIVE:
        # The old way to hold (RFC 2543): address 0.0.0.0. We go on listening, and send nothing.
        direction = Direction.RECVONLY if direction is Direction.SENDRECV else Direction.INACTIVE
    ptime = media.ptime if media.ptime in _PACKETS else 20
    remote = None if address is None else (address, media.port)
    return MediaPlan(remote, _CODECS[media.encoding(speech)], speech, event, direction, ptime or 20)


def _refused(media: Media) -> str:
    return f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}"


def _section(plan: MediaPlan, port: int, proto: str) -> str:
    formats = [plan.payload_type] + ([] if plan.dtmf_payload_type is None else [plan.dtmf_payload_type])
    lines = [f"m=audio {port} {proto} {' '.join(map(str, formats))}"]
    lines.append(f"a=rtpmap:{plan.payload_type} {plan.codec}/8000")
    lines += _event_lines(plan.dtmf_payload_type)
    lines += [f"a=ptime:{plan.packet_ms}", f"a={plan.direction}"]
    return "\r\n".join(lines)


def _offer_section(order: list[Codec], event: int, port: int) -> str:
    formats = [*(_NUMBERS[codec] for codec in order), event]
    lines = [f"m=audio {port} RTP/AVP {' '.join(map(str, formats))}"]
    lines += [f"a=rtpmap:{_NUMBERS[codec]} {codec}/8000" for codec in order]
    lines += _event_lines(event)
    lines += ["a=ptime:20", "a=sendrecv"]
    return "\r\n".join(lines)


def _event_lines(event: int | None) -> list[str]:
    return [] if event is None else [f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-15"]
