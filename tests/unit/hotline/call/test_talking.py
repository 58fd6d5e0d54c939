"""A talk: who comes, goes and hears whom, and what is left when it is over."""

import anyio
import pytest

from hotline.acd.model import LogKind, NotAllowed, Presence
from hotline.call.floor import Oversight, PartyKind
from hotline.call.talk_parts import TalkEnd
from hotline.conversation import EndCause
from tests.fakes.talk_kit import CALL, DEAD, FORBIDDEN, PUBLIC, settle, staff

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def test_an_agent_and_a_caller_hear_each_other_and_the_tape_has_the_agent() -> None:
    async with staff() as (kit, talk):
        anna = kit.last_leg("anna")
        assert kit.hear() == {"caller": {anna.level}, anna.leg: {1}}
        assert (talk.agent, talk.on_hold, talk.muted) == ("anna", False, False)
        assert talk.parties == {"caller": PartyKind.CALLER, anna.leg: PartyKind.AGENT}
        assert {frame.pcm[0] for frame in kit.tape} == {anna.level}
        kit.hall.after(12)
        await talk.hangup()
        await settle()
        assert kit.result is not None
        assert (kit.result.end, kit.result.talked_ms, kit.result.agent) == (TalkEnd.AGENT, 12_000, "anna")
        assert kit.seats["anna"].presence is Presence.WRAP_UP
        assert kit.logged[-1].kind is LogKind.COMPLETEAGENT
        assert kit.logged[-1].facts["talked_ms"] == 12_000
        with pytest.raises(NotAllowed, match="over"):
            talk.hold()


async def test_a_caller_who_goes_ends_it() -> None:
    async with staff() as (kit, _talk):
        kit.hall.after(3)
        kit.leaving.cancel()
        await settle()
        assert kit.result is not None
        assert (kit.result.end, kit.result.talked_ms) == (TalkEnd.CALLER, 3_000)
        kit.hall.after(30)
        assert kit.result.talked_ms == 3_000
        assert kit.kinds() == [LogKind.COMPLETECALLER]


async def test_hold_gives_music_and_silence_and_counts() -> None:
    async with staff() as (kit, talk):
        talk.hold()
        talk.hold()
        await settle()
        assert kit.caller.entertained()
        assert talk.on_hold
        anna = kit.last_leg("anna")
        assert kit.hear() == {"caller": set(), anna.leg: set()}
        kit.hall.after(5)
        talk.resume()
        talk.resume()
        await settle()
        assert not kit.caller.entertained()
        assert kit.hear()["caller"] == {anna.level}
        assert kit.kinds() == [LogKind.HOLD, LogKind.UNHOLD]
        await talk.hangup()
        await settle()
        assert kit.result is not None
        assert kit.result.held_ms == 5_000


async def test_what_the_caller_does_not_hear_is_not_written_down() -> None:
    async with staff() as (kit, talk):
        anna = kit.last_leg("anna")
        kit.caller.frames(2)
        kit.hear()
        await settle()
        talk.mute(on=True)
        assert kit.hear()["caller"] == set()
        await settle()
        talk.mute(on=False)
        talk.hold()
        kit.hear()
        await settle()
        talk.resume()
        kit.hear()
        await settle()
        frames = kit.ears[anna.leg].frames
        assert [frame.pcm[0] for frame in frames] == [anna.level, 0, 0, anna.level]
        assert [frame.start for frame in frames] == [32_000 + 320 * number for number in range(4)]


async def test_keys_go_to_the_caller_or_to_the_third() -> None:
    async with staff() as (kit, talk):
        talk.press("5")
        await talk.consult(f"number:{PUBLIC}")
        talk.press("1")
        assert (kit.caller.pressed, kit.last_leg("outside").pressed) == ("5", "1")


async def test_a_consultation_is_not_for_the_caller_and_may_become_a_transfer() -> None:
    async with staff() as (kit, talk):
        await talk.consult("agent:bo")
        await settle()
        anna, bo = kit.last_leg("anna"), kit.last_leg("bo")
        assert kit.hear() == {"caller": set(), anna.leg: {bo.level}, bo.leg: {anna.level}}
        assert kit.caller.entertained()
        assert kit.seats["bo"].presence is Presence.TALKING
        with pytest.raises(NotAllowed, match="has_party"):
            await talk.consult("agent:chen")
        await talk.complete()
        await settle()
        assert talk.agent == "bo"
        assert anna.hangups
        assert kit.seats["anna"].presence is Presence.WRAP_UP
        assert kit.hear() == {"caller": {bo.level}, bo.leg: {1}}
        assert not kit.caller.entertained()
        assert [record.remote for record in talk.records] == ["anna", "bo"]


async def test_back_from_a_consultation() -> None:
    async with staff() as (kit, talk):
        await talk.consult("agent:bo")
        await talk.back()
        await settle()
        assert kit.last_leg("bo").hangups
        assert kit.seats["bo"].presence is Presence.WRAP_UP
        assert kit.hear()["caller"] == {kit.last_leg("anna").level}
        with pytest.raises(NotAllowed, match="nobody_consulted"):
            await talk.back()
        with pytest.raises(NotAllowed, match="nobody_consulted"):
            await talk.complete()


async def test_ringing_can_be_given_up() -> None:
    async with staff() as (kit, talk), anyio.create_task_group() as page:
        kit.answering = False
        refused: list[str] = []

        async def ask(target: str) -> None:
            try:
                await talk.consult(target)
            except NotAllowed as error:
                refused.append(error.reason)

        for target in ("agent:bo", f"number:{PUBLIC}"):
            page.start_soon(ask, target)
            await settle()
            assert talk.on_hold
            await talk.back()
            await settle()
            assert not talk.on_hold
        assert refused == ["given_up", "given_up"]
        assert kit.seats["bo"].presence is Presence.READY


@pytest.mark.parametrize("target", ["agent:bo", f"number:{PUBLIC}"])
async def test_the_caller_goes_while_somebody_is_rung(target: str) -> None:
    async with anyio.create_task_group() as page, staff() as (kit, talk):
        kit.answering = False

        async def ask() -> None:
            with pytest.raises(NotAllowed):
                await talk.consult(target)

        page.start_soon(ask)
        await settle()
        kit.leaving.cancel()
        await settle()
        assert kit.result is not None
        assert kit.seats["bo"].presence is Presence.READY


async def test_a_page_that_goes_while_it_rings_leaves_the_caller_with_the_agent() -> None:
    async with staff() as (kit, talk):
        kit.answering = False
        async with anyio.create_task_group() as page:
            page.start_soon(talk.consult, "agent:bo")
            await settle()
            page.cancel_scope.cancel()
        assert not talk.on_hold
        assert kit.seats["bo"].presence is Presence.READY


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("agent:nobody", "no_such_agent"),
        ("agent:anna", "no_such_agent"),
        ("agent:chief", "agent_busy"),
        (f"number:{FORBIDDEN}", "not_permitted"),
        (f"number:{DEAD}", "unreachable"),
        ("number:", "bad_target"),
        ("moon:1", "bad_target"),
    ],
)
async def test_where_a_call_cannot_go_it_stays(target: str, reason: str) -> None:
    async with staff() as (kit, talk):
        for ask in (talk.transfer, talk.consult, talk.conference):
            with pytest.raises(NotAllowed) as caught:
                await ask(target)
            assert caught.value.reason == reason
        await settle()
        assert not talk.on_hold
        assert kit.hear()["caller"] == {kit.last_leg("anna").level}


async def test_nobody_answers_in_time() -> None:
    async with staff(ring_s=0.01) as (kit, talk):
        kit.answering = False
        with pytest.raises(NotAllowed, match="no_answer"):
            await talk.consult("agent:bo")
        with pytest.raises(NotAllowed, match="unreachable"):
            await talk.transfer(f"number:{PUBLIC}")
        assert not talk.on_hold


@pytest.mark.parametrize(
    ("target", "agent", "queue", "skills"),
    [
        ("agent:bo", "bo", "legal", frozenset()),
        ("queue:night", None, "night", frozenset()),
        ("queue:yi", None, "yi", frozenset({"language.yi"})),
        ("queue:legal", None, "legal", frozenset()),
        ("skill:language.yi", None, "legal", frozenset({"language.yi"})),
    ],
)
async def test_a_blind_transfer_sends_the_caller_on(
    target: str, agent: str | None, queue: str, skills: frozenset[str]
) -> None:
    async with staff() as (kit, talk):
        await talk.transfer(target)
        await settle()
        assert kit.result is not None
        assert kit.result.end is TalkEnd.TRANSFER
        wanted = kit.result.target
        assert wanted is not None
        assert (wanted.call, wanted.agent, wanted.queue, wanted.skills) == (CALL, agent, queue, skills)
        assert kit.kinds() == [LogKind.TRANSFER]


async def test_a_transfer_to_a_number_leaves_the_caller_there_until_it_hangs_up() -> None:
    async with staff() as (kit, talk):
        await talk.transfer(f"number:{PUBLIC}")
        await settle()
        outside = kit.last_leg("outside")
        assert talk.agent == ""
        assert kit.last_leg("anna").hangups
        assert kit.seats["anna"].presence is Presence.WRAP_UP
        assert kit.hear() == {"caller": {outside.level}, outside.leg: {1}}
        with pytest.raises(NotAllowed, match="no_agent"):
            talk.hold()
        outside.end(EndCause.REMOTE_HANGUP)
        await settle()
        assert kit.result is not None
        assert kit.result.end is TalkEnd.AGENT


async def test_three_of_them_and_one_goes() -> None:
    async with staff() as (kit, talk):
        await talk.conference(f"number:{PUBLIC}")
        await settle()
        anna, outside = kit.last_leg("anna"), kit.last_leg("outside")
        heard = kit.hear()
        assert heard["caller"] == {anna.level + outside.level}
        assert heard[outside.leg] == {1 + anna.level}
        assert talk.parties[outside.leg] is PartyKind.OUTSIDE
        outside.end(EndCause.REMOTE_HANGUP)
        await settle()
        assert outside.hangups  # its ports are free
        assert kit.hear()["caller"] == {anna.level}


async def test_a_consulted_party_joins_and_can_be_sent_away() -> None:
    async with staff() as (kit, talk):
        await talk.consult("agent:bo")
        await talk.conference()
        await settle()
        bo, anna = kit.last_leg("bo"), kit.last_leg("anna")
        assert kit.hear()["caller"] == {anna.level + bo.level}
        await talk.back()
        await settle()
        assert kit.hear()["caller"] == {anna.level}


async def test_a_consulted_party_that_goes_leaves_the_caller_on_hold() -> None:
    async with staff() as (kit, talk):
        await talk.consult("agent:bo")
        bo = kit.last_leg("bo")
        bo.end(EndCause.REMOTE_HANGUP)
        await settle()
        assert bo.hangups
        assert talk.on_hold
        assert kit.seats["bo"].presence is Presence.WRAP_UP
        talk.resume()
        await settle()
        assert kit.hear()["caller"] == {kit.last_leg("anna").level}


async def test_a_page_that_comes_back_goes_on_with_the_call() -> None:
    async with staff() as (kit, talk):
        talk.mute(on=True)
        old = kit.last_leg("anna")
        old.end(EndCause.REMOTE_HANGUP)
        await settle()
        assert kit.caller.entertained()
        assert talk.agent == "anna"
        new = kit.leg("anna")
        talk.attach(new)
        await settle()
        assert not kit.caller.entertained()
        assert old.hangups
        assert talk.muted
        talk.mute(on=False)
        assert kit.hear() == {"caller": {new.level}, new.leg: {1}}
        with pytest.raises(NotAllowed, match="has_party"):
            talk.attach(new)
        newer = kit.leg("anna")
        talk.attach(newer)  # a second page, the first still there
        await settle()
        assert new.hangups
        assert kit.seats["anna"].presence is Presence.TALKING
        assert kit.kinds() == [LogKind.REATTACH, LogKind.REATTACH]


async def test_an_agent_who_does_not_come_back_is_lost_and_the_grace_does_not_count() -> None:
    async with staff(reattach_s=0.01) as (kit, talk):
        kit.hall.after(7)
        kit.last_leg("anna").end(EndCause.TRANSPORT)
        await settle()
        kit.hall.after(20)
        with anyio.fail_after(10):
            await kit.over.wait()
        assert kit.result is not None
        assert (kit.result.end, kit.result.talked_ms) == (TalkEnd.AGENT_LOST, 7_000)
        with pytest.raises(NotAllowed, match="over"):
            talk.attach(kit.last_leg("anna"))


@pytest.mark.parametrize(
    ("cause", "end"),
    [(EndCause.REMOTE_HANGUP, TalkEnd.AGENT), (EndCause.MEDIA_TIMEOUT, TalkEnd.AGENT_LOST)],
)
async def test_a_desk_phone_is_not_waited_for(cause: EndCause, end: TalkEnd) -> None:
    async with staff(kind="phone") as (kit, _talk):
        kit.last_leg("anna").end(cause)
        await settle()
        assert kit.result is not None
        assert kit.result.end is end


async def test_a_supervisor_listens_whispers_barges_and_goes() -> None:
    async with staff() as (kit, talk):
        anna, chief = kit.last_leg("anna"), kit.leg("chief")
        talk.oversee("chief", chief, Oversight.LISTEN)
        assert kit.hear() == {"caller": {anna.level}, anna.leg: {1}, chief.leg: {1 + anna.level}}
        talk.oversee("chief", chief, Oversight.WHISPER)
        assert kit.hear()["caller"] == {anna.level}
        assert kit.hear()[anna.leg] == {1 + chief.level}
        talk.oversee("chief", chief, Oversight.BARGE)
        assert kit.hear()["caller"] == {anna.level + chief.level}
        assert {frame.pcm[0] for frame in kit.tape} == {anna.level, anna.level + chief.level}
        with pytest.raises(NotAllowed, match="has_party"):
            talk.oversee("chief", anna, Oversight.LISTEN)
        chief.end(EndCause.REMOTE_HANGUP)
        await settle()
        assert chief.hangups
        assert kit.kinds() == [LogKind.LISTEN, LogKind.WHISPER, LogKind.BARGE]


@pytest.mark.parametrize("watching", [True, False])
async def test_a_supervisor_takes_over(watching: bool) -> None:
    async with staff(reattach_s=0.3) as (kit, talk):
        chief = kit.leg("chief")
        if watching:
            talk.oversee("chief", chief, Oversight.LISTEN)
        kit.last_leg("anna").end(EndCause.TRANSPORT)  # and the grace must not end the new agent's talk
        await settle()
        await talk.take_over(kit.seats["chief"], chief)
        await anyio.sleep(0.4)
        await settle()
        assert talk.agent == "chief"
        assert kit.seats["anna"].presence is Presence.WRAP_UP
        assert kit.hear() == {"caller": {chief.level}, chief.leg: {1}}
        with pytest.raises(NotAllowed, match="talking"):
            await talk.take_over(kit.seats["chief"], kit.leg("x"))
        await kit.last_leg("x").hangup()
