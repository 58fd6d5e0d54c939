"""What a call looks like at a terminal and in a pipe, and that data is never taken for markup."""

import io
import string
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from rich.console import Console

from asr.audio import LegId, UtteranceId
from asr.transcript import TranscriptEvent
from hotline.conversation import (
    CallId,
    CallRecord,
    Candidate,
    Intent,
    Outcome,
    Slot,
    Source,
    Span,
    Speaker,
)
from hotline.events import (
    AlertState,
    CallEnded,
    CallStarted,
    CrisisHeard,
    Event,
    FlowMoved,
    IntentRecognized,
    OrderDispatched,
    OrderFiled,
    RecordingStarted,
    TranscriptPublished,
)
from hotline.terminal import CallView, load_texts, local

pytestmark = pytest.mark.unit

CALL, OTHER = CallId("call-1"), CallId("call-2")
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EVIL = "[red]老板[/red] [/] [link=x]"


def view(*, terminal: bool) -> tuple[CallView, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160, color_system=None, legacy_windows=False)
    return CallView(console, load_texts()), out


def said(text: str, tail: str = "", *, final: bool = True, degraded: bool = False) -> TranscriptPublished:
    kind: Literal["final", "partial"] = "final" if final else "partial"
    event = TranscriptEvent(
        UtteranceId("u1"), LegId("leg"), 1, kind, text, tail, text, 0, 16_000, degraded=degraded
    )
    return TranscriptPublished(CALL, Speaker.CALLER, event)


def ended(recording: str | None = None, call: CallId = CALL) -> CallEnded:
    record = CallRecord(
        call=call,
        channel="phone",
        dialled="12348",
        started=START,
        answered=START,
        ended=START + timedelta(seconds=61.4),
        legs=(),
        flow="f",
        flow_path=(),
        digits="",
        consent_version=None,
        consent_at=None,
        recording=recording,
        recording_sha256=None,
        recording_origin=0,
        orders=(),
        outcome=Outcome.ORDER_FILED,
    )
    return CallEnded(record)


def shown(*events: Event, terminal: bool = False) -> str:
    one, out = view(terminal=terminal)
    one.show(CallStarted(CALL, "phone", "13800001234", "12348"))
    for event in events:
        one.show(event)
    return out.getvalue()


def understood(words: str, flags: tuple[str, ...] = ()) -> IntentRecognized:
    span = Span(UtteranceId("u1"), 0, len(words), words)
    matter, service = Candidate("labour.wages", words, 0.914), Candidate("consult", words, 0.8)
    slots = (Slot("amount", "60000", words, 0.75, (span,)), Slot("newcomer", "x", "y", 0.5, (span,)))
    return IntentRecognized(CALL, Intent(matter, service, (matter,), slots, (span,), Source.SPEECH, flags))


def heard(kind: str, *, sure: bool, state: AlertState = AlertState.CONFIRMED) -> CrisisHeard:
    return CrisisHeard(CALL, kind, kind, "110", UtteranceId("u1"), 0, 2, "words", sure, state)


THREAT = ("crisis", "crisis.threat")


@pytest.mark.parametrize("sure", [False, True])
def test_a_flag_that_is_only_a_guess_is_called_one(sure: bool) -> None:
    text = shown(heard("threat", sure=sure), understood("x", THREAT), OrderFiled(CALL, "SC-1"))
    assert ("危机用语（疑似，由人核对）  扬言伤害他人（疑似，由人核对）" in text) is not sure
    assert ("危机用语  扬言伤害他人" in text) is sure


def test_known_wording_of_one_kind_leaves_another_a_guess() -> None:
    flags = (*THREAT, "crisis.mass", "green_channel")
    alerts = heard("threat", sure=True), heard("mass", sure=False)
    text = shown(*alerts, understood("x", flags), OrderFiled(CALL, "SC-1"))
    assert "危机用语  扬言伤害他人  群体性事件（疑似，由人核对）  农民工欠薪绿色通道" in text


def test_known_wording_that_was_taken_back_proves_nothing() -> None:
    alerts = heard("threat", sure=True), heard("threat", sure=True, state=AlertState.WITHDRAWN)
    text = shown(*alerts, understood("x", THREAT), OrderFiled(CALL, "SC-1"))
    assert text.count("（疑似，由人核对）") == 2


@pytest.mark.parametrize("terminal", [False, True])
def test_what_looks_like_markup_is_printed_as_it_is(terminal: bool) -> None:
    text = shown(
        said(EVIL, final=False),
        said(EVIL),
        understood(EVIL, (EVIL,)),
        OrderFiled(CALL, EVIL),
        OrderDispatched(CALL, EVIL, "u", EVIL, None),
        ended(EVIL),
        terminal=terminal,
    )
    # transcript, matter, service, flag, evidence, value, two fields' words, filed, number, unit, recording
    assert text.count(EVIL) >= 12


def test_a_story_in_a_pipe_has_every_growth_once_and_no_control_codes() -> None:
    text = shown(
        FlowMoved(CALL, "greeting"),
        FlowMoved(CALL, "a node nobody named"),
        RecordingStarted(CALL, "2026-11"),
        said("老板", "欠", final=False),
        said("老板", "欠", final=False),
        said("老板欠", "我", final=False),
        said("老板欠我工资"),
        understood("欠工资", ("green_channel",)),
        OrderFiled(CALL, "SC-1"),
        OrderDispatched(CALL, "SC-1", "u", "锦江区法律援助中心", START),
    )
    assert "问候语" in text
    assert "nobody named" not in text
    assert "2026-11" in text
    assert text.count("… 来电人 老板欠") == 2
    assert "农民工欠薪绿色通道" in text
    assert "91%" in text
    assert "newcomer" in text  # a field without a name of its own is shown by its id
    assert "slot.newcomer" not in text
    assert "锦江区法律援助中心" in text
    assert "2026-11-23 09:00" in text
    assert not set(text) & set(map(chr, range(32))) - {"\n"}
    assert "13800001234" not in text


def test_at_a_terminal_the_spoken_line_grows_in_place() -> None:
    one, out = view(terminal=True)
    one.show(CallStarted(CALL, "phone", "x", "12348"))
    one.show(said("老", "板", final=False))
    one.show(said("老板", "欠", final=False))
    growing = out.getvalue()
    assert "老板欠" in growing
    assert "…" not in growing
    one.show(said("老板欠薪"))
    assert "\x1b[2K" in out.getvalue()  # the line that grew is wiped before the final is printed
    assert out.getvalue().rstrip().endswith("老板欠薪")


def test_a_hangup_in_the_middle_of_a_word_leaves_the_terminal_as_it_was() -> None:
    text = shown(said("老", final=False), ended(), terminal=True)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "61 秒" in text
    assert text.rstrip().endswith("录音 无")


def test_noise_is_not_shown_and_lost_words_are_named() -> None:
    assert shown(said("")) == shown()
    assert "没有听清" in shown(said("", degraded=True))
    assert "（识别受损）" in shown(said("工资", degraded=True))


def test_an_order_without_a_deadline_says_so() -> None:
    assert "没有期限" in shown(OrderDispatched(CALL, "SC-1", "u", "某中心", None))


def test_only_the_first_call_is_shown_and_its_end_is_told() -> None:
    one, out = view(terminal=False)
    assert not one.show(said("早了"))  # nothing has started yet
    one.show(CallStarted(CALL, "phone", "x", "12348"))
    one.show(CallStarted(OTHER, "phone", "x", "12348"))
    assert not one.show(OrderFiled(OTHER, "SC-2"))
    assert not one.show(ended(call=OTHER))
    assert one.show(ended())
    assert "SC-2" not in out.getvalue()
    assert "早了" not in out.getvalue()
    assert out.getvalue().count("来电接通") == 1


def test_every_outcome_has_a_text_and_every_text_can_be_filled() -> None:
    texts = load_texts()
    assert {f"outcome.{each.value}" for each in Outcome} <= set(texts)
    values = dict.fromkeys(
        ("uri", "version", "outcome", "seconds", "recording", "page", "user", "password", "data", "reason"),
        "v",
    )
    for text in texts.values():
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= set(values)
        assert "{" not in text.format(**values)
    assert CallView(Console(file=io.StringIO()), texts).text("no such text") == "no such text"


def test_instants_are_told_in_the_callers_zone() -> None:
    assert local(datetime(2026, 12, 31, 16, 30, tzinfo=UTC)) == "2027-01-01 00:30"
