"""What a FunASR server's replies mean."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.funasr_protocol import Replies, inside, stamps_of, words_of
from asr.remote import Broken
from asr.transcript import Word

pytestmark = pytest.mark.unit


def said(**parts: Any) -> str:
    return json.dumps({"wav_name": "u1", **parts}, ensure_ascii=False)


def test_online_text_grows_and_offline_text_corrects_it() -> None:
    replies = Replies("u1")
    for text in ("老板", "拖欠"):
        replies.take(said(mode="2pass-online", text=text, is_final=False), final_ends=True)
    assert (replies.text, replies.ended) == ("老板拖欠", False)
    replies.take(said(mode="2pass-offline", text="老板拖欠，"), final_ends=True)
    replies.take(said(mode="2pass-online", text="工资"), final_ends=True)
    assert replies.text == "老板拖欠，工资"
    replies.take(said(mode="2pass-offline", text="工资。", is_final=True), final_ends=True)
    assert (replies.text, replies.ended) == ("老板拖欠，工资。", True)


def test_the_end_is_what_this_kind_of_server_says() -> None:
    runtime, python = Replies("u1"), Replies("u1")
    for replies, ends in ((runtime, True), (python, False)):
        replies.take(said(text="", is_final=True), final_ends=ends)
    assert (runtime.ended, python.ended) == (True, False)
    python.take(said(is_end=True), final_ends=False)
    assert python.ended


def test_times_come_as_text_and_several_side_by_side() -> None:
    assert stamps_of("[[100,200], [200,500]]") == [(100, 200), (200, 500)]
    assert stamps_of("[[1,2]][[3,4]]") == [(1, 2), (3, 4)]
    for wrong in ("", "[", None, 5, "[[1]]", '[["1","2"]]', "[[-1,2]]", "[[true,false]]", [[1, 2**40]]):
        assert stamps_of(wrong) == []


def test_each_character_has_its_time_and_punctuation_goes_with_the_one_before() -> None:
    words = words_of("“工资，OK。", [(0, 100), (100, 250), (300, 600)])
    assert [(word.text, word.start, word.end) for word in words] == [
        ("“工", 0, 1_600),
        ("资，", 1_600, 4_000),
        ("OK。", 4_800, 9_600),
    ]


def test_where_numbers_differ_the_piece_is_one_run() -> None:
    (word,) = words_of("欠5000元。", [(0, 100), (100, 200), (200, 300), (300, 400), (400, 900)])
    assert (word.text, word.start, word.end) == ("欠5000元。", 0, 14_400)
    assert words_of("工资", []) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["mode", "text", "wav_name", "is_final", "is_end", "timestamp", "stamp_sents"]),
        anything | st.sampled_from(["2pass-offline", "2pass-online", "u1", "[[0,10]]"]),
        max_size=7,
    )
    | anything
)
def test_no_reply_does_more_than_be_refused(message: Any) -> None:
    replies = Replies("u1")
    try:
        replies.take(json.dumps(message), final_ends=True)
    except Broken:
        return
    assert len(replies.text) <= replies.most
    for word in inside(replies.words, 16_000):
        assert 0 <= word.start <= word.end <= 16_000


def test_words_are_cut_to_the_utterance_and_kept_in_order() -> None:
    cut = inside([Word("a", 500, 900), Word("b", 100, 2_000), Word("c", 5_000, 6_000)], 1_000)
    assert [(word.start, word.end) for word in cut] == [(500, 900), (500, 1_000), (1_000, 1_000)]
