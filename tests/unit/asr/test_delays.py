"""How late texts come, by a clock of our own."""

from collections.abc import Sequence

import anyio
import numpy as np
import pytest

from asr.audio import SAMPLE_RATE, Segment
from asr.delays import Delays, delays_of
from asr.detectors import WINDOW
from asr.settings import AsrSettings
from asr.transcript import Hypothesis

pytestmark = pytest.mark.unit


class Loud:
    """Speech is what is not silent."""

    def probabilities(self, windows: Sequence[tuple[str, bytes]]) -> list[list[float]]:
        return [
            [float(any(pcm[at : at + 2 * WINDOW])) for at in range(0, len(pcm), 2 * WINDOW)]
            for _, pcm in windows
        ]

    def forget(self, leg: str) -> None:
        pass


class Reader:
    """An engine that takes so many seconds for partials and for finals, by its own clock."""

    def __init__(self, quick: float, slow: float, text: str = "你好") -> None:
        self.now, self._takes, self._text = 0.0, {True: quick, False: slow}, text
        self.asked: list[bool] = []

    async def __call__(self, segments: Sequence[Segment], *, quick: bool) -> list[Hypothesis]:
        self.now += self._takes[quick]
        self.asked.append(quick)
        return [Hypothesis(self._text) for _ in segments]

    def clock(self) -> float:
        return self.now


def delays(reader: Reader, *seconds: float) -> Delays:
    """Sound and silence in turn."""
    pcm = b"".join(
        (np.full(int(length * SAMPLE_RATE), 9 * (1 - number % 2)).astype("<i2")).tobytes()
        for number, length in enumerate(seconds)
    )
    return anyio.run(delays_of, [pcm], reader, Loud(), AsrSettings(), reader.clock)


def test_a_final_is_read_while_the_silence_grows_long_enough() -> None:
    found = delays(Reader(0.0, 0.2), 2.0)
    assert list(found.finals) == pytest.approx([0.5], abs=0.1)
    assert list(delays(Reader(0.0, 0.5), 2.0).finals) == pytest.approx([0.25 + 0.5], abs=0.15)
    assert list(found.partials) == pytest.approx([0.6], abs=0.4)


def test_a_final_waits_for_a_partial_that_is_being_read() -> None:
    quick, slow = (delays(Reader(takes, 0.3), 2.0).finals[0] for takes in (0.0, 2.2))
    assert slow > quick + 0.3


def test_a_slow_engine_is_late_by_what_is_before_it() -> None:
    found = delays(Reader(0.0, 3.0), 1.0, 1.0, 1.0)
    one, two = found.finals
    assert one == pytest.approx(3.25, abs=0.15)
    assert two == pytest.approx(3.25 + 3.0 - 2.0, abs=0.6)


def test_partials_that_come_too_late_and_finals_without_text_do_not_count() -> None:
    assert delays(Reader(5.0, 0.1), 1.0).partials == ()
    assert delays(Reader(0.0, 0.1, text=""), 1.0) == Delays()


def test_delays_add_up() -> None:
    assert Delays((1.0,), (2.0,)) + Delays((3.0,), ()) == Delays((1.0, 3.0), (2.0,))
