"""Memory that is free in the midst of the C library's heap goes back to the system."""

import ctypes

import anyio
import psutil
import pytest

from hotline.heap import keep_trimmed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc"),
]
MB = 1_000_000


async def test_holes_are_given_back() -> None:
    kept = [bytearray(60_000) for _ in range(1_000)]  # below what is mapped by itself
    end = bytearray(60_000)  # nothing here is a free end, which would go by itself
    full = psutil.Process().memory_info().rss
    kept[:] = kept[::10]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_trimmed, 0.01)
        with anyio.fail_after(5):
            while psutil.Process().memory_info().rss > full - 40 * MB:  # noqa: ASYNC110  nobody can tell
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert len(kept) == 100
    assert end
