"""From a place in the caller's words back to the utterance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import UtteranceId
from hotline.conversation import Speaker, Turn
from hotline.intent.passage import Passage

pytestmark = pytest.mark.unit


@given(
    st.lists(
        st.lists(st.text(alphabet="工资老板不给", min_size=1, max_size=6), min_size=1, max_size=3), max_size=3
    ),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_spans_quote_their_utterance(calls: list[list[str]], start: int, length: int) -> None:
    said: dict[UtteranceId, str] = {}
    turns = []
    for texts in calls:
        offsets, at = [], 0
        for text in texts:
            said[UtteranceId(f"u{len(said)}")] = text
            offsets.append(at)
            at += len(text) + 1
        ids = tuple(list(said)[-len(texts) :])
        turns.append(Turn(Speaker.CALLER, "，".join(texts), "", ids, 0, 1, tuple(offsets)))
    passage = Passage.of(turns)
    spans = passage.spans(start, start + length)
    for span in spans:
        assert said[span.utterance][span.start : span.end] == span.text
    marks = passage.text[start : start + length].count("，") + passage.text[start : start + length].count(
        "\n"
    )
    assert sum(len(span.text) for span in spans) == len(passage.text[start : start + length]) - marks
