"""Who hears whom in a talk, and what reaches whom."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.call.bridge import Bridge, Manner, Mixer, Role, hears
from tests.fakes.call_parts import FakeLeg

pytestmark = pytest.mark.unit

MANNERS = [Manner(held, muted) for held, muted in product((False, True), repeat=2)]


def sound(level: int) -> bytes:
    return np.full(FRAME_SAMPLES, level, "<i2").tobytes()


def level(frame: AudioFrame) -> int:
    return int(np.frombuffer(frame.pcm, "<i2")[0])


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("source", [Role.WHISPERER, Role.CONSULTED, Role.LISTENER])
def test_the_caller_never_hears_what_is_not_for_the_caller(source: Role, manner: Manner) -> None:
    assert not hears(Role.CALLER, source, manner)


@pytest.mark.parametrize("other", list(Role))
def test_on_hold_the_caller_is_alone(other: Role) -> None:
    assert not hears(Role.CALLER, other, Manner(held=True))
    assert not hears(other, Role.CALLER, Manner(held=True))


@pytest.mark.parametrize("listener", list(Role))
def test_a_muted_agent_is_heard_by_nobody(listener: Role) -> None:
    assert not hears(listener, Role.AGENT, Manner(muted=True))


def test_a_talk_a_conference_a_consultation_and_a_watch() -> None:
    plain = Manner()
    for one, other in [
        (Role.CALLER, Role.AGENT),
        (Role.CALLER, Role.OUTSIDE),
        (Role.AGENT, Role.OUTSIDE),
        (Role.AGENT, Role.CONSULTED),
        (Role.CALLER, Role.BARGER),
        (Role.AGENT, Role.BARGER),
    ]:
        assert hears(one, other, plain)
        assert hears(other, one, plain)
    assert hears(Role.AGENT, Role.WHISPERER, plain)
    assert not hears(Role.OUTSIDE, Role.WHISPERER, plain)
    for watcher in (Role.LISTENER, Role.WHISPERER):
        assert hears(watcher, Role.CALLER, plain)
        assert hears(watcher, Role.AGENT, plain)
        assert hears(watcher, Role.CONSULTED, plain)
    assert not any(hears(listener, Role.LISTENER, plain) for listener in Role)


@given(
    st.lists(st.sampled_from([role for role in Role if role is not Role.CALLER]), max_size=5),
    st.sampled_from(MANNERS),
)
def test_what_arrives_is_what_the_table_says(roles: list[Role], manner: Manner) -> None:
    legs = {LegId(f"{number}"): FakeLeg(f"{number}") for number in range(len(roles) + 1)}
    bridge = Bridge()
    every = dict(zip(legs, [Role.CALLER, *roles], strict=True))
    for one, role in every.items():
        bridge.join(legs[one], role)
    bridge.stand(manner)
    for number, each in enumerate(legs.values()):
        each.say(sound(100 * 2**number))
    for one, leg in legs.items():
        heard = [
            number
            for number, (other, role) in enumerate(every.items())
            if other != one and hears(every[one], role, manner)
        ]
        if heard:
            assert [level(frame) for frame in leg.spoken] == [sum(100 * 2**number for number in heard)]
        else:
            assert leg.spoken == []


def test_two_at_a_time_is_a_copy_and_keeps_how_it_was_coded() -> None:
    caller, agent = FakeLeg("caller"), FakeLeg("agent")
    bridge = Bridge()
    bridge.join(caller, Role.CALLER)
    bridge.join(agent, Role.AGENT)
    caller.say(sound(7))
    assert agent.spoken[0].pcm is not None
    assert agent.spoken[0].leg == "caller"
    assert caller.spoken == []


def test_who_has_left_is_heard_no_more_and_hears_no_more() -> None:
    caller, agent = FakeLeg("caller"), FakeLeg("agent")
    bridge = Bridge()
    bridge.join(caller, Role.CALLER)
    bridge.join(agent, Role.AGENT)
    bridge.leave(LegId("agent"))
    bridge.leave(LegId("agent"))
    caller.say(sound(1))
    agent.say(sound(2))
    assert caller.spoken == agent.spoken == []
    assert bridge.roles == {"caller": Role.CALLER}


def test_the_tap_gets_what_is_said_to_the_caller_on_the_callers_clock() -> None:
    caller, agent = FakeLeg("caller"), FakeLeg("agent")
    taken: list[AudioFrame] = []
    bridge = Bridge()
    bridge.join(caller, Role.CALLER, taken.append)
    bridge.join(agent, Role.AGENT)
    caller.frames(1.0)
    agent.say(sound(3))
    assert [(frame.start, level(frame)) for frame in taken] == [(16_000, 3)]
    bridge.join(caller, Role.CALLER)  # the tap stays
    agent.say(sound(4))
    assert level(taken[-1]) == 4


def frame(leg: str, value: int) -> AudioFrame:
    return AudioFrame(LegId(leg), 0, sound(value))


def test_a_mix_is_clipped_and_never_wraps() -> None:
    said: list[AudioFrame] = []
    mixer = Mixer(frozenset({LegId("a"), LegId("b")}), said.append)
    mixer.push(frame("a", 30_000))
    mixer.push(frame("b", 30_000))
    mixer.push(frame("a", -30_000))
    mixer.push(frame("b", -30_000))
    assert [level(each) for each in said] == [32_767, -32_768]


def test_a_source_that_has_stopped_does_not_stop_the_others() -> None:
    said: list[AudioFrame] = []
    mixer = Mixer(frozenset({LegId("a"), LegId("b")}), said.append)
    for value in (1, 2, 3):
        mixer.push(frame("a", value))
    assert [level(each) for each in said] == [1, 2]
