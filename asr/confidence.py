"""A recogniser's own probabilities → confidences that mean what they say (pure but for reading the table).

Platt scaling (Platt, 1999): confidence = 1 / (1 + exp(-(a·logit(p) + b))); its two numbers for each model
lie in `lexicon/confidence.toml` and are fitted by `scripts/fit_confidence.py`.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "lexicon" / "confidence.toml"
BINS = 10
"""Of the expected calibration error."""
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Platt:
    """One engine's calibration; the standard one changes nothing."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, probability: float) -> float:
        """The calibrated probability, 0..1."""
        return 1.0 / (1.0 + math.exp(-(self.slope * logit(probability) + self.offset)))


def logit(probability: float) -> float:
    """Log odds, kept finite at 0 and 1."""
    held = min(1.0 - _EDGE, max(_EDGE, probability))
    return math.log(held / (1.0 - held))


def calibration(model: str) -> Platt:
    """What is known of a model; nothing known: its probabilities as they are."""
    return _table().get(model, Platt())


@cache
def _table() -> Mapping[str, Platt]:
    content = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Platt(float(row["slope"]), float(row["offset"])) for name, row in content.items()}


def fit(probabilities: Sequence[float], right: Sequence[bool], rounds: int = 50) -> Platt:
    """The likeliest slope and offset, by Newton's method on smoothed targets (Platt, 1999; Lin et al., 2007).

    Raises `ValueError` when there is nothing to fit.
    """
    if not probabilities or len(probabilities) != len(right):
        raise ValueError("as many probabilities as verdicts, at least one")
    odds = [logit(each) for each in probabilities]
    good = sum(right)
    high, low = (good + 1) / (good + 2), 1 / (len(right) - good + 2)
    targets = [high if each else low for each in right]
    slope, offset = 1.0, 0.0
    for _ in range(rounds):
        found = [1.0 / (1.0 + math.exp(-(slope * x + offset))) for x in odds]
        errors = [p - t for p, t in zip(found, targets, strict=True)]
        weights = [max(_EDGE, p * (1 - p)) for p in found]
        by_slope = sum(e * x for e, x in zip(errors, odds, strict=True))
        by_offset = sum(errors)
        h11 = sum(w * x * x for w, x in zip(weights, odds, strict=True)) + 1e-3
        h12 = sum(w * x for w, x in zip(weights, odds, strict=True))
        h22 = sum(weights) + 1e-3
        size = h11 * h22 - h12 * h12
        slope -= (h22 * by_slope - h12 * by_offset) / size
        offset -= (h11 * by_offset - h12 * by_slope) / size
    return Platt(slope, offset)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error: |confidence - share that is right|, averaged over ten equal bins
    (Naeini et al., 2015). 0 for no confidences."""
    total = 0.0
    for bin_ in range(BINS):
        inside = [
            (confidence, verdict)
            for confidence, verdict in zip(confidences, right, strict=True)
            if min(BINS - 1, int(confidence * BINS)) == bin_
        ]
        total += abs(sum(confidence - verdict for confidence, verdict in inside))
    return total / len(confidences) if confidences else 0.0
