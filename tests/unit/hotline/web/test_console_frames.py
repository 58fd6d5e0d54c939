"""A console's page may say nothing but its frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hotline.web.console_frames import FRAMES

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "hold"},
        {"type": "busy", "reason": "rest"},
        {"type": "mute", "on": True},
        {"type": "press", "key": "#"},
        {"type": "transfer", "target": "agent:wang"},
        {"type": "supervise", "call": "c", "mode": "whisper"},
    ],
)
def test_frames(frame: dict[str, object]) -> None:
    assert FRAMES.validate_python(frame).type == frame["type"]


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"type": "hold", "more": 1},
        {"type": "busy", "reason": "Rest!"},
        {"type": "mute", "on": "yes"},
        {"type": "press", "key": "12"},
        {"type": "transfer", "target": "number:110 119"},
        {"type": "transfer", "target": "sip:x@y"},
        {"type": "accept", "offer": "1", "sdp": "x" * 100_000},
        {"type": "supervise", "call": "c", "mode": "spy"},
        {"type": "shutdown"},
    ],
)
def test_no_frames(frame: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FRAMES.validate_python(frame)


@given(JSON)
def test_whatever_comes_is_read_or_refused(frame: object) -> None:
    try:
        FRAMES.validate_python(frame)
    except ValidationError:
        return
