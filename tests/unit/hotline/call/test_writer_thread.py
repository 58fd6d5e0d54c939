"""The writer's thread: everyone has a turn, those who are done have none, the thread ends with its work.

Real time, because a thread is what is tested; nothing here waits longer than it must.
"""

import threading
import time
from itertools import pairwise

import pytest

from hotline.call.writer_thread import WRITE_S, WriterThread

pytestmark = pytest.mark.unit


class Member:
    def __init__(self, turns: int = 1_000_000) -> None:
        self.left = turns
        self.times: list[float] = []
        self.enough = threading.Event()
        self.wanted = turns

    def turn(self) -> bool:
        self.times.append(time.monotonic())
        if len(self.times) >= self.wanted:
            self.enough.set()
        self.left -= 1
        return self.left > 0


def threads() -> int:
    return sum(thread.name == "recordings" for thread in threading.enumerate())


def wait_until_none() -> None:
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_one_thread_gives_each_a_turn_in_time_and_ends() -> None:
    wait_until_none()
    writer, members = WriterThread(), [Member() for _ in range(150)]
    for member in members:
        member.wanted = 4
        writer.add(member)
    assert threads() == 1
    assert all(member.enough.wait(10 * WRITE_S) for member in members)
    for member in members:
        writer.remove(member)
        writer.remove(member)
    waits = sorted(later - former for member in members for former, later in pairwise(member.times[1:4]))
    assert waits[len(waits) // 2] <= WRITE_S + 0.05
    wait_until_none()
    assert threads() == 0


def test_who_is_done_has_no_more_turns() -> None:
    writer, done, other = WriterThread(), Member(2), Member()
    other.wanted = 5
    writer.add(done)
    writer.add(other)
    assert other.enough.wait(10)
    writer.remove(other)
    assert len(done.times) == 2


def test_begins_again_after_it_ended() -> None:
    writer = WriterThread()
    for _ in range(2):
        member = Member(1)
        writer.add(member)
        assert member.enough.wait(5)
        wait_until_none()
        assert threads() == 0
