"""Who is found by a skill, and which talk is whose."""

import pytest

from hotline.acd.model import NotAllowed, Presence
from hotline.call.talks import Talks
from tests.fakes.talk_kit import CALL, staff

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def test_somebody_with_a_skill_is_consulted_and_never_who_asks() -> None:
    async with staff(ring_s=0.05) as (kit, talk):
        await talk.consult("skill:language.yi")
        assert [name for name in ("bo", "chen") if kit.seats[name].presence is Presence.TALKING]
        await talk.back()
        with pytest.raises(NotAllowed, match="bad_target"):
            await talk.consult("skill:juggling")


async def test_the_floor_finds_talks_by_agent() -> None:
    async with staff() as (_kit, talk):
        floor = Talks()
        floor.begin(CALL, talk)
        assert floor.of_agent("anna") == (CALL, talk)
        assert floor.of_agent("bo") is None
        await talk.consult("agent:bo")
        assert floor.of_guest("bo") == (CALL, talk)
        assert floor.of_guest("anna") is None
        await talk.complete()
        assert floor.of_guest("bo") is None
        assert floor.of_agent("bo") == (CALL, talk)
        floor.end(CALL)
        assert not floor.talks
