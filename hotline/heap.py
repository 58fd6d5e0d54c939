"""Keeps memory steady: no long stops of the garbage collector, and freed memory given back."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

TRIM_S = 60.0
"""Between two times that free memory is given back: a few milliseconds each."""


@contextmanager
def settled_heap() -> Iterator[None]:
    """Take all objects there are now out of the collector's rounds, while the context lasts.

    A full round looks at every object: with the 140,000 of the modules alone it stops the loop for nearly a
    fifth of a second, which every caller hears. Enter it when everything is loaded and before the first call.
    What calls leave behind is still collected.
    """
    _give_back_freed()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""mallopt(3)."""
_LARGE = 128 * 1024


def _give_back_freed() -> None:
    """Tell glibc to share two arenas among all threads, and to return large blocks and free ends at once.

    Left alone it raises these limits itself as a day goes on, and a line that runs for weeks grows by what it
    could have given back. Does nothing under another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _LARGE)):
            mallopt(option, value)


async def keep_trimmed(every_s: float = TRIM_S) -> None:
    """Give back, now and then, what is free in the midst of the heap, for ever.

    glibc by itself gives back free ends only. Of the holes between, a busy time leaves some tens of
    megabytes, which stay with the process though nothing is in them.
    Does nothing under another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await anyio.sleep(every_s)
        trim(0)
