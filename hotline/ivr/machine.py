"""The caller flow's state machine: (state, input) -> (state, effects), without I/O or clock.

The call executes the effects in order and feeds back what came of the last one:

    Say         -> PromptDone when it has been played. Keys pressed meanwhile are fed as they come; when
                   they lead on (an interruptible prompt), effects come back: stop the sound, feed no
                   PromptDone for it, execute the effects.
    Listen      -> Heard when the caller spoke and then fell silent, pressed an end key or reached the
                   longest length; NoInput when nothing was said; Pressed for each key of `keys`.
    EnterQueue  -> Joined when an agent is there; QueueResult once that conversation is over, or at once when
                   nobody answers. A key of `keys` pressed while waiting leads on: leave the queue.
    Rate        -> nothing: it is only to be kept.
    LookUp      -> Known: which fields need not be asked for.
    FileOrder   -> Filed with the order's number, or None when it could not be filed.

Any input may come in any state: one that makes no sense there changes nothing and has no effects.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from hotline.ivr import rating
from hotline.ivr.flow import (
    FileWorkOrderNode,
    FlowFile,
    HangupNode,
    ListenNode,
    MenuNode,
    MissingNode,
    QueueNode,
    RatingNode,
    Retry,
    SayNode,
)
from hotline.ivr.signals import (
    Announcing,
    Effect,
    EnterQueue,
    Filed,
    FileOrder,
    Hangup,
    Heard,
    Input,
    Joined,
    Known,
    Listen,
    LookUp,
    NoInput,
    Pressed,
    PromptDone,
    QueueResult,
    Rate,
    Say,
    Started,
    StartRecording,
)

__all__ = [
    "Announcing",
    "Effect",
    "EnterQueue",
    "FileOrder",
    "Filed",
    "FlowState",
    "Hangup",
    "Heard",
    "Input",
    "Joined",
    "Known",
    "Listen",
    "LookUp",
    "NoInput",
    "Phase",
    "Pressed",
    "PromptDone",
    "QueueResult",
    "Rate",
    "Say",
    "StartRecording",
    "Started",
    "Step",
    "start",
    "step",
]

PATH_MAX = 100
"""Nodes a call may enter before it is led to the flow's end: a key held down must not keep a line busy."""


class Phase(StrEnum):
    """What the machine waits for."""

    NEW = "new"
    SAYING = "saying"
    LISTENING = "listening"
    WAITING = "waiting"
    """For the queue or the filing."""
    TALKING = "talking"
    """With an agent."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a call is in its flow."""

    node: str
    tries: int = 0
    """Failed attempts at this node."""
    path: tuple[str, ...] = ()
    """Names of the nodes entered, in order, this one last."""
    phase: Phase = Phase.NEW
    number: str | None = None
    """The order's number once filed."""
    asked: tuple[str, ...] = ()
    """Fields that have been asked for."""


Step = tuple[FlowState, tuple[Effect, ...]]


def start(flow: FlowFile) -> Step:
    """The first state and what to do first."""
    return step(flow, FlowState(node=flow.start), Started())


def step(flow: FlowFile, state: FlowState, event: Input) -> Step:
    """One step. Never raises for a state that came from `start` or `step` of the same flow."""
    match state.phase, event:
        case Phase.NEW, Started():
            return _enter(flow, state, state.node)
        case Phase.SAYING, PromptDone():
            return _said(flow, state)
        case Phase.SAYING, Pressed():
            return _pressed_while_saying(flow, state, event.digit.key)
        case Phase.LISTENING, _:
            return _listening(flow, state, event)
        case Phase.WAITING, Pressed():
            return _pressed_while_waiting(flow, state, event.digit.key)
        case Phase.WAITING, Joined():
            return replace(state, phase=Phase.TALKING), ()
        case Phase.WAITING | Phase.TALKING, QueueResult() | Filed() | Known():
            return _waited(flow, state, event)
    return state, ()


def _enter(flow: FlowFile, state: FlowState, name: str) -> Step:
    """Go to a node and begin what it does."""
    if len(state.path) >= PATH_MAX and not isinstance(flow.nodes[name], HangupNode):
        name = flow.end
    state = replace(state, node=name, tries=0, path=(*state.path, name))
    node = flow.nodes[name]
    match node:
        case QueueNode():
            told = Announcing(node.place, node.minutes, node.offer, node.seconds_again)
            return replace(state, phase=Phase.WAITING), (EnterQueue(node.queue, node.seconds_max, told),)
        case FileWorkOrderNode():
            return replace(state, phase=Phase.WAITING), (FileOrder(node.order),)
        case MissingNode():
            return replace(state, phase=Phase.WAITING), (LookUp(),)
        case SayNode():
            return _say(state, node.prompts, interruptible=node.interruptible)
        case HangupNode():
            return _say(state, node.prompts, interruptible=False)
        case MenuNode() | ListenNode() | RatingNode():
            return _say(state, node.prompts, interruptible=True)


def _say(state: FlowState, prompts: tuple[str, ...], *, interruptible: bool) -> Step:
    values = {} if state.number is None else {"number": state.number}
    return replace(state, phase=Phase.SAYING), (Say(prompts, values, interruptible),)


def _said(flow: FlowFile, state: FlowState) -> Step:
    """The node's prompt is over."""
    node = flow.nodes[state.node]
    match node:
        case SayNode():
            after, effects = _enter(flow, state, node.next)
            if node.consent is not None:
                effects = (StartRecording(node.consent), *effects)
            return after, effects
        case HangupNode():
            return replace(state, phase=Phase.ENDED), (Hangup(),)
        case MenuNode() | ListenNode() | RatingNode():
            return _listen(state, node)
        case _:
            return state, ()


def _listen(state: FlowState, node: MenuNode | ListenNode | RatingNode) -> Step:
    if isinstance(node, MenuNode):
        effect = Listen(
            seconds_silence=node.seconds,
            seconds_max=node.seconds,
            end_keys="",
            keys=frozenset("0123456789*#"),  # a wrong key is an answer too: no_match
            seconds_start=node.seconds,
            speech=False,
        )
    elif isinstance(node, RatingNode):
        effect = Listen(
            seconds_silence=1.0,
            seconds_max=node.seconds + 8.0,
            end_keys="",
            keys=frozenset("12345"),
            seconds_start=node.seconds,
            mark=True,
        )
    else:
        effect = Listen(
            seconds_silence=node.seconds_silence,
            seconds_max=node.seconds_max,
            end_keys=node.end_keys,
            keys=frozenset(node.keys),
            seconds_start=node.seconds_start,
        )
    return replace(state, phase=Phase.LISTENING), (effect,)


def _pressed_while_saying(flow: FlowFile, state: FlowState, key: str) -> Step:
    node = flow.nodes[state.node]
    match node:
        case SayNode(interruptible=True):
            return _said(flow, state)
        case RatingNode() if key in "12345":
            return _rated(flow, state, node, int(key), spoken=False)
        case MenuNode() if key in node.choices:
            return _enter(flow, state, node.choices[key])
        case ListenNode() if key in node.keys:
            return _enter(flow, state, node.keys[key])
        case ListenNode() if key in node.end_keys:
            return _listen(state, node)  # the caller knows the prompt: let them speak
    return state, ()


def _listening(flow: FlowFile, state: FlowState, event: Input) -> Step:
    node = flow.nodes[state.node]
    if isinstance(node, MenuNode):
        return _choosing(flow, state, node, event)
    if isinstance(node, RatingNode):
        return _rating(flow, state, node, event)
    if not isinstance(node, ListenNode):
        return state, ()
    match event:
        case NoInput():
            return _retry(flow, state, node, node.no_input)
        case Heard() if event.turn.text.strip():
            return _enter(flow, state, node.next)
        case Heard():
            return _retry(flow, state, node, node.no_match)
        case Pressed() if event.digit.key in node.keys:
            return _enter(flow, state, node.keys[event.digit.key])
    return state, ()  # a key pressed by a cheek must not cut a message short


def _choosing(flow: FlowFile, state: FlowState, node: MenuNode, event: Input) -> Step:
    match event:
        case NoInput():
            return _retry(flow, state, node, node.no_input)
        case Pressed() if event.digit.key in node.choices:
            return _enter(flow, state, node.choices[event.digit.key])
        case Pressed() | Heard():
            return _retry(flow, state, node, node.no_match)
    return state, ()


def _rating(flow: FlowFile, state: FlowState, node: RatingNode, event: Input) -> Step:
    """Asked once: whatever cannot be taken for a mark is none."""
    match event:
        case Pressed() if event.digit.key in "12345":
            return _rated(flow, state, node, int(event.digit.key), spoken=False)
        case Heard():
            mark = rating.mark(event.turn.text, event.turn.raw, node.words, node.unrelated)
            if mark is not None:
                return _rated(flow, state, node, mark, spoken=True)
            return _enter(flow, state, node.unrated)
        case NoInput():
            return _enter(flow, state, node.unrated)
    return state, ()


def _rated(flow: FlowFile, state: FlowState, node: RatingNode, mark: int, *, spoken: bool) -> Step:
    after, effects = _enter(flow, state, node.rated)
    return after, (Rate(mark, spoken), *effects)


def _pressed_while_waiting(flow: FlowFile, state: FlowState, key: str) -> Step:
    node = flow.nodes[state.node]
    if isinstance(node, QueueNode) and key in node.keys:
        return _enter(flow, state, node.keys[key])
    return state, ()


def _retry(flow: FlowFile, state: FlowState, node: MenuNode | ListenNode, retry: Retry) -> Step:
    """Ask once more, or leave when the attempts are used up."""
    tries = state.tries + 1
    if tries >= node.max_tries:
        return _enter(flow, state, retry.then)
    return _say(replace(state, tries=tries), retry.again or node.prompts, interruptible=True)


def _known(flow: FlowFile, state: FlowState, node: MissingNode, event: Known) -> Step:
    """Ask for the first field that is missing and was not asked for yet, while questions are left."""
    if len(state.asked) < node.asks_max:
        for slot, question in node.wants.items():
            if slot not in event.slots and slot not in state.asked:
                return _enter(flow, replace(state, asked=(*state.asked, slot)), question)
    return _enter(flow, state, node.next)


def _waited(flow: FlowFile, state: FlowState, event: QueueResult | Filed | Known) -> Step:
    node = flow.nodes[state.node]
    match node, event:
        case MissingNode(), Known():
            return _known(flow, state, node, event)
        case QueueNode(), QueueResult():
            return _enter(flow, state, node.answered if event.answered else node.unanswered)
        case FileWorkOrderNode(), Filed(number=str() as number):
            return _enter(flow, replace(state, number=number), node.filed)
        case FileWorkOrderNode(), Filed():
            return _enter(flow, state, node.failed)
    return state, ()
