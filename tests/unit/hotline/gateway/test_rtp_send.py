"""The sender: numbers without holes, time that goes on, keys between sounds."""

from itertools import pairwise

import pytest

from hotline.gateway.dtmf import EventDecoder
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.rtp import parse, sequence_delta, timestamp_delta
from hotline.gateway.rtp_send import Sender

pytestmark = pytest.mark.unit


def sender(packet_ms: int = 20, dtmf: int | None = 101) -> Sender:
    made = Sender()
    made.configure(MediaPlan(("127.0.0.1", 4000), "PCMA", 8, dtmf, Direction.SENDRECV, packet_ms=packet_ms))
    return made


@pytest.mark.parametrize("ms", [10, 20, 30, 40, 60])
def test_packets_of_the_size_agreed_on(ms: int) -> None:
    one = sender(ms)
    sound = bytes(range(160)) * 12
    packets = [parse(data) for at in range(0, len(sound), 160) for data in one.tick(sound[at : at + 160])]
    assert {len(packet.payload) for packet in packets} == {8 * ms}
    assert b"".join(packet.payload for packet in packets) == sound
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    for before, after in pairwise(packets):
        assert sequence_delta(after.sequence, before.sequence) == 1
        assert timestamp_delta(after.timestamp, before.timestamp) == 8 * ms


def test_a_pause_moves_time_but_not_numbers() -> None:
    one = sender()
    (before,) = one.tick(bytes(160))
    for _ in range(10):
        one.pause()
    (after,) = one.tick(bytes(160))
    first, second = parse(before), parse(after)
    assert sequence_delta(second.sequence, first.sequence) == 1
    assert timestamp_delta(second.timestamp, first.timestamp) == 11 * 160
    assert second.marker


def test_two_presses_of_a_key_are_two() -> None:
    one, decoder, keys = sender(), EventDecoder(), []
    one.press("4", 100)
    one.press("4", 100)
    for _ in range(60):
        data = one.tick_press() if one.pressing else one.tick(bytes(160))[0]
        if data and parse(data).payload_type == 101:
            keys.append(decoder.push(parse(data)))
    assert [key for key in keys if key] == ["4", "4"]
    assert one.packets == 58  # two ticks end a press and send nothing


def test_no_press_where_the_peer_knows_no_events() -> None:
    one = sender(dtmf=None)
    one.press("4", 100)
    assert not one.pressing


@pytest.mark.parametrize("key", ["", "x", "12"])
def test_no_such_key(key: str) -> None:
    with pytest.raises(ValueError):
        sender().press(key, 100)


def test_who_rests_tells_of_its_silence_now_and_then() -> None:
    """RFC 3389 §4: time goes on, numbers have no holes, speech begins with a marker."""
    one = sender(40)
    one.tick(bytes(160))
    said = [parse(data) for _ in range(61) for data in one.rest(13, b"\x4e", b"\xd5" * 160)]
    assert [(packet.payload_type, len(packet.payload)) for packet in said] == [(8, 320), *[(13, 1)] * 3]
    assert [timestamp_delta(b.timestamp, a.timestamp) for a, b in pairwise(said)] == [320, 3_200, 3_200]
    one.tick(bytes(160))
    (speech,) = (parse(data) for data in one.tick(bytes(160)))
    assert speech.marker
    assert sequence_delta(speech.sequence, said[-1].sequence) == 1
    assert timestamp_delta(speech.timestamp, said[0].timestamp) == 62 * 160
