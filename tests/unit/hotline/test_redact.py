"""Personal numbers are hidden, and every character keeps its place."""

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.identity import is_identity_card
from hotline.redact import (
    STAR,
    is_bank_card,
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


def as_said(digits: str, written: list[bool]) -> str:
    """Each digit as a figure or as the word it is read out with."""
    words = dict(zip("0123456789", "洞幺两三四五六七八九", strict=True))
    return "".join(digit if plain else words[digit] for digit, plain in zip(digits, written, strict=True))


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.lists(st.booleans(), min_size=11, max_size=11),
    st.lists(st.integers(1, 10), max_size=3, unique=True),
    st.sampled_from(["", "，", "哈", "，嗯，", "那个", "嘛", "。"]),
)
def test_a_number_read_out_in_words_and_pieces_with_particles_is_hidden(
    number: str, written: list[bool], cuts: list[int], particle: str
) -> None:
    said = as_said(number, written)
    borders = [0, *sorted(cuts), 11]
    masked = mask_all([said[a:b] + particle for a, b in itertools.pairwise(borders)])
    assert sum(each.text.count(STAR) for each in masked) == 4
    shown = "".join(each.text for each in masked).replace(particle, "") if particle else None
    assert shown is None or shown == said[:3] + "****" + said[-4:]


@given(
    st.dates(min_value=date(1930, 1, 1), max_value=date(2020, 1, 1)),
    st.integers(0, 999),
    st.sampled_from([(6, 14), (3, 9, 15), (6, 10, 14), (4, 12), (17,), (6,)]),
    st.sampled_from(["", "，然后", "后面四位", "你听到，是", "叉叉前头是"]),
)
def test_an_identity_card_read_out_with_words_between_its_groups_keeps_its_county_only(
    born: date, order: int, cuts: tuple[int, ...], words: str
) -> None:
    stem = f"510107{born:%Y%m%d}{order:03}"
    number = next(stem + check for check in "0123456789X" if is_identity_card(stem + check))
    borders = [0, *cuts, 18]
    said = [number[a:b].replace("X", "叉叉") for a, b in itertools.pairwise(borders)]
    masked = "".join(each.text for each in mask_all([said[0], *(words + each for each in said[1:])]))
    assert [char for char in masked if char.isdigit()] == list(number[:6])


def test_a_misheard_digit_in_a_telephone_number_does_not_give_it_away() -> None:
    assert mask("电话138灵013八零零零").text == "电话138****八零零零"


def test_a_telephone_number_beside_a_card_is_hidden_as_well() -> None:
    assert mask(f"13800138000{GOOD_IDENTITY}").text == "138****8000510107" + STAR * 12
