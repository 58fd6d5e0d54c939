"""Two writings of the same speech become the same characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.lm.text import prepare

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("他欠我3500塊錢，", "他欠我三千五百块钱"),
        ("120000", "十二万"),
        ("123456", "一二三四五六"),
        ("13800138000", "一三八零零一三八零零零"),
        ("幺三八零零幺三八零零零", "一三八零零一三八零零零"),
        ("幺儿三个", "幺儿三个"),
        ("打110", "打一一零"),
        ("打幺幺零", "打一一零"),
        ("2024年3月15号", "二零二四年三月十五号"),
        ("30%", "百分之三十"),
        ("3.5万", "三点五万"),
        ("1005个", "一千零五个"),
        ("20500", "二万零五百"),
        ("0", "零"),
        ("１２ＡＢ c！", "十二abc"),
        ("", ""),
        ("，。？", ""),
        ("\ud800好", "好"),
    ],
)
def test_what_is_said(written: str, said: str) -> None:
    assert prepare(written) == said


@settings(deadline=None)  # the first example loads tables
@given(st.text())
def test_any_text_is_prepared_for_good(text: str) -> None:
    assert prepare(prepare(text)) == prepare(text)
