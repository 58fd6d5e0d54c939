"""Finds sums of money and numbers of people (pure)."""

import re
from dataclasses import dataclass

from hotline.intent.found import Found
from hotline.intent.wording import MoneyWording, PeopleWording

_BEFORE = 12
"""Characters before a sum that say what it is."""
_SMALLEST = 50
"""A bare number below this is no sum unless a currency follows."""
_LARGEST = 10**12


@dataclass(frozen=True, slots=True)
class _Sum:
    value: int
    start: int
    end: int
    before: str
    currency: bool


def find_amount(text: str, people: int | None, wording: MoneyWording) -> Found | None:
    """The sum at issue: one called a total, else rate times months or people, else the largest one owed."""
    sums = _sums(text, wording)
    for each in reversed(sums):
        if any(word in each.before[-6:] for word in wording.total):
            return _found(each, 0.9, wording)
    plain = [each for each in sums if _rate(each, wording) is None]
    if not plain and (product := _product(text, sums, people, wording)) is not None:
        return product
    if plain:
        owed = [each for each in plain if any(word in each.before for word in wording.about)]
        best = max(owed or plain, key=lambda each: each.value)
        return _found(best, 0.8 if owed else 0.6, wording)
    return _found(sums[0], 0.4, wording) if sums else None


def _found(each: _Sum, confidence: float, wording: MoneyWording) -> Found:
    display = wording.display.format(value=each.value)
    return Found(str(each.value), display, confidence, ((each.start, each.end),))


def _sums(text: str, wording: MoneyWording) -> list[_Sum]:
    sums = []
    for match in wording.amount.finditer(text):
        value = _value(match, wording)
        currency = bool(match["c"] or match["c2"])
        before = re.split(r"[\n\u3002]", text[max(0, match.start() - _BEFORE) : match.start()])[-1]
        if value is None or not 0 < value < _LARGEST:
            continue
        if not currency and not _is_sum(match, value, text, before, wording):
            continue
        sums.append(_Sum(value, match.start(), match.end(), before, currency))
    return sums


def _value(match: re.Match[str], wording: MoneyWording) -> int | None:
    try:
        number = float(match["n"].replace(",", ""))
    except ValueError:
        return None
    scale = wording.scale[match["u"]] if match["u"] else 1
    tail = match["tail"]
    extra = 0
    if tail:
        # "18 ten-thousand 6" is 186,000 as spoken, "18 ten-thousand 6000" says it in full
        extra = int(tail) * scale // 10 if len(tail) == 1 else int(tail)
    return round(number * scale) + extra


def _is_sum(match: re.Match[str], value: int, text: str, before: str, wording: MoneyWording) -> bool:
    """Whether a number without currency is money: large enough, no other measure, and money spoken of."""
    if value < _SMALLEST or wording.not_before.match(text[match.end() :]):
        return False
    if match["u"] is None and (len(match["n"]) > 9 or match["n"].startswith("0")):
        return False
    if any(pattern.search(before) for pattern in (wording.per_month, wording.per_person, wording.per_day)):
        return True
    return any(word in before for word in (*wording.about, *wording.total)) or match["u"] is not None


def _rate(each: _Sum, wording: MoneyWording) -> str | None:
    """The unit when a sum is so much a month, a person or a day."""
    if wording.per_month.search(each.before):
        return wording.unit_month
    if wording.per_person.search(each.before):
        return wording.unit_person
    return "" if wording.per_day.search(each.before) else None


def _product(text: str, sums: list[_Sum], people: int | None, wording: MoneyWording) -> Found | None:
    months = [
        match
        for match in wording.months.finditer(text)
        if int(match["n"]) > 1 and not any(each.start <= match.start() < each.end for each in sums)
    ]
    for each in sums:
        unit = _rate(each, wording)
        if unit == wording.unit_month and months:
            count, place = int(months[-1]["n"]), months[-1].span()
        elif unit == wording.unit_person and people:
            count, place = people, None
        else:
            continue
        value = each.value * count
        display = wording.display_product.format(value=value, unit=unit, each=each.value, count=count)
        places = ((each.start, each.end),) + ((place,) if place else ())
        return Found(str(value), display, 0.6, tuple(sorted(places)))
    return None


def find_people(text: str, wording: PeopleWording) -> Found | None:
    """How many people are concerned: the largest number told, at least two."""
    matches = [match for pattern in wording.patterns for match in pattern.finditer(text)]
    matches = [match for match in matches if int(match["n"]) > 1]
    if not matches:
        return None
    best = max(matches, key=lambda match: (int(match["n"]), -match.start()))
    display = (wording.display_more if best["more"] else wording.display).format(value=best["n"])
    return Found(str(int(best["n"])), display, 0.7 if best["more"] else 0.85, (best.span(),))
