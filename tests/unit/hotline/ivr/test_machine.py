"""The flow machine: the shipped flow's story as tables of steps, and its guarantees for every input."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.conversation import Digit, Speaker, Turn
from hotline.ivr import machine as m
from hotline.ivr.flow import FlowFile

pytestmark = pytest.mark.unit

FLOW = FlowFile.load(Path(__file__).parents[4] / "ivr_flows" / "12348.yaml")


def _turn(text: str) -> Turn:
    return Turn(Speaker.CALLER, text, text, (), 0, 16_000)


def _run(flow: FlowFile, *inputs: m.Input) -> tuple[m.FlowState, list[tuple[m.Effect, ...]]]:
    state, effects = m.start(flow)
    log = [effects]
    for event in inputs:
        state, effects = m.step(flow, state, event)
        log.append(effects)
    return state, log


DONE = m.PromptDone()
TO_MESSAGE = (DONE, DONE, m.QueueResult(answered=False), DONE)
TO_RATING = (DONE, DONE, m.Joined(), m.QueueResult(answered=True), DONE)
ALL_KNOWN = m.Known(frozenset({"place", "phone"}))
NONE_KNOWN = m.Known(frozenset())
TOLD = m.Announcing("queue_place", "queue_minutes", ("queue_keys",), 30.0)


def test_the_message_story_from_greeting_to_hangup() -> None:
    state, log = _run(
        FLOW, *TO_MESSAGE, DONE, m.Heard(_turn("老板欠我工资")), ALL_KNOWN, m.Filed("20260001"), DONE, DONE
    )
    number = {"number": "20260001"}
    assert log == [
        (m.Say(("greeting",)),),
        (m.Say(("recording_notice",)),),
        (m.StartRecording("2026-11"), m.EnterQueue("duty", 180, TOLD)),
        (m.Say(("nobody_free",)),),
        (m.Say(("take_message",), {}, interruptible=True),),
        (m.Listen(3, 180, "#", frozenset(), 8),),
        (m.LookUp(),),
        (m.FileOrder("message"),),
        (m.Say(("order_filed", "order_number", "order_number_again"), number),),
        (m.Say(("goodbye",), number),),
        (m.Hangup(),),
    ]
    assert state.phase is m.Phase.ENDED
    assert state.number == "20260001"
    assert state.path == (
        "greeting", "notice", "duty", "nobody_free", "message", "details", "file", "confirm", "goodbye",
    )  # fmt: skip


def test_an_agents_call_ends_with_a_goodbye() -> None:
    _, log = _run(FLOW, DONE, DONE, m.Joined(), m.QueueResult(answered=True), DONE, m.NoInput(), DONE)
    assert log[-2:] == [(m.Say(("goodbye_served",)),), (m.Hangup(),)]


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("非常满意", 5),
        ("满意", 4),
        ("不满意", 2),
        ("我一点都不满意", 1),
        ("巴适得很", 5),
        ("不巴适", 2),
        ("打三分嘛", 3),
        ("将就", 3),
        ("不是很满意", 2),
        ("不怎么满意", 2),
        ("说不上满意", 2),
        ("要不得", 2),
        ("不太好", 2),
        ("还不错", 4),
        ("没有不满意", 4),
        ("莫得意见", 4),
        ("十分满意", 5),
        ("等了十五分钟才接，满意", 4),
        ("等了五分钟，打四分嘛", 4),
        ("太好了", 5),
    ],
)
def test_a_rating_may_be_spoken(said: str, mark: int) -> None:
    _, log = _run(FLOW, *TO_RATING, m.Heard(_turn(said)), DONE)
    assert log[-2:] == [(m.Rate(mark, spoken=True), m.Say(("goodbye_rated",))), (m.Hangup(),)]


@pytest.mark.parametrize("early", [True, False])
def test_a_rating_may_be_pressed_also_into_the_question(early: bool) -> None:
    before = TO_RATING[:-1] if early else TO_RATING
    _, log = _run(FLOW, *before, _press("0"), _press("4"), DONE)
    assert log[-2:] == [(m.Rate(4, spoken=False), m.Say(("goodbye_rated",))), (m.Hangup(),)]


@pytest.mark.parametrize("nothing", [m.NoInput(), m.Heard(_turn("等了十五分钟")), m.Heard(_turn(""))])
def test_a_rating_is_asked_for_once(nothing: m.Input) -> None:
    _, log = _run(FLOW, *TO_RATING, nothing)
    assert log[-1] == (m.Say(("goodbye_served",)),)


def test_a_key_while_waiting_asks_for_a_call_back_and_none_does_while_talking() -> None:
    waiting = (DONE, DONE)
    _, log = _run(FLOW, *waiting, _press("9"), _press("1"))
    assert log[-2:] == [(), (m.FileOrder("callback"),)]
    state, log = _run(FLOW, *waiting, m.Joined(), _press("1"), _press("2"))
    assert log[-2:] == [(), ()]
    assert state.node == "duty"


@pytest.mark.parametrize(("key", "node", "queue"), [("3", "minors", "minors"), ("4", "elders", "elder")])
def test_minors_and_elders_have_queues_of_their_own(key: str, node: str, queue: str) -> None:
    state, log = _run(FLOW, DONE, DONE, _press(key))
    assert state.node == node
    (entered,) = (effect for effect in log[-1] if isinstance(effect, m.EnterQueue))
    assert entered.name == queue
    state, log = _run(FLOW, DONE, DONE, _press(key), _press("1"))
    assert log[-1] == (m.FileOrder("callback"),)


def test_who_presses_for_a_message_while_waiting_leaves_one() -> None:
    state, _ = _run(FLOW, DONE, DONE, _press("2"))
    assert state.node == "message"


def test_silence_is_asked_twice_more_then_told() -> None:
    silence = (m.NoInput(), DONE)
    state, log = _run(FLOW, *TO_MESSAGE, DONE, *silence, *silence, m.NoInput())
    asked = [effect.prompts for effects in log for effect in effects if isinstance(effect, m.Say)]
    assert asked[-3:] == [("message_again",), ("message_again",), ("nothing_said",)]
    assert state.node == "nothing_said"


def test_a_message_without_words_is_filed_after_three_tries() -> None:
    noise = m.Heard(_turn(" "))
    _, log = _run(FLOW, *TO_MESSAGE, DONE, noise, DONE, noise, DONE, noise, ALL_KNOWN)
    assert log[-1] == (m.FileOrder("message"),)


def test_what_is_missing_is_asked_for_once_each() -> None:
    heard = m.Heard(_turn("老板欠我工资"))
    story = (
        *TO_MESSAGE,
        DONE,
        heard,
        NONE_KNOWN,
        DONE,
        m.Heard(_turn("在双流")),
        NONE_KNOWN,
        DONE,
        m.NoInput(),
    )
    state, log = _run(FLOW, *story, NONE_KNOWN)
    asked = [effect.prompts for effects in log for effect in effects if isinstance(effect, m.Say)]
    assert asked[-2:] == [("ask_place",), ("ask_phone",)]
    assert state.asked == ("place", "phone")
    assert log[-1] == (m.FileOrder("message"),)


def test_what_is_known_is_not_asked_for() -> None:
    heard, place = m.Heard(_turn("老板欠我工资")), m.Known(frozenset({"place"}))
    _, log = _run(FLOW, *TO_MESSAGE, DONE, heard, place)
    assert log[-1] == (m.Say(("ask_phone",), {}, interruptible=True),)


def test_no_more_questions_are_asked_than_the_flow_allows() -> None:
    nodes = {**FLOW.nodes, "details": FLOW.nodes["details"].model_copy(update={"asks_max": 1})}
    flow = FLOW.model_copy(update={"nodes": nodes})
    _, log = _run(flow, *TO_MESSAGE, DONE, m.Heard(_turn("欠薪")), NONE_KNOWN, DONE, m.NoInput(), NONE_KNOWN)
    assert log[-1] == (m.FileOrder("message"),)


def test_silence_and_noise_share_the_tries() -> None:
    noise = m.Heard(_turn(""))
    state, _ = _run(FLOW, *TO_MESSAGE, DONE, m.NoInput(), DONE, noise, DONE, m.NoInput())
    assert state.node == "nothing_said"


def test_an_order_that_cannot_be_filed_is_admitted() -> None:
    state, log = _run(FLOW, *TO_MESSAGE, DONE, m.Heard(_turn("欠薪")), ALL_KNOWN, m.Filed(None))
    assert log[-1] == (m.Say(("order_failed",)),)
    assert state.number is None


def test_the_notice_cannot_be_pressed_away() -> None:
    state, log = _run(FLOW, DONE, m.Pressed(Digit("#", 0)))
    assert log[-1] == ()
    assert state.node == "notice"


def test_the_end_key_skips_the_message_prompt() -> None:
    _, log = _run(FLOW, *TO_MESSAGE, m.Pressed(Digit("#", 0)))
    assert isinstance(log[-1][0], m.Listen)


def test_a_stray_key_does_not_cut_a_message() -> None:
    state, log = _run(FLOW, *TO_MESSAGE, DONE, m.Pressed(Digit("5", 0)))
    assert log[-1] == ()
    assert state.phase is m.Phase.LISTENING


def test_nothing_happens_after_the_end() -> None:
    state, _ = _run(FLOW, *TO_RATING, m.NoInput(), DONE)
    for event in (m.Started(), DONE, m.NoInput(), m.Filed("1"), m.QueueResult(answered=True)):
        assert m.step(FLOW, state, event) == (state, ())


RETRY = {"then": "bye"}
MENU = FlowFile.model_validate(
    {
        "name": "menu",
        "version": 1,
        "description": "a menu that may go round, a skippable say, a listen with a way out",
        "start": "menu",
        "end": "bye",
        "nodes": {
            "menu": {
                "kind": "menu",
                "prompts": ["which"],
                "choices": {"1": "news", "2": "listen", "9": "menu"},
                "seconds": 5,
                "max_tries": 2,
                "no_input": {"again": ["hurry"], "then": "bye"},
                "no_match": RETRY,
            },
            "news": {"kind": "say", "prompts": ["news"], "interruptible": True, "next": "menu"},
            "listen": {
                "kind": "listen",
                "prompts": ["speak"],
                "keys": {"0": "people"},
                "next": "menu",
                "no_input": RETRY,
                "no_match": RETRY,
            },
            "people": {"kind": "queue", "queue": "duty", "answered": "bye", "unanswered": "bye"},
            "bye": {"kind": "hangup", "prompts": ["bye"]},
        },
    }
)


def _press(key: str) -> m.Pressed:
    return m.Pressed(Digit(key, 0))


def test_a_menu_key_interrupts_its_prompt() -> None:
    state, log = _run(MENU, _press("2"))
    assert log[-1] == (m.Say(("speak",), {}, interruptible=True),)
    assert state.path == ("menu", "listen")


def test_a_menu_takes_any_key_and_no_speech() -> None:
    _, log = _run(MENU, DONE)
    (listen,) = log[-1]
    assert isinstance(listen, m.Listen)
    assert listen.keys == frozenset("0123456789*#")
    assert not listen.speech


def test_a_wrong_key_repeats_the_menu_then_leaves() -> None:
    state, log = _run(MENU, DONE, _press("7"), DONE, _press("7"))
    assert log[2] == (m.Say(("which",), {}, interruptible=True),)
    assert state.node == "bye"


def test_a_right_key_leads_on() -> None:
    state, _ = _run(MENU, DONE, _press("1"))
    assert state.node == "news"


def test_a_key_skips_what_may_be_skipped() -> None:
    state, _ = _run(MENU, DONE, _press("1"), _press("5"))
    assert state.node == "menu"
    assert state.tries == 0


def test_a_key_leads_out_of_listening() -> None:
    for presses in ((_press("2"), _press("0")), (_press("2"), DONE, _press("0"))):
        state, _ = _run(MENU, *presses)
        assert state.node == "people"


def test_going_in_circles_ends_with_goodbye() -> None:
    state, _ = m.start(MENU)
    for _ in range(m.PATH_MAX):
        state, _ = m.step(MENU, state, _press("9"))
    assert state.node == "bye"


keys = st.sampled_from("0123456789*#ABCD").map(_press)
inputs = st.one_of(
    st.just(m.Started()),
    st.just(DONE),
    st.just(m.NoInput()),
    keys,
    st.text(max_size=3).map(_turn).map(m.Heard),
    st.booleans().map(m.QueueResult),
    st.none().map(m.Filed) | st.just(m.Filed("12")),
    st.frozensets(st.sampled_from(["place", "phone"])).map(m.Known),
)


@settings(max_examples=300)
@given(st.sampled_from([FLOW, MENU]), st.lists(inputs, max_size=40))
def test_any_inputs_leave_a_live_way_on_or_the_end(flow: FlowFile, events: list[m.Input]) -> None:
    state, effects = m.start(flow)
    waiting_for = effects[-1]
    for event in events:
        before = state
        state, effects = m.step(flow, state, event)
        if effects:
            waiting_for = effects[-1]
        else:
            assert state == before  # ignored means unchanged
        assert isinstance(waiting_for, m.Hangup) == (state.phase is m.Phase.ENDED)
        assert len(state.path) <= m.PATH_MAX + 1
    _drain(flow, state, waiting_for)


def _drain(flow: FlowFile, state: m.FlowState, waiting_for: m.Effect) -> None:
    """From anywhere, a caller who does nothing reaches a spoken goodbye within a bound of steps."""
    for _ in range(60):
        match waiting_for:
            case m.Hangup():
                return
            case m.Say():
                event: m.Input = DONE
            case m.Listen():
                event = m.NoInput()
            case m.EnterQueue():
                event = m.QueueResult(answered=False)
            case m.FileOrder():
                event = m.Filed(None)
            case m.LookUp():
                event = m.Known(frozenset())
            case _:
                pytest.fail("nothing would ever come of this effect")
        state, effects = m.step(flow, state, event)
        assert effects, "a silent dead end"
        waiting_for = effects[-1]
    pytest.fail("did not end")
