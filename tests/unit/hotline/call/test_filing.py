"""What was understood becomes the command that files it, and nothing understood is filed all the same."""

from datetime import UTC, datetime

import pytest

from asr.audio import UtteranceId
from hotline.call.filing import PROVINCE, file_command
from hotline.conversation import CallId, Candidate, Intent, Sentence, Slot, Source, Span, Speaker, Turn
from hotline.summary_links import links_of
from workorders.messages import EvidenceSpan, FileWorkOrder

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LABELS = {"labour.wages": "欠薪", "aid.apply": "法律援助申请", "other": "其他", "consult": "法律咨询"}
SPAN = Span(UtteranceId("u1"), 4, 8, "锦江区的")


def turn(text: str) -> Turn:
    return Turn(Speaker.CALLER, text, text, (UtteranceId("u1"),), 0, 16_000)


def intent(*slots: Slot, source: Source = Source.SPEECH, flags: tuple[str, ...] = ()) -> Intent:
    matter = Candidate("labour.wages", "某标签", 0.9)
    return Intent(
        matter, Candidate("aid.apply", "某标签", 0.8), (matter,), slots, (SPAN,), source, flags
    )  # fmt: skip


def command(understood: Intent | None, *turns: Turn, labels: dict[str, str] | None = None) -> FileWorkOrder:
    return file_command(
        CallId("call-1"),
        "13800001234",
        (understood, (Sentence("摘要"),)),
        turns,
        LABELS if labels is None else labels,
        AT,
    )


def test_the_reading_goes_into_the_order_with_its_evidence() -> None:
    place = Slot("place", "510104", "锦江区", 0.8, (SPAN,))
    filed = command(intent(place, flags=("green_channel",)), turn("我在锦江区"), turn("没发工资"))
    assert (filed.matter, filed.matter_label) == ("labour.wages", "欠薪")
    assert (filed.service, filed.service_label) == ("aid.apply", "法律援助申请")
    assert (filed.district, filed.summary, filed.flags) == ("510104", "摘要", ("green_channel",))
    assert (filed.call_id, filed.matter_no, filed.filed_at, filed.source) == ("call-1", 1, AT, "speech")
    field, statement = filed.fields
    assert (field.name, field.value, field.display, field.confidence) == ("place", "510104", "锦江区", 0.8)
    assert field.evidence == (EvidenceSpan("u1", 4, 8, "锦江区的"),)
    assert (statement.name, statement.value) == ("statement", "我在锦江区\n没发工资")


def test_the_words_behind_the_summary_are_kept_beside_it() -> None:
    told = (Sentence("来电人反映欠薪事项。", (SPAN,)), Sentence("发生地：锦江区。", ()))
    labels = LABELS
    filed = file_command(CallId("c"), "138", (intent(), told), (turn("我在锦江区的"),), labels, AT)
    (first, second) = links_of(filed.summary, filed.fields)
    assert filed.summary[first.start : first.end] == "来电人反映欠薪事项。"
    assert (first.evidence, second.evidence) == ((EvidenceSpan("u1", 4, 8, "锦江区的"),), ())


def test_with_no_reading_it_is_filed_to_be_listened_to() -> None:
    filed = command(None)
    assert (filed.matter, filed.service, filed.district) == ("other", "consult", PROVINCE)
    assert (filed.caller_contact, filed.fields, filed.flags) == ("13800001234", (), ())
    assert filed.source == "speech"


def test_the_number_a_caller_gives_beats_the_one_that_called() -> None:
    phone = Slot("phone", "13912345678", "139 1234 5678", 0.9, ())
    assert command(intent(phone)).caller_contact == "13912345678"
    assert command(intent()).caller_contact == "13800001234"


def test_a_code_without_a_label_is_its_own_label() -> None:
    assert command(None, labels={}).matter_label == "other"


@pytest.mark.parametrize("source", list(Source))
def test_the_source_is_told(source: Source) -> None:
    assert command(intent(source=source)).source == source.value
