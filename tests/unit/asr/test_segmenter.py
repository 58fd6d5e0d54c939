"""Borders of utterances: in order, apart, not too long, and no speech is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.segmenter import Border, Closed, Endpointing, Opened, Segmenter

pytestmark = pytest.mark.unit

WINDOW = 512


def run(
    probabilities: list[float], endpointing: Endpointing, skips: dict[int, int] | None = None
) -> tuple[list[Border], list[tuple[int, float]], Segmenter]:
    """Feed windows; `skips` maps a window's number to windows that are dropped before it."""
    segmenter, at = Segmenter(endpointing), 0
    borders: list[Border] = []
    heard: list[tuple[int, float]] = []
    for number, probability in enumerate(probabilities):
        at += (skips or {}).get(number, 0) * WINDOW
        borders += segmenter.feed(at, WINDOW, probability)
        heard.append((at, probability))
        at += WINDOW
    borders += segmenter.finish()
    return borders, heard, segmenter


def closed(borders: list[Border]) -> list[Closed]:
    return [each for each in borders if isinstance(each, Closed)]


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.99]), max_size=400),
    st.dictionaries(st.integers(0, 399), st.integers(1, 60), max_size=5),
    st.sampled_from([3_200, 8_000, 24_000]),
    st.sampled_from([48_000, 240_000]),
)
def test_borders_are_ordered_and_bounded(
    probabilities: list[float], skips: dict[int, int], silence: int, longest: int
) -> None:
    borders, _, _ = run(probabilities, Endpointing(silence=silence, longest=longest), skips)
    kinds = [type(each) for each in borders]
    assert kinds == [Opened, Closed] * (len(borders) // 2)
    end = 0
    for opened, ended in zip(borders[::2], borders[1::2], strict=True):
        assert isinstance(opened, Opened)
        assert isinstance(ended, Closed)
        assert opened.start == ended.start
        assert end <= ended.start < ended.end
        assert ended.end - ended.start <= longest + silence + WINDOW * 2
        end = ended.end


@given(st.lists(st.sampled_from([0.0, 0.99]), max_size=400))
def test_no_speech_long_enough_is_left_out(probabilities: list[float]) -> None:
    borders, heard, _ = run(probabilities, Endpointing(longest=48_000))
    spans = closed(borders)
    run_length = 0
    for number, (start, probability) in enumerate(heard):
        run_length = run_length + 1 if probability > 0.5 else 0
        if run_length * WINDOW < 2_048:
            continue
        for back in range(run_length):
            at = heard[number - back][0]
            assert any(span.start <= at < span.end for span in spans), start


def test_a_click_is_no_utterance_and_silence_gives_none() -> None:
    assert run([0.0] * 50, Endpointing())[0] == []
    assert run([0.0] * 10 + [0.9] * 2 + [0.0] * 50, Endpointing())[0] == []


def test_lead_is_kept_on_both_sides() -> None:
    borders, _, segmenter = run([0.0] * 20 + [0.9] * 20 + [0.0] * 40, Endpointing())
    assert borders == [Opened(20 * WINDOW - 4_000), Closed(20 * WINDOW - 4_000, 40 * WINDOW + 4_000)]
    assert segmenter.last_speech == 40 * WINDOW


def test_an_endless_utterance_is_cut_where_it_is_quietest() -> None:
    probabilities = [0.9] * 200
    probabilities[70] = 0.4
    borders, _, _ = run(probabilities, Endpointing(longest=48_000))
    assert closed(borders)[0].end == 70 * WINDOW
    assert borders[2] == Opened(70 * WINDOW)


def test_nothing_is_opened_behind_a_cut_in_trailing_silence() -> None:
    talk = [0.9] * 60 + [0.0] * 90
    borders, _, _ = run(talk, Endpointing(silence=48_000, longest=48_000))
    assert len(closed(borders)) == 1


def test_audio_that_never_came_ends_an_utterance_before_it() -> None:
    borders, _, _ = run([0.9] * 40, Endpointing(), {20: 60})
    first, second = closed(borders)
    assert first.end == 20 * WINDOW
    assert second.start >= 20 * WINDOW
