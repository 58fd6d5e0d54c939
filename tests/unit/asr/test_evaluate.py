"""The character error rate: what counts as the same, and what a figure says."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.evaluate import (
    CONDITIONS,
    BadManifest,
    Score,
    as_json,
    as_table,
    cer,
    errors,
    fold,
    load_clips,
    summarise,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("廣州市房產仲介，", "广州市房产仲介"),
        ("十四块钱", "14块钱"),
        ("欠我一万二千元", "欠我12000元"),
        ("ＷＩＦＩ 好", "wifi好"),
        ("你好，世界！", "你 好 世 界"),
        ("幺二三四八", "幺二三四八"),
        ("两个人", "2个人"),
    ],
)
def test_the_same_said_otherwise_is_no_error(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert cer(one, other) == 0


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wrong"),
    [("工资", "工资", 0), ("工资", "公资", 1), ("工资", "", 2), ("", "嗯", 1), ("拖欠工资", "拖欠了工", 2)],
)
def test_edits(reference: str, hypothesis: str, wrong: int) -> None:
    assert errors(reference, hypothesis)[0] == wrong


def test_cer_of_an_empty_reference() -> None:
    assert (cer("", ""), cer("。", "嗯")) == (0.0, 1.0)


texts = st.text("老板拖欠工资aB，。 ", max_size=10)


@given(texts, texts, texts)
def test_it_is_a_distance(a: str, b: str, c: str) -> None:
    assert errors(a, a)[0] == 0
    assert errors(a, b)[0] == errors(b, a)[0]
    assert errors(a, c)[0] <= errors(a, b)[0] + errors(b, c)[0]
    assert errors(a, b)[0] <= max(len(fold(a)), len(fold(b)))
    assert fold(fold(a)) == fold(a)


def test_clips_are_read_by_split_and_only_with_a_reference(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text(
        'id\tfile\ttranscript\tkind\tsplit\na\ta.wav\t你"好\tx\tdev\nb\tb.wav\t。\tx\tdev\nc\tc.wav\t好\ty\tother\n',
        encoding="utf-8",
    )
    (clip,) = load_clips(manifest, "dev")
    assert (clip.id, clip.file, clip.reference, clip.kind) == ("a", tmp_path / "a.wav", '你"好', "x")
    assert [each.id for each in load_clips(manifest)] == ["a", "c"]
    with pytest.raises(BadManifest, match="split nowhere"):
        load_clips(manifest, "nowhere")


def test_what_is_wrong_with_a_manifest_is_said(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text("id\tfile\na\tb\n", encoding="utf-8")
    with pytest.raises(BadManifest, match="transcript"):
        load_clips(manifest)
    with pytest.raises(BadManifest, match="cannot be read"):
        load_clips(tmp_path / "absent.tsv")


def scores() -> list[Score]:
    rows = [("a", "x", 1, 10), ("b", "x", 5, 10), ("c", "y", 0, 20)]
    return [
        Score(name, kind, condition, wrong, length, 2.0, 0.5, "好")
        for condition in CONDITIONS
        for name, kind, wrong, length in rows
    ]


def test_summaries_by_kind_and_in_all() -> None:
    found = {each.kind: each for each in summarise(scores()) if each.condition == CONDITIONS[1]}
    assert found["x"].cer == pytest.approx(0.3)
    assert found["total"].cer == pytest.approx(6 / 40)
    assert found["total"].low <= found["total"].cer <= found["total"].high
    assert found["x"].low >= 0.1
    assert found["x"].high <= 0.5
    assert found["y"].rtf == pytest.approx(0.25)


def test_a_figure_can_be_had_again_and_both_forms_carry_it() -> None:
    assert summarise(scores()) == summarise(scores())
    assert "15.0%" in as_table("m", scores())
    assert len(json.loads(as_json("m", scores()))["clips"]) == 6
