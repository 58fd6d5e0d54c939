"""The collector passes by what was there before the calls, and only as long as it should."""

import gc
import weakref

import pytest

from hotline.heap import settled_heap

pytestmark = pytest.mark.unit


class Knot:
    """Garbage only the collector can find."""

    def __init__(self) -> None:
        self.self = self


def test_what_was_there_is_left_alone_and_what_came_later_is_not() -> None:
    old = Knot()
    with settled_heap():
        new = Knot()
        known_old, known_new = weakref.ref(old), weakref.ref(new)
        del old, new
        gc.collect()
        assert gc.get_freeze_count() > 0
        assert known_old() is not None
        assert known_new() is None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert known_old() is None


def test_left_by_an_error_it_is_undone() -> None:
    with pytest.raises(RuntimeError), settled_heap():
        raise RuntimeError
    assert gc.get_freeze_count() == 0
