"""Masking of live and stored transcripts: same length, across utterances, never taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.transcript import SpanMap, Word
from hotline.conversation import Speaker
from hotline.web.masking import TranscriptMask
from hotline.web.timing import pieces

pytestmark = pytest.mark.unit


def test_a_number_said_in_two_utterances_is_masked_in_both_places_it_must_be() -> None:
    mask = TranscriptMask()
    assert mask.add("u1", Speaker.CALLER, "电话是13800") == {"u1": "电话是13800"}
    changed = mask.add("u2", Speaker.CALLER, "001234，记到没得")
    assert changed == {"u1": "电话是138**", "u2": "**1234，记到没得"}
    assert mask.span("u2", 0, 6, "001234") == "**1234"


def test_the_other_partys_words_between_do_not_break_the_number() -> None:
    mask = TranscriptMask()
    mask.add("u1", Speaker.CALLER, "13800")
    mask.add("a1", Speaker.AGENT, "嗯，你说")
    assert mask.add("u2", Speaker.CALLER, "001234")["u2"] == "**1234"


def test_a_growing_number_shows_its_head_only() -> None:
    assert TranscriptMask().growing(Speaker.CALLER, "电话1380000") == "电话138****"
    assert TranscriptMask().growing(Speaker.CALLER, "欠了18个月") == "欠了18个月"


@given(st.lists(st.text(alphabet="0123456789幺零三八我的，", max_size=14), max_size=8))
def test_lengths_stay_and_masks_are_never_taken_back(texts: list[str]) -> None:
    mask = TranscriptMask()
    seen: dict[str, str] = {}
    for number, text in enumerate(texts):
        for key, masked in mask.add(str(number), Speaker.CALLER, text).items():
            original = texts[int(key)]
            assert len(masked) == len(original)
            if key in seen:
                assert all(now == "*" for was, now in zip(seen[key], masked, strict=True) if was == "*")
            seen[key] = masked


def test_pieces_follow_words_through_the_span_map() -> None:
    words = (Word("欠", 100, 200), Word("十二", 200, 400), Word("万", 400, 500))
    spans = SpanMap(((0, 1, 0, 1), (1, 7, 1, 4)))
    assert pieces("欠120000", "欠十二万", spans, words, (100, 500)) == [(0, 1, 100, 200), (1, 7, 200, 500)]


@given(st.text(max_size=20), st.integers(0, 10**6), st.integers(0, 10**5))
def test_pieces_without_times_cover_the_text_in_order(text: str, start: int, length: int) -> None:
    found = pieces(text, text, SpanMap(), (), (start, start + length))
    assert "".join(text[piece.start : piece.end] for piece in found) == text
    assert all(start <= piece.at <= piece.until <= start + length for piece in found)
