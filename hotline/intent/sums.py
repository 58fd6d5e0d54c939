"""Finds every sum of money a text names, with what it is for: a month, a person, a day (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hotline.intent.wording import MoneyWording

BEFORE = 14
"""Characters before a sum that say what it is."""
_SMALLEST = 50
"""A bare number below this is no sum unless a currency follows."""
_LARGEST = 10**12
_CLAUSE = re.compile(r"[\n\u3002\uff01\uff1f]")
_DIGITS_MAX = 9
"""A longer bare number is an account or a telephone."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum, or a range of sums, in yuan."""

    low: int
    high: int
    start: int
    end: int
    before: str
    """The words before it, no further back than its sentence."""
    rate: str | None
    """A unit of `MoneyWording.rates` when it is so much for each of them."""


def find_sums(text: str, taken: Sequence[tuple[int, int]], wording: MoneyWording) -> list[Sum]:
    """The sums in order; none within the `taken` places, which are numbers of other kinds."""
    sums: list[Sum] = []
    for pattern in (wording.approximate, wording.range, wording.amount):
        for match in pattern.finditer(text):
            place = match.span()
            others = [*taken, *((each.start, each.end) for each in sums)]
            if any(place[0] < end and place[1] > start for start, end in others):
                continue
            made = _sum(match, text, wording)
            if made is not None:
                sums.append(made)
    return sorted(sums, key=lambda each: each.start)


def _sum(match: re.Match[str], text: str, wording: MoneyWording) -> Sum | None:
    low, high = _values(match, wording)
    if not 0 < low <= high < _LARGEST:
        return None
    before = _CLAUSE.split(text[max(0, match.start() - BEFORE) : match.start()])[-1]
    if not match.groupdict().get("c") and not _is_sum(match, (low, text), before, wording):
        return None
    rate = next((unit for unit, rate in wording.rates.items() if rate.before.search(before)), None)
    if rate is None:
        after = text[match.end() : match.end() + BEFORE]
        rate = next((unit for unit, each in wording.rates.items() if each.after.match(after)), None)
    return Sum(low, high, match.start(), match.end(), before, rate)


def _values(match: re.Match[str], wording: MoneyWording) -> tuple[int, int]:
    """Least and most; zeros when it is no number."""
    groups = match.groupdict()
    if groups.get("a"):
        scale = wording.scale[groups["u"]]
        return wording.digits[groups["a"]] * scale, wording.digits[groups["b"]] * scale
    if groups.get("low"):
        high = _value(groups["n"], groups["u"], groups.get("tail"), wording)
        said = str(wording.digits.get(groups["low"], groups["low"]))
        low = _value(said, groups.get("lu"), None, wording)
        if 0 < low < _SMALLEST and high >= 10 * _SMALLEST:  # "three to fifty thousand" shares the unit
            while low * 10 <= high:
                low *= 10
        return (low, high) if low <= high else (0, 0)
    value = _value(groups["n"], groups["u"], groups.get("tail"), wording)
    return value, value


def _value(number: str, unit: str | None, tail: str | None, wording: MoneyWording) -> int:
    try:
        plain = float(number.replace(",", ""))
    except ValueError:
        return 0
    scale = wording.scale[unit] if unit else 1
    extra = 0
    if tail:
        # "18 ten-thousand 6" is 186,000 as spoken, "18 ten-thousand 6000" says it in full
        extra = int(tail) * scale // 10 if len(tail) == 1 else int(tail)
    return round(plain * scale) + extra


def _is_sum(match: re.Match[str], said: tuple[int, str], before: str, wording: MoneyWording) -> bool:
    """Whether a number without currency is money: large enough, no other measure, and money spoken of."""
    value, text = said
    groups = match.groupdict()
    if value < _SMALLEST or wording.not_before.match(text[match.end() :]):
        return False
    number = groups.get("n") or ""
    if groups.get("u") is None and (len(number) > _DIGITS_MAX or number.startswith("0")):
        return False
    if any(rate.before.search(before) for rate in wording.rates.values()) or groups.get("u"):
        return True
    return any(word in before for word in (*wording.about, *wording.claimed, *wording.total, *wording.left))
