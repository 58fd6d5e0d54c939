"""Jitter buffer: packets in any order in, one stream by the media clock out.

Pure: `push(packet, now)` and `pop(now)` are told the time. Every packet gets a due time from its timestamp:
the first packet's arrival plus the delay sets the scale. So a loss can never make the stream lag: what is not
there when it is due is `Lost`, and what comes later is late. The scale moves only for a reason: the peer's
clock drifts, the path is more or less even than it was (`delay_target`), the stream is another.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hotline.gateway import lane
from hotline.gateway.delay_target import WINDOW_S, DelayTarget
from hotline.gateway.rtp import RtpPacket, sequence_delta

RATE = 8000
"""Timestamp units a second of G.711 and telephone-event/8000."""
CAPACITY_S = 0.2
"""Most audio held; packets due later than this start the stream anew."""

_MAX_PACKETS = 64
_MAX_AHEAD = 500
"""Sequence numbers a packet may be ahead, 10 s; beyond, it belongs to another stream (RFC 3550 A.1)."""
_MAX_BEHIND = 100
_VERY_LATE_S = 1.0
_LATE_RUN_S = 0.1
"""Seconds of nothing but late packets after which the path is taken to have become slower."""
CEILING_S = 0.16
"""Longest delay that adapting leads to."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A packet that is not there when it is due."""

    samples: int
    """Audio it would have held, in timestamp units."""


class JitterBuffer:
    """Reorders one leg's audio packets; see the module's docstring."""

    def __init__(
        self,
        delay_s: float,
        rate: int = RATE,
        duration: Callable[[bytes], int] = len,
        floor_s: float | None = None,
    ) -> None:
        """`delay_s`: how long a missing packet is waited for at first, at most 0.2; it adapts down to
        `floor_s` (default: to no less). `rate`: timestamp units a second; `duration`: those that a payload
        lasts; as given they are G.711's."""
        self._rate = rate
        self._length = duration
        self._delay = round(min(delay_s, CAPACITY_S) * rate)
        self._packets: dict[int, tuple[int, RtpPacket]] = {}
        self._skipped: set[int] = set()
        self._seen: set[int] = set()
        self._ssrc: int | None = None
        self._stranger: RtpPacket | None = None
        self._zero = 0.0
        """Time at which (extended) timestamp 0 is due; `(now - _zero) * RATE` is the timestamp due now."""
        self._first = self._highest = self._expected = 0
        self._last_timestamp = self._highest_time = self._next_time = 0
        self._played_to = -1
        self._duration = rate // 50
        self._late_since: float | None = None
        self._window_end = 0.0
        floor = delay_s if floor_s is None else min(floor_s, delay_s)
        self._target = DelayTarget(floor, max(delay_s, CEILING_S), rate)
        self._transit = 0.0
        self.received = 0
        """Packets that came in time or late, each once."""
        self.lost = 0
        self.late = 0
        self.duplicated = 0
        self.resyncs = 0
        """Times the stream was taken up anew after a jump."""
        self.runs = 0
        """Runs of losses: how many times loss began."""
        self._losing = False
        self.interarrival = 0.0
        """Interarrival jitter in timestamp units (RFC 3550 §6.4.1)."""

    @property
    def ssrc(self) -> int | None:
        """The stream's source, None before the first packet."""
        return self._ssrc

    @property
    def delay_ms(self) -> float:
        """How long packets wait here, in the mean of some seconds."""
        return (self._target.mean or self._delay) * 1000 / self._rate

    @property
    def surplus(self) -> int:
        """Delay, in timestamp units, that nothing needs any more; `shed` it when nobody hears it."""
        return self._target.surplus

    def shed(self) -> None:
        """Take back up to 20 ms of the surplus: so much more is due at the next `pop`."""
        self._zero -= self._target.shed(self._rate // 50) / self._rate

    @property
    def most_slack(self) -> float:
        """How long before its time a packet may come, in timestamp units."""
        return self._delay + CAPACITY_S * self._rate

    @property
    def interarrival_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return self.interarrival * 1000 / self._rate

    @property
    def highest(self) -> int:
        """Extended highest sequence number received (RFC 3550 §6.4.1)."""
        return self._highest & 0xFFFF_FFFF

    @property
    def expected_total(self) -> int:
        """Packets the peer has sent since the stream was last taken up, judged by their numbers."""
        return self._highest - self._first + 1 if self._ssrc is not None else 0

    def reset(self) -> None:
        """Forget the stream, keep the counts: the next packet starts it anew."""
        self._packets.clear()
        self._skipped.clear()
        self._seen.clear()
        self._ssrc = self._stranger = None

    def push(self, packet: RtpPacket, now: float) -> None:
        """Take an audio packet that came at `now` (seconds, any origin)."""
        sequence = self._number(packet, now)
        if sequence is None:
            return
        # The wrapping difference is written out here: this runs for every packet.
        ahead = ((packet.timestamp - self._last_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        time = self._highest_time + ahead
        slack = time - round((now - self._zero) * self._rate)
        if sequence > self._highest:
            if not -_VERY_LATE_S * self._rate < slack <= self.most_slack:
                self._take_up(packet, now)
                sequence, time = self._highest, self._highest_time
                slack = self._delay
            else:
                self._measure(time, now)
                self._highest, self._highest_time = sequence, time
                self._last_timestamp = packet.timestamp
        self.received += 1
        if now >= self._window_end:
            self._window_end = now + WINDOW_S
            self._zero += self._target.judge() / self._rate
        self._zero += self._target.note(slack) / self._rate
        if sequence < self._expected or time <= self._played_to:
            self._late(packet, sequence, now)
            return
        self._late_since = None
        self._duration = self._length(packet.payload) or self._duration
        self._packets[sequence] = (time, packet)
        if len(self._packets) > _MAX_PACKETS:
            self._packets.pop(min(self._packets))

    def skip(self, packet: RtpPacket, now: float) -> None:
        """Take note of a packet of this stream that holds no audio, so that it is not thought lost."""
        delta = sequence_delta(packet.sequence, self._highest & 0xFFFF)
        if self._ssrc is None or packet.ssrc != self._ssrc or not -_MAX_BEHIND < delta < _MAX_AHEAD:
            return  # only audio begins a stream
        sequence = self._number(packet, now)
        if sequence is None:
            return
        self.received += 1
        if sequence >= self._expected:
            self._skipped.add(sequence)
        elif self.lost > 0:
            self.lost -= 1
        # Its timestamp is an event's beginning and says nothing of the stream's time: the highest stays.
        self._highest = max(self._highest, sequence)

    def pop(self, now: float) -> RtpPacket | Lost | None:
        """The next thing due by `now`, or None; call until None."""
        if self._ssrc is None:
            return None
        position = round((now - self._zero) * self._rate)
        self._played_to = max(self._played_to, position)
        while self._skipped and self._expected in self._skipped:
            self._skipped.discard(self._expected)
            self._expected += 1
        packets = self._packets
        if not packets:
            return None
        head = self._expected if self._expected in packets else min(packets)
        time, packet = packets[head]
        if time <= position:
            del packets[head]
            self._losing = self._losing and head != self._expected
            if head != self._expected:
                self._pass_over(head)
            self._expected = head + 1
            self._next_time = time + self._length(packet.payload)
            return packet
        if head > self._expected:
            return self._missing(head, time, position)
        return None

    def following(self) -> bytes | None:
        """After `pop` gave `Lost`: the payload of the very next packet, when it is here; it may know of the
        lost one (forward error correction)."""
        found = self._packets.get(self._expected)
        return None if found is None else found[1].payload

    def lend(self, kind: int, size: int) -> tuple[lane.Stream, tuple[bytes, ...]] | None:
        """What a lane needs to go on with the stream, and the payloads that wait; None unless nothing is
        the matter: each packet of type `kind`, `size` bytes and as many timestamp units, none missing."""
        if self._ssrc is None or self._stranger or self._skipped or self._losing or self._duration != size:
            return None
        waiting, time = [], self._next_time
        for sequence in range(self._expected, self._highest + 1):
            due, packet = self._packets.get(sequence, (0, None))
            if packet is None or due != time or packet.payload_type != kind or len(packet.payload) != size:
                return None
            waiting.append(packet.payload)
            time += size
        late = self._late_since is not None or self._expected > self._highest + 1
        if late or time != self._highest_time + size or len(waiting) != len(self._packets):
            return None
        stream = lane.Stream(
            self._highest, self._highest_time, self._last_timestamp, self._expected, self._next_time,
            self._played_to, self._zero, self._transit, self.interarrival, self._window_end,
        )  # fmt: skip
        return stream, tuple(waiting)

    def take_back(self, kind: int, size: int, back: lane.Returned) -> None:
        """Go on from where a lane has got with what `lend` gave it."""
        stream = back.stream
        self._seen.update(range(self._highest + 1, stream.highest + 1))
        self._highest, self._highest_time = stream.highest, stream.highest_time
        self._last_timestamp = stream.last_timestamp
        self._expected, self._next_time = stream.expected, stream.next_time
        self._played_to, self._zero, self._transit = stream.played_to, stream.zero, stream.transit
        self.interarrival = stream.interarrival
        self.received += back.received
        self._target.noted(back.slacks)
        self._packets.clear()
        for number, payload in enumerate(back.waiting):
            sequence, time = self._expected + number, self._next_time + number * size
            stamp = (self._last_timestamp - (self._highest_time - time)) & 0xFFFF_FFFF
            packet = RtpPacket(kind, sequence & 0xFFFF, stamp, self._ssrc or 0, payload)
            self._packets[sequence] = (time, packet)

    def _missing(self, head: int, time: int, position: int) -> Lost | None:
        """`head` is here and not due; those before it are not here: is one of them due now?"""
        duration = self._duration
        stale = min((position - self._next_time) // duration, head - self._expected)
        if stale > 0:  # their time passed while nothing was known of them
            self._pass_over(self._expected + stale)
            self._expected += stale
            self._next_time += stale * duration
        samples = min(duration, time - self._next_time)
        if self._expected >= head or self._next_time > position or samples <= 0:
            return None
        self._pass_over(self._expected + 1)
        self._expected += 1
        self._next_time += samples
        return Lost(samples)

    def _pass_over(self, until: int) -> None:
        """Count what is missing from the expected packet up to `until` (not included)."""
        if not self._losing and until > self._expected:
            self._losing = True
            self.runs += 1
        if self._skipped:
            gone = {number for number in self._skipped if number < until}
            self._skipped -= gone
            self.lost += max(0, until - self._expected - len(gone))
        elif until > self._expected:
            self.lost += until - self._expected

    def _number(self, packet: RtpPacket, now: float) -> int | None:
        """The packet's extended sequence number; None when it is a duplicate or of another stream."""
        if self._ssrc is None:
            self._take_up(packet, now)
            self._seen.add(self._highest)
            return self._highest
        delta = ((packet.sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if packet.ssrc != self._ssrc or not -_MAX_BEHIND < delta < _MAX_AHEAD:
            self._meet_stranger(packet, now)
            return None
        self._stranger = None
        sequence = self._highest + delta
        if sequence in self._seen:
            self.duplicated += 1
            return None
        self._seen.add(sequence)
        if len(self._seen) > 4 * _MAX_BEHIND:
            self._seen = {number for number in self._seen if number > self._highest - _MAX_BEHIND}
        return sequence

    def _meet_stranger(self, packet: RtpPacket, now: float) -> None:
        """Another source or a big jump: two packets in a row make it the stream (RFC 3550 A.1)."""
        first = self._stranger
        if first is None or first.ssrc != packet.ssrc or sequence_delta(packet.sequence, first.sequence) != 1:
            self._stranger = packet
            return
        self._take_up(first, now)
        self._seen = {self._highest}
        self.received += 1
        if first.payload:
            self._packets[self._highest] = (self._highest_time, first)
        self.push(packet, now)

    def _take_up(self, packet: RtpPacket, now: float) -> None:
        """Start, or start anew, with this packet due after the delay."""
        if self._ssrc is not None:
            self.resyncs += 1
        self._packets.clear()
        self._skipped.clear()
        self._stranger = None
        self._ssrc = packet.ssrc
        self._first = self._highest = self._expected = packet.sequence
        self._last_timestamp = packet.timestamp
        self._seen = {packet.sequence}
        self._highest_time = self._next_time = packet.timestamp
        self._zero = now + (self._delay - packet.timestamp) / self._rate
        self._played_to = packet.timestamp - 1 - self._delay
        self._late_since = None
        self._transit = now * self._rate - packet.timestamp
        self._window_end = now + WINDOW_S
        self._target.anew()

    def _late(self, packet: RtpPacket, sequence: int, now: float) -> None:
        """Its place has been filled. Nothing but late packets for a while: the path has become slower."""
        self.late += 1
        if sequence < self._expected:
            self.lost = max(0, self.lost - 1)
        else:
            self._pass_over(sequence)
            self._packets = {number: item for number, item in self._packets.items() if number > sequence}
            self._expected = sequence + 1
        if self._late_since is None:
            self._late_since = now
        if packet.marker or now - self._late_since >= _LATE_RUN_S:
            self._take_up(packet, now)
            self._packets[self._highest] = (self._highest_time, packet)
            self.late -= 1

    def _measure(self, time: int, now: float) -> None:
        """Interarrival jitter, RFC 3550 A.8."""
        transit = now * self._rate - time
        self.interarrival += (abs(transit - self._transit) - self.interarrival) / 16
        self._transit = transit
