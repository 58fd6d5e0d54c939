"""A party whose packets have stopped."""

from dataclasses import replace

import anyio
import pytest

from hotline.call.talk_parts import TalkEnd
from hotline.conversation import EndCause
from tests.fakes.talk_kit import settle, staff

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def test_a_browser_of_which_nothing_comes_is_lost_since_it_fell_silent() -> None:
    async with staff(reattach_s=0.01) as (kit, talk):
        leg = kit.last_leg("anna")
        for second in range(1, 10):
            kit.hall.after(1)
            if second <= 4:  # the microphone may be silent, packets come all the same
                leg.facts = replace(leg.facts, received=50 * second)
            leg.frames(1)
            await settle()
            assert bool(leg.hangups) == (second == 9)
        with anyio.fail_after(10):
            await kit.over.wait()
        assert leg.hangups[0] is EndCause.MEDIA_TIMEOUT
        assert "agent" not in talk.parties.values()
        assert kit.result is not None
        assert (kit.result.end, kit.result.talked_ms) == (TalkEnd.AGENT_LOST, 4_000)
