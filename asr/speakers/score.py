"""Diarisation error rate: how much speaking time is missed, made up, or given to the wrong speaker (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks, from `start` to `end` in seconds."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class DerParts:
    """Seconds of each kind of error, and of scored speech."""

    missed: float
    false_alarm: float
    confused: float
    speech: float

    @property
    def rate(self) -> float:
        """All errors against the speech there is; 0 without speech."""
        return (self.missed + self.false_alarm + self.confused) / self.speech if self.speech else 0.0


def der(
    reference: Sequence[Turn], found: Sequence[Turn], collar: float = 0.25, step: float = 0.01
) -> DerParts:
    """Score in steps of 10 ms under the best matching of names; `collar` s at reference borders do not count.

    As NIST md-eval does (RT-09 evaluation plan), overlap included. At most 8 speakers are matched.
    """
    last = max((turn.end for turn in (*reference, *found)), default=0.0)
    borders = [at for turn in reference for at in (turn.start, turn.end)]
    told, heard = sorted({t.speaker for t in reference}), sorted({t.speaker for t in found})[:8]
    missed = false_alarm = speech = least = 0.0
    together: dict[tuple[str, str], float] = {}
    for n in range(int(last / step) + 1):
        at = (n + 0.5) * step
        if any(abs(at - border) < collar for border in borders):
            continue
        real = {t.speaker for t in reference if t.start <= at < t.end}
        guess = {t.speaker for t in found if t.start <= at < t.end}
        speech += step * len(real)
        missed += step * max(0, len(real) - len(guess))
        false_alarm += step * max(0, len(guess) - len(real))
        least += step * min(len(real), len(guess))
        for a in real:
            for b in guess:
                together[a, b] = together.get((a, b), 0.0) + step
    padded = heard + [""] * max(0, len(told) - len(heard))
    right = max(
        (
            sum(together.get(pair, 0.0) for pair in zip(told, chosen, strict=True))
            for chosen in permutations(padded, len(told))
        ),
        default=0.0,
    )
    return DerParts(missed, false_alarm, max(0.0, least - right), speech)
