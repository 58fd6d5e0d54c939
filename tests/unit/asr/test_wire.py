"""Messages between pool and worker: round trips, and nothing but WireError for nonsense."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr import wire
from asr.audio import LegId, Segment, UtteranceId
from asr.errors import WireError
from asr.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["text", "words", "confidence", "start", "end", "bytes", "leg", "utterance", "type"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


def unpack(message: bytes) -> wire.Message:
    assert wire.content_length(message[:4]) == len(message) - 4
    return wire.decode(message[4:])


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10**9), st.binary(max_size=40)), max_size=4))
def test_requests_come_back_whole(rows: list[tuple[str, int, bytes]]) -> None:
    segments = [Segment(UtteranceId(name), LegId("l"), at, at + 5, pcm) for name, at, pcm in rows]
    head, body = unpack(wire.request(7, segments, quick=True))
    assert (head["id"], head["quick"], wire.segments_of(head, body)) == (7, True, segments)


@given(st.lists(st.tuples(st.text(max_size=9), st.none() | st.floats(0, 1)), max_size=4))
def test_answers_come_back_whole(rows: list[tuple[str, float | None]]) -> None:
    found = [Hypothesis(text, (Word(text, 1, 2, share),), share) for text, share in rows]
    head, _ = unpack(wire.answer(3, found))
    assert wire.hypotheses_of(head) == found


@given(st.binary(max_size=200))
def test_random_bytes_give_only_wire_errors(content: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.content_length(content[:4])
    with contextlib.suppress(WireError):
        wire.decode(content)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_random_heads_give_only_wire_errors(head: bytes, body: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.decode(b"\x01" + len(head).to_bytes(4, "little") + head + body)


@given(json_values, st.binary(max_size=30))
def test_random_json_gives_only_wire_errors(value: object, body: bytes) -> None:
    text = json.dumps({"type": "x", "segments": value, "hypotheses": value}).encode()
    head, rest = wire.decode(bytes([wire.VERSION]) + len(text).to_bytes(4, "little") + text + body)
    with contextlib.suppress(WireError):
        wire.segments_of(head, rest)
    with contextlib.suppress(WireError):
        wire.hypotheses_of(head)


def test_infinite_places_are_refused() -> None:
    word = {"text": "x", "start": float("inf"), "end": 1, "confidence": None}
    with pytest.raises(WireError):
        wire.hypotheses_of({"hypotheses": [{"text": "x", "words": [word], "confidence": None}]})


@pytest.mark.parametrize("length", [0, 4, wire.LIMIT + 1, 2**32 - 1])
def test_impossible_lengths_are_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(WireError):
        wire.content_length(length.to_bytes(4, "little"))


def test_another_version_is_refused() -> None:
    with pytest.raises(WireError):
        wire.decode(b"\x02" + bytes(4) + b"{}")
