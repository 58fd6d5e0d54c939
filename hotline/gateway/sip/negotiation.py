"""Offer and answer (RFC 3264): what both sides can do becomes a `MediaPlan`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hotline.errors import HotlineError
from hotline.gateway import opus, wideband
from hotline.gateway.g711 import law_of
from hotline.gateway.media import Codec, Direction, MediaPlan
from hotline.gateway.sip import sdp
from hotline.gateway.sip.sdp import Media
from hotline.gateway.srtp import SUITES, Crypto, SrtpKeys

_ENCODINGS: dict[str, Codec] = {
    "PCMA/8000": "PCMA",
    "PCMU/8000": "PCMU",
    "G722/8000": "G722",
    "OPUS/48000": "OPUS",
}
_MAPS: dict[Codec, str] = {
    "PCMA": "PCMA/8000",
    "PCMU": "PCMU/8000",
    "G722": "G722/8000",
    "OPUS": "opus/48000/2",  # always two channels, whatever is sent (RFC 7587 §7)
}
_NUMBERS: dict[Codec, int] = {"PCMA": 8, "PCMU": 0, "G722": 9, "OPUS": 96}
_OPUS_FORMAT = "maxplaybackrate=16000;maxaveragebitrate=24000;stereo=0;useinbandfec=1"
_EVENT, _OWN_EVENTS = "TELEPHONE-EVENT", {8000: 101, 48_000: 110}
_NOISE = "CN/8000"
_CLEAR, _PROTECTED = frozenset({"RTP/AVP", "RTP/AVPF"}), frozenset({"RTP/SAVP", "RTP/SAVPF"})
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


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What we speak."""

    codecs: tuple[Codec, ...] = ("PCMA", "PCMU")
    """Best first; an offerer's own order goes before ours."""
    srtp: Literal["off", "allow", "require"] = "off"
    private: bool = True
    """Nobody on the way can read a description: else no keys are put into one, nor taken (RFC 4568 §8)."""

    @property
    def keys(self) -> Literal["off", "allow", "require"]:
        """What becomes of keys here; `require` without privacy is beyond help, see `hopeless`."""
        return self.srtp if self.private else "off"

    @property
    def hopeless(self) -> bool:
        """Protection is demanded where no key may be told: no stream can be agreed on."""
        return self.srtp == "require" and not self.private


class Negotiation:
    """The offers and answers of one dialog, from our side.

    The session id stays; the version grows by one whenever what we say changes (RFC 3264 §8). A failed
    round leaves everything as it was.
    """

    def __init__(
        self, host: str, session_id: int, policy: MediaPolicy | None = None, peer: str | None = None
    ) -> None:
        """`host`: our address; `peer`: the one the peer's signalling comes from."""
        self._peer = peer
        self._host = host
        self._id = session_id
        self._policy = policy or MediaPolicy()
        self._version = session_id
        self._said: tuple[str, ...] | None = None
        self._layout: tuple[str, ...] = ()
        self._index = 0
        self._proto = "RTP/AVP"
        self._offered: dict[tuple[str, int], Crypto] = {}
        """Our keys in our last offer, by suite and tag."""
        self.plan: MediaPlan | None = None
        """What is in force."""

    def answer(self, offer: bytes, port: int) -> bytes:
        """Answer the peer's offer with our RTP `port` and set `plan`.

        Extra streams are refused with port 0, in their order. Raises `SdpSyntaxError` or `NothingInCommon`.
        """
        description = sdp.parse(offer)
        index, plan, crypto = self._choose(description.media)
        sections = [
            _section(plan, port, media.proto, crypto) if position == index else _refused(media)
            for position, media in enumerate(description.media)
        ]
        self._layout = tuple(_refused(media) for media in description.media)
        self._index = index
        self._proto = description.media[index].proto
        self.plan = plan
        return self._say(sections)

    def offer(self, port: int, direction: Direction = Direction.SENDRECV) -> bytes:
        """Offer our codecs (the one in force first), repeating the streams refused before (§8).

        Raises `NothingInCommon` where protection is demanded and none can be had.
        """
        if self._policy.hopeless:
            raise NothingInCommon("keys could be read on the way")
        order = list(self._policy.codecs)
        if not opus.available() and "OPUS" in order:
            order.remove("OPUS")
        plan = self.plan
        if plan is not None:
            order = [plan.codec, *(codec for codec in order if codec != plan.codec)]
        if plan is None and self._policy.keys == "require":
            self._proto = "RTP/SAVP"
        crypto: list[Crypto] = []
        if plan is not None and plan.srtp is not None:
            crypto = [Crypto(1, plan.srtp.suite, plan.srtp.ours)]
        elif self._proto in _PROTECTED:
            crypto = [Crypto.make(tag, suite) for tag, suite in enumerate(SUITES, 1)]
        self._offered = {(item.suite, item.tag): item for item in crypto}
        section = _offer_section(order, plan, port, self._proto, crypto, direction)
        if not self._layout:
            return self._say([section])
        return self._say([section if at == self._index else old for at, old in enumerate(self._layout)])

    def accept(self, answer: bytes) -> MediaPlan:
        """Take the peer's answer to our offer and set `plan`. Raises `SdpSyntaxError`, `NothingInCommon`."""
        description = sdp.parse(answer)
        media = description.media[self._index : self._index + 1]
        _, plan, _ = self._choose(media, answer=True)
        if not self._layout:
            self._layout = tuple(_refused(item) for item in description.media)
        if not wideband.is_wide(plan.codec):
            plan = replace(plan, also=_other_laws(media[0], plan.payload_type))
        plan = replace(plan, choices=_choices(media[0], self._policy.codecs))
        self.plan = plan
        return plan

    def check(self, offer: bytes) -> None:
        """Raise what `answer`, or without an offer of theirs `offer`, would raise, changing nothing."""
        if self._policy.hopeless:
            raise NothingInCommon("keys could be read on the way")
        if offer:
            self._choose(sdp.parse(offer).media)

    def _choose(
        self, media: tuple[Media, ...], *, answer: bool = False
    ) -> tuple[int, MediaPlan, Crypto | None]:
        """The first audio stream with one of our codecs, what it comes to, and our key for it."""
        for index, item in enumerate(media):
            if item.kind != "audio" or item.port == 0:
                continue
            protected, keys, crypto = self._protect(item, answer=answer)
            if not protected:
                continue
            plan = _plan(item, self._policy.codecs, keys)
            if plan is not None:
                return index, replace(plan, host=self._peer), crypto
        raise NothingInCommon("no audio stream in common")

    def _protect(self, media: Media, *, answer: bool) -> tuple[bool, SrtpKeys | None, Crypto | None]:
        """Whether the stream's protection will do, its keys, and the line that tells ours."""
        mode = self._policy.keys
        if self._policy.hopeless:
            return False, None, None
        # An answer takes one of the lines we offered (RFC 4568 §5.1.3).
        theirs = next((item for item in media.crypto if not answer or _line(item) in self._offered), None)
        if media.proto in _CLEAR:
            # Keys in a description that does not demand them: best effort, answered in kind.
            if theirs is None or mode == "off":
                if self.plan is not None and self.plan.srtp is not None:
                    return False, None, None  # what is protected stays so to its end
                return mode != "require" and not (answer and self._offered), None, None
        elif media.proto not in _PROTECTED or theirs is None or mode == "off":
            return False, None, None
        ours = self._offered[_line(theirs)] if answer else self._answering(theirs)
        return True, SrtpKeys(theirs.suite, ours.key, theirs.key), ours

    def _answering(self, theirs: Crypto) -> Crypto:
        """Our line for the peer's: the key in force stays while the peer's does. Else it is a new one, for a
        key taken up again later would protect packets of the same numbers twice (RFC 3711 §9.1)."""
        known = self.plan.srtp if self.plan is not None else None
        if known is not None and (known.suite, known.theirs) == (theirs.suite, theirs.key):
            return Crypto(theirs.tag, theirs.suite, known.ours)
        return Crypto.make(theirs.tag, theirs.suite)

    def _say(self, sections: list[str]) -> bytes:
        said = tuple(sections)
        if self._said is not None and said != self._said:
            self._version += 1
        self._said = said
        return sdp.build(self._host, (self._id, self._version), said)


def _line(crypto: Crypto) -> tuple[str, int]:
    return crypto.suite, crypto.tag


def _plan(media: Media, codecs: tuple[Codec, ...], keys: SrtpKeys | None) -> MediaPlan | None:
    speech = next((number for number in media.payload_types if _codec(media, number) in codecs), None)
    codec = None if speech is None else _codec(media, speech)
    if speech is None or codec is None:
        return None
    clock = wideband.clock(codec)
    # Many phones offer events at 8000 only, beside Opus too: better their clock than no keys.
    event, event_clock = _find(media, f"{_EVENT}/{clock}"), None
    if event is None and clock != 8000:
        event, event_clock = _find(media, f"{_EVENT}/8000"), 8000
    direction = _MIRROR[media.direction or Direction.SENDRECV]
    address = sdp.usable_address(media.address)
    if address is None and direction is not Direction.INACTIVE:
        # The old way to hold (RFC 2543): address 0.0.0.0. We go on listening, and send nothing.
        direction = Direction.RECVONLY if direction is Direction.SENDRECV else Direction.INACTIVE
    ptime = media.ptime if media.ptime in _PACKETS and codec != "OPUS" else 20
    return MediaPlan(
        remote=None if address is None else (address, media.port),
        codec=codec,
        payload_type=speech,
        dtmf_payload_type=event,
        direction=direction,
        packet_ms=ptime or 20,
        srtp=keys,
        control=_control(media, address),
        mux=media.mux,
        cn_payload_type=_find(media, _NOISE) if clock == 8000 else None,
        dtmf_clock=event_clock if event is not None else None,
    )


def _other_laws(media: Media, speech: int) -> tuple[tuple[int, Literal["PCMA", "PCMU"]], ...]:
    """An answer's further G.711 formats: decoded at no cost, should the peer turn to one."""
    others: list[tuple[int, Literal["PCMA", "PCMU"]]] = []
    for number in media.payload_types:
        codec = _codec(media, number)
        if number != speech and codec is not None and codec in {"PCMA", "PCMU"}:
            others.append((number, law_of(codec)))
    return tuple(others)


def _choices(media: Media, ours: Sequence[Codec]) -> tuple[tuple[int, Codec], ...]:
    """An answer's formats, when there are several and a wideband one is among them."""
    found = tuple(
        (number, codec)
        for number in media.payload_types
        if (codec := _codec(media, number)) is not None and codec in ours
    )
    several = len(found) > 1 and any(wideband.is_wide(codec) for _, codec in found)
    return found if several else ()


def _control(media: Media, address: str | None) -> tuple[str, int] | None:
    if address is None or media.control is None:
        return None
    port, host = media.control
    return host or address, port


def _codec(media: Media, number: int) -> Codec | None:
    codec = _ENCODINGS.get(media.encoding(number))
    return None if codec == "OPUS" and not opus.available() else codec


def _find(media: Media, encoding: str) -> int | None:
    return next((number for number in media.payload_types if media.encoding(number) == encoding), None)


def _refused(media: Media) -> str:
    return f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}"


def _section(plan: MediaPlan, port: int, proto: str, crypto: Crypto | None) -> str:
    extra = [item for item in (plan.dtmf_payload_type, plan.cn_payload_type) if item is not None]
    lines = [f"m=audio {port} {proto} {' '.join(map(str, [plan.payload_type, *extra]))}"]
    lines += _codec_lines(plan.codec, plan.payload_type)
    lines += _event_lines(plan.dtmf_payload_type, _event_clock(plan))
    if plan.cn_payload_type is not None:
        lines.append(f"a=rtpmap:{plan.cn_payload_type} {_NOISE}")
    if crypto is not None:
        lines.append(str(crypto))
    if plan.mux:
        lines.append("a=rtcp-mux")
    lines += [f"a=ptime:{plan.packet_ms}", f"a={plan.direction}"]
    return "\r\n".join(lines)


def _offer_section(
    order: list[Codec],
    plan: MediaPlan | None,
    port: int,
    proto: str,
    crypto: list[Crypto],
    direction: Direction,
) -> str:
    """All we speak; what is in force keeps its payload types (RFC 3264 §8.3.2), and nothing else has them."""
    numbers, events = _offered_numbers(order, plan)
    formats = [*(numbers[codec] for codec in order), *events.values()]
    lines = [f"m=audio {port} {proto} {' '.join(map(str, formats))}"]
    for codec in order:
        lines += _codec_lines(codec, numbers[codec])
    for clock, event in events.items():
        lines += _event_lines(event, clock)
    lines += [str(item) for item in crypto]
    lines += ["a=ptime:20", f"a={direction}"]
    return "\r\n".join(lines)


def _offered_numbers(order: list[Codec], plan: MediaPlan | None) -> tuple[dict[Codec, int], dict[int, int]]:
    """Payload types by codec, and those of events by clock."""
    numbers: dict[Codec, int] = {}
    events: dict[int, int] = {}
    if plan is not None:
        numbers[plan.codec] = plan.payload_type
        if plan.dtmf_payload_type is not None:
            events[_event_clock(plan)] = plan.dtmf_payload_type
    taken = {*numbers.values(), *events.values()}

    def free(wish: int) -> int:
        number: int = next(item for item in (wish, *range(96, 128)) if item not in taken)
        taken.add(number)
        return number

    for codec in order:
        if codec not in numbers:
            numbers[codec] = free(_NUMBERS[codec])
    for clock in sorted({wideband.clock(codec) for codec in order}):
        if clock not in events:
            events[clock] = free(_OWN_EVENTS[clock])
    return numbers, dict(sorted(events.items()))


def _event_clock(plan: MediaPlan) -> int:
    return plan.dtmf_clock or wideband.clock(plan.codec)


def _codec_lines(codec: Codec, number: int) -> list[str]:
    lines = [f"a=rtpmap:{number} {_MAPS[codec]}"]
    return [*lines, f"a=fmtp:{number} {_OPUS_FORMAT}"] if codec == "OPUS" else lines


def _event_lines(event: int | None, clock: int) -> list[str]:
    return [] if event is None else [f"a=rtpmap:{event} telephone-event/{clock}", f"a=fmtp:{event} 0-15"]
