"""The jitter buffer: order, deadlines, and a lag that never stays grown."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.gateway.jitter import JitterBuffer, Lost
from hotline.gateway.rtp import RtpPacket

pytestmark = pytest.mark.unit

DELAY = 0.06


def packet(number: int, *, time: int | None = None, ssrc: int = 1, marker: bool = False) -> RtpPacket:
    """The packet of 20 ms `number`; its payload tells which it is."""
    time = 160 * number if time is None else time
    payload = (number & 0xFFFFFFFF).to_bytes(4) * 40
    return RtpPacket(8, number & 0xFFFF, time & 0xFFFFFFFF, ssrc, payload, marker)


def number_of(one: RtpPacket) -> int:
    return int.from_bytes(one.payload[:4])


@dataclass
class Line:
    """Feeds arrivals to a buffer and reads it at every tick; says what came out when."""

    buffer: JitterBuffer = field(default_factory=lambda: JitterBuffer(DELAY))
    out: list[tuple[float, RtpPacket | Lost]] = field(default_factory=list)

    def run(self, arrivals: list[tuple[float, RtpPacket]], until: float) -> None:
        arrivals = sorted(arrivals, key=lambda item: item[0])
        for tick in range(round(until * 50) + 1):
            now = tick * 0.02 + 0.003
            while arrivals and arrivals[0][0] <= now:
                at, one = arrivals.pop(0)
                self.buffer.push(one, at)
            if self.buffer.surplus:  # nobody hears it
                self.buffer.shed()
            while (item := self.buffer.pop(now)) is not None:
                self.out.append((now, item))

    @property
    def numbers(self) -> list[int | None]:
        return [None if isinstance(item, Lost) else number_of(item) for _, item in self.out]

    def lag(self, number: int) -> float:
        """From the time a packet was sent to the tick that gave it."""
        return next(at - 0.02 * number for at, item in self.out if item is not None
                    and isinstance(item, RtpPacket) and number_of(item) == number)  # fmt: skip


def steady(count: int) -> list[tuple[float, RtpPacket]]:
    return [(0.02 * n, packet(n)) for n in range(count)]


def test_in_order_one_a_tick_after_the_delay() -> None:
    line = Line()
    line.run(steady(50), 1.2)
    assert line.numbers == list(range(50))
    assert all(0.02 - 1e-9 < b[0] - a[0] < 0.02 + 1e-9 for a, b in zip(line.out, line.out[1:], strict=False))
    assert DELAY <= line.lag(0) <= DELAY + 0.02


def test_one_lost_packet_is_one_lost_and_the_lag_stays() -> None:
    line = Line()
    line.run([item for item in steady(100) if item[1].sequence != 30], 2.2)
    assert line.numbers == [*range(30), None, *range(31, 100)]
    assert line.lag(99) == pytest.approx(line.lag(0))
    assert (line.buffer.lost, line.buffer.received) == (1, 99)


def test_a_long_loss_passes_in_its_own_time() -> None:
    line = Line()
    line.run([item for item in steady(100) if not 30 <= item[1].sequence < 50], 2.2)
    got = [number for number in line.numbers if number is not None]
    assert got == [*range(30), *range(50, 100)]
    assert line.lag(50) == pytest.approx(line.lag(0))
    assert line.buffer.lost == 20
    assert line.numbers.count(None) <= 4  # the rest of the gap had passed before anything told of it


def test_a_late_packet_is_counted_and_not_played() -> None:
    arrivals = steady(60)
    arrivals[20] = (0.02 * 20 + 0.11, arrivals[20][1])
    line = Line()
    line.run(arrivals, 1.5)
    assert line.numbers == [*range(20), None, *range(21, 60)]
    assert (line.buffer.late, line.buffer.lost, line.buffer.received) == (1, 0, 60)


def test_duplicates_are_counted_and_not_played() -> None:
    line = Line()
    line.run([item for item in steady(40) for _ in range(3)], 1.0)
    assert line.numbers == list(range(40))
    assert (line.buffer.duplicated, line.buffer.received) == (80, 40)


def test_numbers_and_timestamps_wrap() -> None:
    line = Line()
    line.run([(0.02 * n, packet(65_500 + n, time=2**32 - 160 * 50 + 160 * n)) for n in range(100)], 2.2)
    assert line.numbers == list(range(65_500, 65_600))
    assert line.buffer.lost == 0


def test_silence_suppression_is_no_loss() -> None:
    """RFC 3551 §4.1: numbers go on, the timestamp jumps."""
    line = Line()
    talk = [(0.02 * n, packet(n)) for n in range(20)]
    talk += [(0.02 * (n + 80), packet(n, time=160 * (n + 80), marker=n == 20)) for n in range(20, 40)]
    line.run(talk, 3.0)
    assert line.numbers == list(range(40))
    assert line.buffer.lost == 0
    assert line.out[20][0] - line.out[19][0] == pytest.approx(0.02 * 81)


def test_another_source_is_taken_up_after_two_packets() -> None:
    line = Line()
    line.run(steady(20) + [(0.4 + 0.02 * n, packet(900 + n, time=77 * n, ssrc=2)) for n in range(1)], 0.8)
    assert 900 not in line.numbers
    line = Line()
    line.run(
        steady(20) + [(0.4 + 0.02 * n, packet(900 + n, time=10**9 + 160 * n, ssrc=2)) for n in range(20)], 1.2
    )
    assert line.numbers[-20:] == list(range(900, 920))
    assert line.buffer.resyncs == 1


def test_a_jump_of_numbers_or_of_time_is_a_new_beginning_not_a_loss() -> None:
    jumps: tuple[Callable[[int], RtpPacket], ...] = (
        lambda n: packet(30_000 + n, time=160 * n),
        lambda n: packet(n, time=160 * n + 80_000),
        lambda n: packet(n, time=160 * n - 80_000),
    )
    for jump in jumps:
        line = Line()
        line.run(steady(20) + [(0.02 * n, jump(n)) for n in range(20, 60)], 1.6)
        assert len(line.numbers) >= 57  # what had not been played of the stream before goes
        assert line.numbers[-40:] == [number_of(jump(n)) for n in range(20, 60)]
        assert line.buffer.lost == 0
        last = line.numbers[-1]
        assert last is not None
        assert line.lag(last) % 600 == pytest.approx(line.lag(0), abs=0.021)


def test_a_path_that_has_become_slower_is_followed() -> None:
    line = Line()
    line.run(steady(50) + [(0.02 * n + 0.15, packet(n)) for n in range(50, 150)], 3.5)
    assert line.numbers[-80:] == list(range(70, 150))


def test_a_path_that_has_become_faster_gives_its_delay_back() -> None:
    line = Line()
    line.run(
        [(0.02 * n + 0.1, packet(n)) for n in range(50)] + [(0.02 * n, packet(n)) for n in range(50, 1_000)],
        20.3,
    )
    assert line.lag(999) <= DELAY + 0.02 + 0.011


def test_a_fast_peer_clock_does_not_grow_the_lag() -> None:
    """400 ppm over two minutes: 48 ms that must not stay in the buffer."""
    line = Line()
    line.run([(0.02 * n * (1 - 4e-4), packet(n)) for n in range(6000)], 120.2)
    assert 119.98 - line.lag(5999) > 0
    at = next(at for at, item in reversed(line.out) if isinstance(item, RtpPacket))
    assert at - 0.02 * 5999 * (1 - 4e-4) <= DELAY + 0.035


def test_a_slow_peer_clock_costs_next_to_nothing() -> None:
    line = Line()
    line.run([(0.02 * n * (1 + 4e-4), packet(n)) for n in range(6000)], 120.5)
    assert line.buffer.late <= 20
    assert len([item for item in line.numbers if item is not None]) >= 5980


def test_a_burst_after_a_stall_does_not_stay() -> None:
    arrivals = [(0.02 * n if not 50 <= n < 75 else 1.5, packet(n)) for n in range(1_000)]
    line = Line()
    line.run(arrivals, 20.3)
    assert line.lag(999) == pytest.approx(line.lag(0), abs=0.021)


def test_packets_without_audio_are_not_lost() -> None:
    line = Line()
    for n in range(40):
        line.buffer.push(packet(n), 0.02 * n) if not 10 <= n < 20 else line.buffer.skip(packet(n), 0.02 * n)
    line.run([], 1.2)
    assert line.buffer.lost == 0


def test_holds_no_more_than_it_may() -> None:
    buffer = JitterBuffer(DELAY)
    for n in range(10_000):
        buffer.push(packet(n, time=n), 0.0)
    popped = 0
    while buffer.pop(100.0) is not None:
        popped += 1
    assert popped <= 64


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(0, 65_535), st.floats(0, 0.3), st.integers(0, 50))
def test_whatever_the_network_does(seed: int, first: int, loss: float, jitter_ms: int) -> None:
    """Nothing twice, nothing out of order, every number accounted for, the lag bounded."""
    dice = random.Random(seed)
    arrivals = []
    sent = 150
    for n in range(sent):
        at = 0.02 * n + dice.random() * jitter_ms / 1000
        for _ in range(2 if dice.random() < 0.1 else 1):
            if n in (0, sent - 1) or dice.random() >= loss:
                arrivals.append((at + dice.random() * 0.005, packet(n + first, time=160 * n)))
    line = Line()
    line.run(arrivals, 3.6)
    played = [number for number in line.numbers if number is not None]
    assert played == sorted(set(played))
    assert line.buffer.resyncs == 0
    assert line.buffer.received + line.buffer.lost == sent
    assert len(played) >= line.buffer.received - line.buffer.late
    assert all(at - 0.02 * (number_of(item) - first) <= 0.06 + 0.05 + 0.02 + 0.02 + 0.001
               for at, item in line.out if isinstance(item, RtpPacket))  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.integers(0, 2),
            st.floats(0, 0.1),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_no_stream_however_mad_breaks_it(steps: list[tuple[int, int, int, float, bool]]) -> None:
    buffer, now = JitterBuffer(DELAY), 0.0
    for sequence, timestamp, ssrc, wait, audio in steps:
        now += wait
        one = RtpPacket(8, sequence, timestamp, ssrc, bytes(160))
        (buffer.push if audio else buffer.skip)(one, now)
        for _ in range(70):
            if buffer.pop(now) is None:
                break
        else:
            pytest.fail("never empty")
    assert buffer.lost >= 0
    assert buffer.received <= len(steps)
