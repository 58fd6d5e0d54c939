"""Finds the sum of money at issue (pure)."""

from dataclasses import dataclass

from hotline.intent.found import Found
from hotline.intent.rates import product
from hotline.intent.sums import Sum, find_sums
from hotline.intent.wording import MoneyWording

_NEAR = 8
"""Characters before a sum in which a word says that it is a total or what is left."""


@dataclass(frozen=True, slots=True)
class Bearings:
    """What else was found, as far as sums need it."""

    people: int | None = None
    """How many people are concerned."""
    taken: tuple[tuple[int, int], ...] = ()
    """Where numbers stand that are no sums: telephones, cards, cases, dates."""


def find_amount(text: str, bearings: Bearings, wording: MoneyWording) -> Found | None:
    """The sum at issue: what is left to pay, a total, a rate times what it is for, or the largest."""
    sums = find_sums(text, bearings.taken, wording)
    if not sums:
        return None
    for words, confidence in ((wording.left, 0.85), (wording.total, 0.9)):
        for each in reversed(sums):
            # "every household gets so much in all" is still a rate
            if any(word in each.before[-_NEAR:] for word in words) and each.rate is None:
                return _found(each, confidence, wording)
    plain = [each for each in sums if each.rate is None]
    times = product(text, sums, bearings.people, wording)
    claimed = [each for each in plain if any(word in each.before for word in wording.claimed)]
    if times is not None and not claimed:
        return times
    if plain:
        paid = [each for each in plain if not any(word in each.before[-_NEAR:] for word in wording.paid)]
        owed = [each for each in paid if any(word in each.before for word in wording.about)]
        best = max(claimed or owed or paid or plain, key=lambda each: each.high)
        return _found(best, 0.8 if claimed or owed else 0.6, wording)
    return _found(sums[0], 0.4, wording)


def _found(each: Sum, confidence: float, wording: MoneyWording) -> Found:
    if each.low == each.high:
        display = wording.display.format(value=each.low)
        return Found(str(each.low), display, confidence, ((each.start, each.end),))
    display = wording.display_range.format(low=each.low, high=each.high)
    return Found(f"{each.low}-{each.high}", display, confidence, ((each.start, each.end),))
