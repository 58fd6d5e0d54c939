"""A transcript in each of its forms."""

import io
import json
import xml.etree.ElementTree as ET
import zipfile

import pytest

from asr.documents import Spoken, Transcript, render, turns

pytestmark = pytest.mark.unit

SAID = (
    Spoken(1.0, 2.5, "来电人", "没有发工资", "莫得发工资", 0.8),
    Spoken(3.0, 4.0, "来电人", "三个月 --> 了", "三个月了", 0.5),
    Spoken(3661.25, 3662.0, "接听人", "请讲<&>\x01", "请讲", None),
)
WHOLE = Transcript("a.wav", 3700.0, SAID)


def test_one_speaker_s_utterances_are_one_turn() -> None:
    first, second = turns(SAID)
    assert (first.start, first.end, first.raw, first.confidence) == (1.0, 4.0, "莫得发工资三个月了", 0.5)
    assert second.speaker == "接听人"


def test_json_keeps_the_raw_words() -> None:
    told = json.loads(render(WHOLE, "json"))
    assert told["utterances"][0]["raw"] == "莫得发工资"
    assert len(told["turns"]) == 2


def test_subtitles_have_their_own_time_marks_and_no_arrow_in_the_text() -> None:
    srt, vtt = render(WHOLE, "srt").decode(), render(WHOLE, "vtt").decode()
    assert srt.startswith("1\n00:00:01,000 --> 00:00:02,500\n来电人: 没有发工资\n\n2\n")
    assert "01:01:01.250 --> 01:01:02.000" in vtt
    assert vtt.startswith("WEBVTT\n\n")
    assert vtt.count("-->") == 3


def test_a_document_is_well_formed_and_holds_every_turn() -> None:
    with zipfile.ZipFile(io.BytesIO(render(WHOLE, "docx"))) as archive:
        for name in archive.namelist():
            ET.fromstring(archive.read(name))
        text = "".join(ET.fromstring(archive.read("word/document.xml")).itertext())
    assert "来电人没有发工资三个月 --> 了" in text
    assert "1:01:01接听人请讲<&>" in text


@pytest.mark.parametrize("form", ["txt", "docx", "srt", "vtt", "json"])
def test_silence_has_a_transcript_too(form: str) -> None:
    assert render(Transcript("a.wav", 3.0, ()), form) is not None
