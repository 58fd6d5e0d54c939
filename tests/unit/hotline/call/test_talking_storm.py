"""Whatever agents, pages and parties do, in any order: no leak, no leg left open, no seat left talking."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotline.acd.model import LogKind, NotAllowed
from hotline.call.floor import Oversight, PartyKind
from hotline.call.talk_parts import TalkEnd
from hotline.call.talking import LiveTalk
from hotline.conversation import EndCause
from tests.fakes.talk_kit import FORBIDDEN, PUBLIC, PatientLeg, Staff, settle, staff

pytestmark = pytest.mark.unit

RING_S = 0.2
"""In real time; who is rung answers at once, so that only a queue in which nobody is free is waited for."""
Step = Callable[[Staff, LiveTalk], Awaitable[object]]


async def hold(kit: Staff, talk: LiveTalk) -> None:
    talk.hold()


async def resume(kit: Staff, talk: LiveTalk) -> None:
    talk.resume()


async def mute(kit: Staff, talk: LiveTalk) -> None:
    talk.mute(on=not talk.muted)


async def attach(kit: Staff, talk: LiveTalk) -> None:
    await on_a_new_leg(kit, "again", talk.attach)


async def on_a_new_leg(kit: Staff, name: str, use: Callable[[PatientLeg], object]) -> None:
    """A page hangs its leg up when it is refused."""
    leg = kit.leg(name)
    try:
        use(leg)
    except NotAllowed:
        await leg.hangup()
        raise


def oversee(mode: Oversight) -> Step:
    async def step(kit: Staff, talk: LiveTalk) -> None:
        watching = [leg for leg, kind in talk.parties.items() if kind is PartyKind.SUPERVISOR]
        if watching:
            talk.oversee("chief", next(leg for leg in kit.legs if leg.leg == watching[0]), mode)
        else:
            await on_a_new_leg(kit, "chief", lambda leg: talk.oversee("chief", leg, mode))

    return step


async def take_over(kit: Staff, talk: LiveTalk) -> None:
    leg = kit.leg("chief")
    try:
        await talk.take_over(kit.seats["chief"], leg)
    except NotAllowed:
        await leg.hangup()
        raise


def dies(kind: PartyKind, cause: EndCause) -> Step:
    async def step(kit: Staff, talk: LiveTalk) -> None:
        for leg in kit.legs:
            if talk.parties.get(leg.leg) is kind:
                leg.end(cause)
                return

    return step


async def caller_goes(kit: Staff, talk: LiveTalk) -> None:
    kit.leaving.cancel()


async def time_passes(kit: Staff, talk: LiveTalk) -> None:
    kit.hall.after(40)


STEPS: dict[str, Step] = {
    "hold": hold,
    "resume": resume,
    "mute": mute,
    "attach": attach,
    "take over": take_over,
    "time": time_passes,
    "caller goes": caller_goes,
    "hangup": lambda _, talk: talk.hangup(),
    "complete": lambda _, talk: talk.complete(),
    "back": lambda _, talk: talk.back(),
    "conference": lambda _, talk: talk.conference(),
    **{f"{mode}": oversee(mode) for mode in Oversight},
    **{
        f"{kind} {cause}": dies(kind, cause)
        for kind in PartyKind
        for cause in (EndCause.REMOTE_HANGUP, EndCause.TRANSPORT)
        if kind is not PartyKind.CALLER
    },
    **{
        f"{how} {target}": lambda _, talk, how=how, target=target: getattr(talk, how)(target)  # type: ignore[misc]
        for how in ("consult", "transfer", "conference")
        for target in ("agent:bo", "agent:chen", f"number:{PUBLIC}", f"number:{FORBIDDEN}", "queue:night")
    },
}


def check(kit: Staff, talk: LiveTalk) -> None:
    """What holds at every moment."""
    kinds = list(talk.parties.values())
    assert kinds.count(PartyKind.AGENT) <= 1
    assert kinds.count(PartyKind.CONSULTED) + kinds.count(PartyKind.OUTSIDE) <= 1
    at = {str(leg.leg): leg for leg in kit.legs}
    heard = kit.hear()["caller"]
    if talk.on_hold or kit.over.is_set():
        assert heard == set()
    for leg, kind in talk.parties.items():
        if kind is PartyKind.CONSULTED:
            assert at[leg].level not in heard
    if kit.over.is_set() or talk.on_hold:
        return
    if not talk.agent:
        assert kinds.count(PartyKind.OUTSIDE) == 1
        assert heard
    elif PartyKind.AGENT in kinds and not talk.muted and all(not at[x].over for x in talk.parties if x in at):
        assert heard


def check_end(kit: Staff) -> None:
    ends = [line for line in kit.logged if line.kind in {LogKind.COMPLETEAGENT, LogKind.COMPLETECALLER}]
    assert kit.result is not None
    assert len(ends) == (kit.result.end is not TalkEnd.TRANSFER)
    holds = [line.kind for line in kit.logged if line.kind in {LogKind.HOLD, LogKind.UNHOLD}]
    assert holds == [LogKind.HOLD, LogKind.UNHOLD] * (len(holds) // 2)


async def play_out(kind: str, names: list[str]) -> None:
    async with staff(kind, ring_s=RING_S) as (kit, talk):
        for name in names:
            with suppress(NotAllowed):
                await STEPS[name](kit, talk)
            await settle()
            check(kit, talk)
        last = kit
    check_end(last)


LIKELY = [f"consult number:{PUBLIC}", "consult agent:bo", "complete", "conference", "back", "attach"]
names = st.sampled_from(LIKELY) | st.sampled_from(sorted(STEPS))


@settings(deadline=None, max_examples=60)
@example(
    "phone",
    ["consult agent:bo", "back", "consult agent:chen", "back", "conference queue:night", "consult agent:bo"],
)
@given(st.sampled_from(["browser", "phone"]), st.lists(names, min_size=3, max_size=14))
def test_whatever_happens(kind: str, names: list[str]) -> None:
    anyio.run(play_out, kind, names)
