"""Personal numbers are hidden, and every character keeps its place."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.redact import (
    STAR,
    is_bank_card,
    is_identity_card,
    mask,
    mask_all,
    mask_name,
    mask_phone,
)

pytestmark = pytest.mark.unit

IDENTITY = "51010719900307123"
GOOD_IDENTITY = next(IDENTITY + check for check in "0123456789X" if is_identity_card(IDENTITY + check))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我电话13800138000谢谢", "我电话138****8000谢谢"),
        ("幺三八，零零幺三，八零零零", "幺三八，****，八零零零"),
        ("138 0013 8000", "138 **** 8000"),
        ("028-86781234", "028-****1234"),
        ("卡号6222021234567890128", "卡号***************0128"),
        ("１３８００１３８０００", "１３８****８０００"),
        ("我2025年3月5日借给他180000元", "我2025年3月5日借给他180000元"),
        ("13个人，5个月", "13个人，5个月"),
    ],
)
def test_masks(text: str, masked: str) -> None:
    assert mask(text).text == masked


def test_an_identity_card_keeps_its_county_only() -> None:
    assert mask(f"身份证{GOOD_IDENTITY}。").text == "身份证510107" + STAR * 12 + "。"


def test_a_misheard_identity_card_is_hidden_too() -> None:
    wrong = GOOD_IDENTITY[:-1] + ("0" if GOOD_IDENTITY[-1] != "0" else "1")
    assert not is_identity_card(wrong)
    assert mask(wrong).text[3:-4] == STAR * 11


def test_a_number_read_out_over_three_segments() -> None:
    masked = mask_all(["电话幺三八", "嗯，零零幺三", "八零零零，好"])
    assert [each.text for each in masked] == ["电话幺三八", "嗯，****", "八零零零，好"]
    assert masked[1].hidden == ((2, 6),)


def test_words_between_digits_part_them() -> None:
    assert [m.text for m in mask_all(["我们有138", "个人，拖了0013", "天，8000块"])] == [
        "我们有138",
        "个人，拖了0013",
        "天，8000块",
    ]


def test_checks() -> None:
    assert is_identity_card("11010519491231002X")
    assert not is_identity_card("110105194912310021")
    assert is_bank_card("4111111111111111")
    assert not is_bank_card("4111111111111112")


def test_names_and_short_numbers() -> None:
    assert mask_name("张大明") == "张**"
    assert mask_phone("13800138000") == "138****8000"
    assert mask_phone("1001") == "**01"


@given(st.lists(st.text(max_size=30), max_size=5))
def test_length_is_kept_and_only_stars_are_new(segments: list[str]) -> None:
    for text, masked in zip(segments, mask_all(segments), strict=True):
        assert len(masked.text) == len(text)
        hidden = {at for start, end in masked.hidden for at in range(start, end)}
        for at, (old, new) in enumerate(zip(text, masked.text, strict=True)):
            assert new == (STAR if at in hidden else old)


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.lists(st.integers(1, 10), max_size=2, unique=True),
    st.text(alphabet="我的电话是好，。", max_size=6),
)
def test_no_mobile_number_survives_however_it_is_cut(number: str, cuts: list[int], words: str) -> None:
    borders = [0, *sorted(cuts), 11]
    parts = [number[a:b] for a, b in itertools.pairwise(borders)]
    masked = "".join(each.text for each in mask_all([words + parts[0], *parts[1:]]))
    assert masked.endswith(number[:3] + "****" + number[-4:])
