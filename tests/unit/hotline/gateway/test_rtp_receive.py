"""The receiver: a frame every tick, whatever comes; conversions in mid-stream."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.dtmf import press
from hotline.gateway.g711 import SILENCE, decode, encode
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.resample import FRAME_8K, TAIL
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.rtp_receive import Receiver

pytestmark = pytest.mark.unit

ALAW = MediaPlan(("127.0.0.1", 4000), "PCMA", 8, 101, Direction.SENDRECV)
ULAW = MediaPlan(("127.0.0.1", 4000), "PCMU", 0, 101, Direction.SENDRECV)


def receiver(plan: MediaPlan = ALAW) -> Receiver:
    made = Receiver(0.06)
    made.configure(plan, anew=True)
    return made


def tone(samples: int) -> bytes:
    return encode((8000 * np.sin(np.arange(samples) * 0.3)).astype(np.int16), "PCMA")


def run(one: Receiver, packets: list[RtpPacket], ms: int = 20) -> list[tuple[bytes, bool]]:
    """Packets `ms` apart, a pull every 20 ms, until all is out."""
    rows, waiting = [], [(n * ms / 1000, packet) for n, packet in enumerate(packets)]
    for tick in range(len(packets) * ms // 20 + 12):
        now = tick * 0.02 + 0.001
        while waiting and waiting[0][0] <= now:
            one.push(waiting.pop(0)[1], now)
        row, made_up = one.pull(now)
        assert len(row) == TAIL + FRAME_8K
        rows.append((row, made_up))
    assert all(b[:TAIL] == a[-TAIL:] for (a, _), (b, _) in pairwise(rows))
    return rows


def packetise(sound: bytes, size: int = 160, kind: int = 8) -> list[RtpPacket]:
    return [
        RtpPacket(kind, n, n * size, 1, sound[at : at + size])
        for n, at in enumerate(range(0, len(sound), size))
    ]


@pytest.mark.parametrize("ms", [10, 20, 30, 40, 60])
def test_every_packet_size_comes_out_whole(ms: int) -> None:
    sound = tone(160 * 24)
    rows = run(receiver(), packetise(sound, ms * 8), ms)
    heard = b"".join(row[TAIL:] for row, _ in rows)
    assert sound[480:] in heard  # packets not of whole ticks may cost a frame to get going
    if ms % 20 == 0:
        assert sound in heard


def test_nothing_comes_and_it_is_silent() -> None:
    for row, made_up in run(receiver(), []):
        assert row == SILENCE["PCMA"] * (TAIL + FRAME_8K)
        assert not made_up


def test_a_lost_packet_is_made_up_and_marked() -> None:
    one = receiver()
    packets = packetise(tone(160 * 20))
    waiting = [packet for packet in packets if packet.sequence != 9]
    rows = []
    for tick in range(26):
        if waiting and waiting[0].sequence <= tick:
            one.push(waiting.pop(0), tick * 0.02)
        rows.append(one.pull(tick * 0.02 + 0.001))
    marked = [index for index, (_, made_up) in enumerate(rows) if made_up]
    assert marked[0] == 9 + 3
    assert np.abs(decode(rows[12][0][TAIL:], "PCMA")).max() > 4000
    facts = one.facts
    assert (facts.received, facts.lost, facts.codec) == (19, 1, "PCMA")
    assert facts.concealed_ms >= 20


def test_when_the_stream_breaks_off_it_fades() -> None:
    rows = run(receiver(), packetise(tone(160 * 10)))
    marked = [made_up for _, made_up in rows]
    assert sum(marked) == 3
    assert rows[-1][0][TAIL:] == SILENCE["PCMA"] * FRAME_8K


def test_codec_changes_in_mid_call() -> None:
    one = receiver()
    for n in range(6):
        one.push(RtpPacket(8, n, 160 * n, 1, tone(160)), 0.02 * n)
        one.pull(0.02 * n + 0.001)
    one.configure(ULAW, anew=False)
    one.push(RtpPacket(8, 6, 960, 1, tone(160)), 0.12)  # still on its way
    for n in range(7, 20):
        coded = encode(decode(tone(160), "PCMA"), "PCMU")
        one.push(RtpPacket(0, n, 160 * n, 1, coded), 0.02 * n)
        row, made_up = one.pull(0.02 * n + 0.001)
        assert not made_up
        expected = decode(tone(160), "PCMA").astype(int)
        assert np.abs(decode(row[TAIL:], "PCMU") - expected).max() < 600
    assert one.codec == "PCMU"
    assert one.ignored == 0


def test_keys_are_told_once_and_cost_no_audio() -> None:
    one, keys = receiver(), []
    sequence = 0
    for n in range(20):
        one.push(RtpPacket(8, sequence, 160 * n, 1, tone(160)), 0.02 * n)
        sequence += 1
        one.pull(0.02 * n + 0.001)
    for event in press("8", 100):
        keys.append(one.push(RtpPacket(101, sequence, 3200, 1, event.payload, event.marker), 0.4))
        sequence += 1
    assert [key for key in keys if key] == ["8"]
    assert one.facts.lost == 0


def test_what_was_not_agreed_on_is_ignored_and_counted() -> None:
    one = receiver()
    for n in range(5):
        one.push(RtpPacket(18, n, 160 * n, 1, b"\x10"), 0.02 * n)
    assert one.ignored == 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from([8, 8, 8, 101, 13]),
            st.integers(0, 40),
            st.integers(0, 40),
            st.integers(0, 1600),
            st.floats(0, 0.1),
        ),
        max_size=40,
    )
)
def test_always_one_whole_frame(steps: list[tuple[int, int, int, int, float]]) -> None:
    one, now = receiver(), 0.0
    for kind, sequence, time, size, wait in steps:
        now += wait
        one.push(RtpPacket(kind, sequence, 160 * time, 1, bytes(size)), now)
        assert len(one.pull(now)[0]) == TAIL + FRAME_8K


def talk(
    one: Receiver, spurts: list[tuple[int, int]], noise: bytes = bytes([50])
) -> list[tuple[bytes, bool]]:
    """Talkspurts (first tick, ticks) with one comfort noise packet after each; what was heard by tick."""
    packets, sequence = {}, 0
    for first, count in spurts:
        for tick in range(first, first + count):
            packets[tick] = RtpPacket(8, sequence, 160 * tick, 1, tone(160), tick == first)
            sequence += 1
        packets[first + count] = RtpPacket(13, sequence, 160 * (first + count), 1, noise)
        sequence += 1
    rows = []
    for tick in range(max(packets) + 30):
        if tick in packets:
            one.push(packets[tick], 0.02 * tick)
        rows.append(one.pull(0.02 * tick + 0.001))
    return rows


def level(row: bytes) -> float:
    return float(np.sqrt(np.mean(decode(row[TAIL:], "PCMA").astype(float) ** 2)))


def test_silence_of_a_peer_is_its_noise_and_no_loss() -> None:
    one = receiver()
    rows = talk(one, [(0, 20), (200, 20)])
    loud = [tick for tick, (row, _) in enumerate(rows) if level(row) > 2_000]
    assert loud == [*range(3, 23), *range(203, 223)]  # each talkspurt whole, at its time
    assert not any(made_up for _, made_up in rows)
    background = [level(row) for row, _ in rows[30:200]]
    assert np.mean(background) == pytest.approx(32_768 * 10 ** (-50 / 20), rel=0.1)
    facts = one.facts
    assert (facts.lost, facts.late, facts.concealed_ms) == (0, 0, 0)
    assert one.ignored == 0


def test_loss_after_a_silence_is_concealed_again() -> None:
    one = receiver()
    talk(one, [(0, 20), (60, 20)])
    before = one.quiet
    one.push(RtpPacket(8, 42, 160 * 200, 1, tone(160), True), 4.0)
    rows = [one.pull(4.0 + 0.02 * n + 0.001) for n in range(8)]
    assert (before, one.quiet) == (True, False)
    assert any(made_up for _, made_up in rows)  # it broke off without a word


def test_a_stream_anew_knows_nothing_of_the_old_one_s_noise() -> None:
    one = receiver()
    talk(one, [(0, 20)])
    one.configure(ALAW, anew=True)
    assert not one.quiet
    assert one.pull(9.0)[0][TAIL:] == SILENCE["PCMA"] * FRAME_8K


def test_the_peer_may_turn_to_any_format_of_the_answer() -> None:
    one = receiver(replace(ALAW, also=((0, "PCMU"),)))
    for n in range(20):
        sound = tone(160) if n % 2 else encode(decode(tone(160), "PCMA"), "PCMU")
        one.push(RtpPacket(8 if n % 2 else 0, n, 160 * n, 1, sound), 0.02 * n)
        row, made_up = one.pull(0.02 * n + 0.001)
        if n >= 3:
            assert not made_up
            assert np.abs(decode(row[TAIL:], "PCMA").astype(int) - decode(tone(160), "PCMA")).max() < 600
    assert one.ignored == 0
