"""Writers take turns in the order in which they came."""

import threading
import time

import pytest

from hotline.store.turns import Turns

pytestmark = pytest.mark.unit


def test_who_came_first_is_first() -> None:
    turns, served = Turns(), []
    assert turns.take(0)

    def write(name: int) -> None:
        assert turns.take(10)
        served.append(name)
        turns.give_back()

    threads = []
    for name in range(8):
        thread = threading.Thread(target=write, args=(name,))
        thread.start()
        threads.append(thread)
        while len(turns._waiting) <= name:
            time.sleep(0.001)
    turns.give_back()
    for thread in threads:
        thread.join(10)
    assert served == list(range(8))
    assert turns.take(0)


def test_who_gives_up_waiting_is_passed_over() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0)
    turns.give_back()
