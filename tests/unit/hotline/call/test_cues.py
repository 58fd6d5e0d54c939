"""Inputs on their way to the flow: in order, bounded, and stale ones forgotten but keys never."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.call.cues import CAPACITY, Cues
from hotline.conversation import Digit
from hotline.ivr.machine import Input, Pressed, PromptDone

pytestmark = pytest.mark.unit


def key(name: str) -> Pressed:
    return Pressed(Digit(name, 0))


@pytest.mark.anyio
async def test_in_order_and_waiting_for_what_is_to_come() -> None:
    cues = Cues()
    got: list[Input] = []

    async def reader() -> None:
        for _ in range(3):
            got.append(await cues.next())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader)
        await anyio.wait_all_tasks_blocked()
        assert got == []
        for cue in (key("1"), PromptDone(), key("2")):
            cues.put(cue)
            await anyio.wait_all_tasks_blocked()
    assert got == [key("1"), PromptDone(), key("2")]


@pytest.mark.anyio
async def test_giving_up_waiting_loses_nothing() -> None:
    cues = Cues()
    got: list[Input] = []

    async def reader() -> None:
        got.append(await cues.next())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader)
        await anyio.wait_all_tasks_blocked()
        cues.put(key("1"))
        tasks.cancel_scope.cancel()
    cues.put(key("2"))
    got.append(await cues.next())
    with anyio.move_on_after(0):
        got.append(await cues.next())
    assert got == [key("1"), key("2")]  # whoever was woken or came later, each once and in order


@given(st.lists(st.sampled_from([key("1"), key("2"), PromptDone()]), max_size=CAPACITY + 20))
def test_bounded_counted_and_only_keys_outlive_the_prompt(put: list[Input]) -> None:
    cues = Cues()
    for cue in put:
        cues.put(cue)
    assert cues.ignored == max(0, len(put) - CAPACITY)
    cues.move_on()
    kept = [cue for cue in put[:CAPACITY] if isinstance(cue, Pressed)]

    async def read() -> list[Input]:
        return [await cues.next() for _ in kept]

    assert anyio.run(read) == kept
