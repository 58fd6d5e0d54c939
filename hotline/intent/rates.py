"""Multiplies a rate by what it is for: so much a month, a person, a day, a household (pure)."""

import re
from collections.abc import Sequence

from hotline.intent.found import Found
from hotline.intent.sums import Sum
from hotline.intent.wording import MoneyWording, RateWording

Count = tuple[float, tuple[tuple[int, int], ...]]
"""How many units, and where that was said."""


def product(text: str, sums: Sequence[Sum], people: int | None, wording: MoneyWording) -> Found | None:
    """The first rate whose count was told, times it; None when there is none."""
    for each in sums:
        if each.rate is None:
            continue
        rate = wording.rates[each.rate]
        count = _count(text, rate, sums) or _of_people(rate, people)
        if count is None:
            continue
        factor, places = count
        times = [(factor, each.rate)]
        also = wording.rates.get(rate.times or "")
        if also is not None and also.before.search(each.before):
            more = _count(text, also, sums) or _of_people(also, people)
            if more is not None:
                times.append((more[0], rate.times or ""))
                places += more[1]
        return _found(each, times, tuple(sorted({(each.start, each.end), *places})), wording)
    return None


def _found(
    each: Sum, times: list[tuple[float, str]], places: tuple[tuple[int, int], ...], wording: MoneyWording
) -> Found:
    factor = 1.0
    for count, _ in times:
        factor *= count
    unit = "\u00b7".join(unit for _, unit in times)
    counts = "\u00d7".join(f"{count:g}" for count, _ in times)
    low, high = round(each.low * factor), round(each.high * factor)
    value = str(low) if low == high else f"{low}-{high}"
    one = str(each.low) if each.low == each.high else f"{each.low}-{each.high}"
    return Found(
        value, wording.display_product.format(value=value, unit=unit, each=one, count=counts), 0.6, places
    )


def _of_people(rate: RateWording, people: int | None) -> Count | None:
    return (float(people), ()) if rate.people and people else None


def _count(text: str, rate: RateWording, sums: Sequence[Sum]) -> Count | None:
    """How many units the text tells of: the last telling, all parts of it ("two months and five days")."""
    best: Count | None = None
    for pattern in rate.counts:
        for match in pattern.finditer(text):
            if any(each.start < match.end() and each.end > match.start() for each in sums):
                continue
            factor = _factor(match, rate)
            if factor > 1 or (factor and factor != 1):
                best = (factor, (match.span(),))
        if best is not None:
            return best
    return None


def _factor(match: re.Match[str], rate: RateWording) -> float:
    """The sum of the parts a match names, each times what it is worth in units of the rate."""
    total = 0.0
    for name, said in match.groupdict().items():
        if said:
            total += rate.value(name, said)
    return total
