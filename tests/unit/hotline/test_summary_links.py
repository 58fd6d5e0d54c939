"""Which words a summary's sentences rest on, kept with the order and given back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import UtteranceId
from hotline.conversation import Sentence, Span
from hotline.summary_links import LINKS, links_field, links_of
from workorders.messages import FieldValue

pytestmark = pytest.mark.unit

spans = st.builds(
    Span,
    st.sampled_from(["u1", "u2"]).map(UtteranceId),
    st.integers(0, 90),
    st.integers(0, 99),
    st.text(max_size=4),
)
sentences = st.lists(
    st.builds(Sentence, st.text(min_size=1, max_size=20), st.lists(spans, max_size=3).map(tuple)), max_size=6
)


@given(sentences)
def test_every_sentence_gets_its_own_words_back(told: list[Sentence]) -> None:
    field = links_field(told)
    text = "".join(each.text for each in told)
    if not any(each.evidence for each in told):
        assert field is None
        return
    assert field is not None
    assert field.name == LINKS
    linked = links_of(text, [FieldValue("place", "1", "x", 1.0), field])
    assert [text[each.start : each.end] for each in linked] == [each.text for each in told]
    assert [[(s.utterance, s.start, s.end, s.text) for s in each.evidence] for each in linked] == [
        [(str(s.utterance), s.start, s.end, s.text) for s in each.evidence] for each in told
    ]


def test_a_summary_that_was_rewritten_has_no_links() -> None:
    field = links_field([Sentence("来电人反映欠薪。", (Span(UtteranceId("u1"), 0, 2, "欠薪"),))])
    assert field is not None
    assert links_of("来电人反映工伤。", [field]) == ()
    assert links_of("来电人反映欠薪。", []) == ()
