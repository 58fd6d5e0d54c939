"""Sichuan's sounds out of Mandarin's."""

import pytest

from asr.finetune.phonology import ACCENTS, Accent, Speaker, parse
from asr.finetune.tables import BadPronunciation

pytestmark = pytest.mark.unit
jyutping = pytest.importorskip("ToJyutping", reason="the extra `finetune` is not installed")

CHENGDU = Accent(literary=0.0)


@pytest.mark.parametrize(
    ("pinyin", "parts"),
    [
        ("zhuang4", ("zh", "uang", 4)),
        ("yuan2", ("", "van", 2)),
        ("jiu3", ("j", "iou", 3)),
        ("xu1", ("x", "v", 1)),
        ("wu3", ("", "u", 3)),
        ("yi1", ("", "i", 1)),
        ("ng4", ("", "en", 4)),
        ("ngo3", ("ng", "o", 3)),
        ("me5", ("m", "e", 5)),
    ],
)
def test_parse(pinyin: str, parts: tuple[str, str, int]) -> None:
    syllable = parse(pinyin)
    assert (syllable.initial, syllable.final, syllable.tone) == parts


def test_not_a_syllable() -> None:
    with pytest.raises(BadPronunciation):
        parse("b4")


@pytest.mark.parametrize(
    ("char", "mandarin", "sichuan"),
    [
        ("是", "shi4", "si4"),  # no retroflexes
        ("南", "nan2", "lan2"),  # n and l are one
        ("年", "nian2", "nian2"),  # but before i
        ("风", "feng1", "fong1"),  # eng behind labials
        ("听", "ting1", "tin1"),  # no ing
        ("冷", "leng3", "len3"),
        ("湖", "hu2", "fu2"),  # hu is fu
        ("爱", "ai4", "ngai4"),  # velar nasal
        ("我", "wo3", "ngo3"),
        ("哥", "ge1", "go1"),  # o behind velars
        ("课", "ke4", "ko4"),
        ("各", "ge4", "go2"),  # entering tone is yang-ping, -ok
        ("德", "de2", "de2"),  # and -ak is e
        ("客", "ke4", "ke2"),
        ("国", "guo2", "gue2"),
        ("白", "bai2", "be2"),
        ("黑", "hei1", "he2"),
        ("药", "yao4", "io2"),
        ("学", "xue2", "xio2"),
        ("月", "yue4", "ve2"),
        ("雪", "xue3", "xve2"),
        ("出", "chu1", "cu2"),
        ("六", "liu4", "lu2"),
        ("脚", "jiao3", "jio2"),
        ("去", "qu4", "qie4"),
        ("街", "jie1", "gai1"),
        ("村", "cun1", "cen1"),
        ("雷", "lei2", "luei2"),
        ("多", "duo1", "do1"),
    ],
)
def test_correspondences(char: str, mandarin: str, sichuan: str) -> None:
    assert str(Speaker(CHENGDU).say(char, [mandarin])[0]) == sichuan


def test_accents_differ_where_they_should() -> None:
    by_name = {accent.name: accent for accent in ACCENTS}
    said = {
        name: [str(each) for each in Speaker(by_name[name]).say("十是", ["shi2", "shi4"])] for name in by_name
    }
    assert said["chengdu"] == said["chongqing"] == ["si2", "si4"]
    assert said["zigong"] == ["shi4", "shi4"]
    assert said["leshan"][0] == "si5"


def test_one_reading_a_character() -> None:
    with pytest.raises(BadPronunciation):
        Speaker(CHENGDU).say("你好", ["ni3"])


def test_a_speaker_keeps_to_a_reading() -> None:
    speaker = Speaker(Accent(literary=0.5), seed=3)
    assert len({str(speaker.say("街", ["jie1"])[0]) for _ in range(20)}) == 1
