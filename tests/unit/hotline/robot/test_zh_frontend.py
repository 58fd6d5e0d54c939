"""How Chinese text is read aloud: numbers to words, words to the voice's symbols."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.robot.zh_frontend import INITIALS, READING, TEXT_MAX, Frontend, Reading, phonemes

pytestmark = pytest.mark.unit

FRONTEND = Frontend(Reading.load(READING))


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("请打12348", "请打幺二三四八"),
        ("2026年11月23日", "二零二六年十一月二十三日"),
        ("2026-11-03 14:30", "二零二六年十一月三日 十四点三十分"),
        ("9:00开门", "九点开门"),
        ("2个人，12个人，22个人", "两个人，十二个人，二十二个人"),
        ("186000元", "十八万六千元"),
        ("电话13912345678", "电话幺三九幺二三四五六七八"),
        ("028-85551234", "零二八八五五五幺二三四"),
        ("占5.5%", "占百分之五点五"),
        ("100001", "十万零一"),
        ("0.5", "零点五"),
        ("0", "零"),
        ("007", "零零七"),
        ("第2条", "第两条"),
    ],
)
def test_numbers_become_words(text: str, spoken: str) -> None:
    assert FRONTEND.spoken(text) == spoken


@pytest.mark.parametrize(
    ("syllable", "symbols"),
    [
        ("zhuang4", ("zh", "uang4")),
        ("zhi1", ("zh", "iii1")),
        ("ri4", ("r", "iii4")),
        ("zi5", ("z", "ii5")),
        ("si4", ("s", "ii4")),
        ("ju2", ("j", "v2")),
        ("quan2", ("q", "van2")),
        ("xun1", ("x", "vn1")),
        ("xiong2", ("x", "iong2")),
        ("lv4", ("l", "v4")),
        ("lü4", ("l", "v4")),
        ("lve4", ("l", "ve4")),
        ("nue4", ("n", "ve4")),
        ("jiu3", ("j", "iou3")),
        ("gui4", ("g", "uei4")),
        ("lun2", ("l", "uen2")),
        ("yi1", ("^", "i1")),
        ("ya1", ("^", "ia1")),
        ("you3", ("^", "iou3")),
        ("yong4", ("^", "iong4")),
        ("yu2", ("^", "v2")),
        ("yuan2", ("^", "van2")),
        ("yue4", ("^", "ve4")),
        ("yun2", ("^", "vn2")),
        ("ying1", ("^", "ing1")),
        ("wu3", ("^", "u3")),
        ("wo3", ("^", "uo3")),
        ("wei4", ("^", "uei4")),
        ("wen4", ("^", "uen4")),
        ("weng1", ("^", "ueng1")),
        ("er4", ("^", "er4")),
        ("ai4", ("^", "ai4")),
        ("e4", ("^", "e4")),
        ("ng2", ("^", "en2")),
        ("de", ("d", "e5")),
    ],
)
def test_syllables_become_initial_and_full_final(syllable: str, symbols: tuple[str, str]) -> None:
    assert phonemes(syllable) == symbols


def test_punctuation_makes_phrases_and_pauses() -> None:
    first, second = FRONTEND.phrases("你好，再见。")
    assert first.symbols == ("sil", "n", "i2", "#0", "h", "ao3", "sil")  # tone sandhi: 3 3 -> 2 3
    assert 0 < first.pause < second.pause


def test_the_longest_of_several_marks_is_the_pause() -> None:
    assert FRONTEND.phrases("好……，。好")[0].pause == FRONTEND.phrases("好。好")[0].pause


def test_words_of_the_file_are_read_as_it_says() -> None:
    (phrase,) = FRONTEND.phrases("重庆")
    assert phrase.symbols == ("sil", "ch", "ong2", "#0", "q", "ing4", "sil")


@pytest.mark.parametrize("text", ["", "，。！", "ABC", "😀 #* @"])
def test_nothing_to_say_is_no_phrase(text: str) -> None:
    assert FRONTEND.phrases(text) == []


def test_a_book_is_refused() -> None:
    with pytest.raises(ValueError):
        FRONTEND.phrases("好" * (TEXT_MAX + 1))


_FINALS = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou "
    "u ua uai uan uang uei uen ueng uo v van ve vn"
)
FINALS = set(_FINALS.split())


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20))
def test_every_character_gives_symbols_the_voice_may_have(text: str) -> None:
    for phrase in FRONTEND.phrases(text):
        for symbol in phrase.symbols:
            known = symbol in INITIALS or symbol in ("sil", "#0", "^")
            assert known or (symbol[-1] in "12345" and (symbol[:-1] in FINALS or symbol[:-1] in ("io", "ê")))


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    FRONTEND.phrases(text)


@given(st.integers(min_value=0, max_value=99_999_999))
def test_every_quantity_is_read_without_digits(number: int) -> None:
    assert not any(char.isdigit() and char.isascii() for char in FRONTEND.spoken(f"共{number}元"))


def test_a_reading_with_a_wrong_syllable_count_is_named(tmp_path: Path) -> None:
    file = tmp_path / "zh-reading.yaml"
    file.write_text(
        READING.read_text("utf-8").replace("重庆: chong2 qing4", "重庆: chong2"), encoding="utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        Reading.load(file)
    assert "重庆" in str(caught.value)


def test_a_reading_of_another_shape_is_named(tmp_path: Path) -> None:
    file = tmp_path / "zh-reading.yaml"
    file.write_text("digits: 12", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Reading.load(file)
    assert "digits" in str(caught.value)
