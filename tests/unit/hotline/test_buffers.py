"""The two bounded buffers."""

import anyio
import pytest

from hotline.buffers import DropOldest, LatestPerKey

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def test_a_full_queue_drops_the_oldest_and_counts_it() -> None:
    queue: DropOldest[int] = DropOldest(3)
    kept = [queue.push(n) for n in range(5)]
    queue.close()
    assert kept == [True, True, True, False, False]
    assert [n async for n in queue] == [2, 3, 4]
    assert queue.dropped == 2


async def test_a_reader_waits_for_the_writer_and_ends_with_close() -> None:
    queue: DropOldest[int] = DropOldest(10)
    got: list[int] = []

    async def read() -> None:
        async for n in queue:
            got.append(n)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        for n in range(3):
            queue.push(n)
            await anyio.lowlevel.checkpoint()
        queue.close()
    queue.push(9)
    assert got == [0, 1, 2]


async def test_cancelling_a_reader_loses_nothing() -> None:
    queue: DropOldest[int] = DropOldest(10)

    async def read_one() -> int:
        async for n in queue:
            return n
        return -1

    with anyio.move_on_after(0):
        await read_one()
    queue.push(1)
    assert await read_one() == 1


async def test_the_latest_of_a_key_replaces_the_older_in_its_place() -> None:
    box: LatestPerKey[str, int] = LatestPerKey(2)
    box.put("a", 1)
    box.put("b", 2)
    box.put("a", 3)
    assert (box.replaced, len(box)) == (1, 2)
    box.put("c", 4)
    box.close()
    assert [n async for n in box] == [2, 4]
    assert box.dropped == 1
