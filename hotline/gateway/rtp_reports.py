"""One leg's RTCP: what we tell the peer of its stream, what it tells us of ours, and what both come to."""

import secrets
import time
from dataclasses import replace

from hotline.conversation import AudioFacts
from hotline.gateway import quality, rtcp
from hotline.gateway.jitter import JitterBuffer
from hotline.gateway.rtp_send import Sender

INTERVAL_TICKS = 250
"""5 s, halved or prolonged at random (RFC 3550 §6.2: between half and one and a half)."""
_LONGEST_ROUND_TRIP_MS = 30_000.0


class Reports:
    """What reports are made of."""

    def __init__(self) -> None:
        self._cname = rtcp.make_cname()
        self._peer_report: tuple[int, float] | None = None
        self._reported = (0, 0)
        self._next = _interval()
        self.round_trip_ms: float | None = None
        """To the peer's RTP stack and back, smoothed; None before it is known."""
        self.remote_loss = 0.0
        """Share of our packets lost on the way to the peer, by its last report."""
        self.remote_jitter_ms = 0.0
        self.remote_mos: float | None = None
        """What the peer thinks of how we sound."""

    def due(self) -> bool:
        """Asked every tick: whether a report is to be sent now."""
        self._next -= 1
        if self._next > 0:
            return False
        self._next = _interval()
        return True

    def take(self, data: bytes, now: float, sender: Sender, jitter: JitterBuffer) -> bool:
        """A compound came. True when it says that the peer leaves. Raises `RtcpSyntaxError`."""
        heard = rtcp.parse(data)
        ours = heard.ssrc == jitter.ssrc
        if ours and heard.report is not None:
            self._peer_report = (heard.report, now)
        for block in heard.blocks:
            if block.ssrc == sender.ssrc:
                self._judge(block, sender.clock)
        for said in heard.voip:
            if said.ssrc == sender.ssrc:
                self.remote_mos = said.mos
        return ours and heard.bye

    def compound(self, now: float, sender: Sender, jitter: JitterBuffer, facts: AudioFacts) -> bytes:
        """A report of this moment, with a VoIP metrics block when there is a stream to tell of."""
        sent = rtcp.Sent(sender.timestamp, sender.packets, sender.octets) if sender.packets else None
        if jitter.ssrc is None:
            return rtcp.report(sender.ssrc, self._cname, time.time(), sent, None)
        made = rtcp.report(sender.ssrc, self._cname, time.time(), sent, self._received(now, jitter))
        return made + rtcp.voip_report(sender.ssrc, self._voip(jitter, facts))

    def goodbye(self, sender: Sender) -> bytes:
        """The last compound."""
        sent = rtcp.Sent(sender.timestamp, sender.packets, sender.octets) if sender.packets else None
        return rtcp.report(sender.ssrc, self._cname, time.time(), sent, None, bye=True)

    def rated(self, facts: AudioFacts, jitter: JitterBuffer) -> AudioFacts:
        """The facts with what is known of quality."""
        if not facts.received:
            return facts
        playout = jitter.delay_ms
        gone = facts.lost + facts.late
        expected = max(1, facts.received + facts.lost)
        found = quality.estimate(
            facts.codec,
            gone / expected,
            quality.burst_ratio(facts.lost, jitter.runs, expected),
            quality.one_way_ms(playout, self.round_trip_ms),
        )
        return replace(
            facts,
            jitter_ms=round(jitter.interarrival_ms, 1),
            playout_ms=round(playout),
            round_trip_ms=None if self.round_trip_ms is None else round(self.round_trip_ms),
            remote_loss=round(self.remote_loss, 4),
            mos=round(found.mos, 2),
        )

    def _judge(self, block: rtcp.Received, clock: int) -> None:
        """How the peer receives us (RFC 3550 §6.4.1)."""
        self.remote_loss = block.fraction_lost / 256
        self.remote_jitter_ms = block.jitter * 1000 / clock
        if not block.last_report:
            return
        now = rtcp.ntp_middle(time.time())
        trip = ((now - block.last_report - block.delay) & 0xFFFF_FFFF) * 1000 / 65_536
        if trip < _LONGEST_ROUND_TRIP_MS:  # else a clock was set, or the peer's arithmetic is off
            before = self.round_trip_ms
            self.round_trip_ms = trip if before is None else before + (trip - before) / 4

    def _voip(self, jitter: JitterBuffer, facts: AudioFacts) -> rtcp.Voip:
        rated = self.rated(facts, jitter)
        expected = max(1, facts.received + facts.lost)
        return rtcp.Voip(
            ssrc=jitter.ssrc or 0,
            loss=facts.lost / expected,
            discard=facts.late / expected,
            burst_density=min(1.0, facts.lost / max(1, facts.lost + jitter.runs)) if facts.lost else 0.0,
            gap_density=0.0,
            round_trip_ms=round(self.round_trip_ms or 0),
            end_system_ms=round(jitter.delay_ms) + 40,
            r_factor=None,
            mos=rated.mos,
            buffer_ms=round(jitter.delay_ms),
        )

    def _received(self, now: float, jitter: JitterBuffer) -> rtcp.Received:
        expected, lost = jitter.expected_total, jitter.lost
        new_expected, new_lost = expected - self._reported[0], lost - self._reported[1]
        self._reported = (expected, lost)
        fraction = min(255, max(0, new_lost) * 256 // new_expected) if new_expected > 0 else 0
        last, delay = 0, 0
        if self._peer_report is not None:
            last, delay = self._peer_report[0], int((now - self._peer_report[1]) * 65_536)
        return rtcp.Received(
            ssrc=jitter.ssrc or 0,
            fraction_lost=fraction,
            lost=lost,
            highest=jitter.highest,
            jitter=int(jitter.interarrival),
            last_report=last,
            delay=max(0, delay),
        )


def _interval() -> int:
    return INTERVAL_TICKS // 2 + secrets.randbelow(INTERVAL_TICKS)


def together(before: AudioFacts, after: AudioFacts) -> AudioFacts:
    """The counts of two streams of one leg, one after the other."""
    if not before.received:
        return after
    return replace(
        after,
        received=before.received + after.received,
        lost=before.lost + after.lost,
        late=before.late + after.late,
        duplicated=before.duplicated + after.duplicated,
        concealed_ms=before.concealed_ms + after.concealed_ms,
        codec=after.codec or before.codec,
    )
