"""A leg with a lane hears just what one without hears, whatever happens on the path."""

import random
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from hotline.gateway import lane, rtp
from hotline.gateway.lane import Lane
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.resample import upsample_frames
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.rtp_receive import PATIENCE, Receiver

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not lane.built(), reason="no kernel built (scripts/compile_media.py)"),
]
PLAN = MediaPlan(("127.0.0.1", 9), "PCMA", 8, 101, Direction.SENDRECV, also=((0, "PCMU"),))
TICKS = 800


@dataclass
class Course:
    """A leg that lends to its lane whenever it can, as `RtpSession` does."""

    receiver: Receiver
    lane: Lane
    ours: socket.socket
    theirs: socket.socket
    poll: select.epoll
    by_lane: int = 0

    def hear(self, data: bytes, now: float) -> None:
        self.theirs.send(data)
        lanes = [None] * self.ours.fileno() + [self.lane]
        ready, odd = lane.receive(self.poll, lanes, now)
        assert ready == 1
        for file, refused in odd:
            assert file == self.ours.fileno()
            assert (self.ours.recv(2048) if refused is None else refused) == data
            self.recall()
            self.receiver.push(rtp.parse(data), now)

    def recall(self) -> None:
        if self.lane.armed:
            self.receiver.take_back(self.lane)

    def pull(self, now: float) -> tuple[bytes, bool]:
        due = self.lane.tick(now, PATIENCE) if self.lane.armed else None
        if due is not None:
            self.by_lane += 1
            return due[0], False
        self.recall()
        row, made_up = self.receiver.pull(now)
        self.receiver.lend(self.lane)
        return upsample_frames([row], self.receiver.codec)[0], made_up


@pytest.fixture
def course() -> Iterator[Course]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    made = lane.make(ours.fileno())
    assert made is not None
    receiver = Receiver(0.06, 0.04)
    receiver.configure(PLAN, anew=True)
    with ours, theirs, select.epoll() as poll:
        poll.register(ours, select.EPOLLIN)
        yield Course(receiver, made, ours, theirs, poll)


def journey(seed: int, trouble: float) -> list[tuple[float, bytes]]:
    """Datagrams and when they come, seconds from the first tick."""
    chance, ssrc = random.Random(seed), 7
    found = []
    for number in range(TICKS):
        at, time = 0.02 * number + chance.uniform(0, 0.012), 0xFFFF_F000 + 160 * number
        sound = bytes(chance.randrange(256) for _ in range(160)) if number % 100 < 80 else b"\xd5" * 160
        usual = packet(8, 65_000 + number, time, ssrc, sound)
        fate = chance.randrange(8) if chance.random() < trouble else None
        ssrc += fate == 0
        late = at + chance.uniform(0.02, 0.3)
        odd = {
            1: [],
            2: [(late, usual)],
            3: [(at, usual), (late, usual)],
            4: [(at, usual._replace(payload_type=101, payload=bytes([5, 0x80, 1, 0x40])))],
            5: [(at, usual._replace(payload_type=0))],
            6: [(at, usual._replace(payload=sound[:80]))],
            7: [(at, usual._replace(payload_type=13, payload=b"\x4e"))],
        }
        found += [(when, rtp.build(one)) for when, one in odd.get(fate or 0, [(at, usual)])]
    return sorted(found)


def packet(kind: int, sequence: int, time: int, ssrc: int, payload: bytes) -> RtpPacket:
    return RtpPacket(kind, sequence & 0xFFFF, time & 0xFFFF_FFFF, ssrc, payload)


@pytest.mark.parametrize("trouble", [0.0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_same_sound_and_same_counts(course: Course, seed: int, trouble: float) -> None:
    plain = Receiver(0.06, 0.04)
    plain.configure(PLAN, anew=True)
    datagrams = journey(seed, trouble)
    for tick in range(TICKS + 20):
        now = 1000 + 0.02 * tick
        while datagrams and 1000 + datagrams[0][0] <= now:
            at, data = datagrams.pop(0)
            plain.push(rtp.parse(data), 1000 + at)
            course.hear(data, 1000 + at)
        row, made_up = plain.pull(now)
        wanted = np.frombuffer(upsample_frames([row], plain.codec)[0], "<i2").astype(int)
        pcm, course_made_up = course.pull(now)
        found = np.frombuffer(pcm, "<i2").astype(int)
        assert made_up == course_made_up, tick
        if plain._noise is None:  # what a pause sounds like is drawn by chance
            assert np.abs(found - wanted).max() <= 1, tick
        if tick % 97 == 0:
            course.recall()
            assert course.receiver.facts == plain.facts, tick
    course.recall()
    ours, others = course.receiver.jitter, plain.jitter
    assert course.receiver.facts == plain.facts
    assert (ours.highest, ours.expected_total, ours.runs, ours.resyncs, ours.surplus) == (
        others.highest, others.expected_total, others.runs, others.resyncs, others.surplus,
    )  # fmt: skip
    assert ours.interarrival == pytest.approx(others.interarrival)
    assert course.by_lane > TICKS * (0.9 if trouble == 0 else 0.1 if trouble < 0.2 else 0)


def test_what_does_not_fit_is_refused(course: Course) -> None:
    with pytest.raises(ValueError, match="hold"):
        course.lane.arm((0, 8, 1, (0,) * 6 + (0.0,) * 5, (b"short",), b"\xd5" * 160, 0, 0))
    assert not course.lane.armed
    assert course.lane.tick(1.0, PATIENCE) is None
