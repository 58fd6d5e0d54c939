"""Finds points and stretches of time and puts them in ISO 8601, relative to a given day (pure)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from asr.numerals import cardinal
from hotline.intent import lunar
from hotline.intent.found import Found
from hotline.intent.wording import DateWording

RANGES_MAX = 3
"""An order names no more stretches of time than this."""


@dataclass(frozen=True, slots=True)
class _When:
    start: int
    end: int
    first: str
    """ISO date, month or year: when it begins."""
    last: str
    year_said: bool
    confidence: float


def find_dates(text: str, now: date, wording: DateWording) -> Found | None:
    """The times told, joined with commas; a stretch is `first/last`."""
    whens = _until_now(text, _joined(text, _points(text, now, wording), wording), now, wording)
    if not whens:
        return None
    precise = [when for when in whens if len(when.first) > 4] or whens
    kept = _distinct(precise)[:RANGES_MAX]
    return Found(
        ",".join(_iso(when) for when in kept),
        "\u3001".join(text[when.start : when.end] for when in kept),
        min(when.confidence for when in kept),
        tuple((when.start, when.end) for when in kept),
    )


def _iso(when: _When) -> str:
    return when.first if when.first == when.last else f"{when.first}/{when.last}"


def _distinct(whens: list[_When]) -> list[_When]:
    return list({_iso(when): when for when in reversed(whens)}.values())[::-1]


def _points(text: str, now: date, wording: DateWording) -> list[_When]:
    """Every point told, the wordings that say most first; overlapping ones are dropped."""
    readers: list[tuple[re.Pattern[str], Callable[[re.Match[str], date, DateWording], _When | None]]] = [
        (wording.ago, _ago),
        (wording.festival, _festival),
        (wording.point, _point),
        (wording.season, _season),
        (wording.month, _month),
        (wording.week, _week),
        (wording.day, _day),
        (wording.year, _year),
    ]
    found: list[_When] = []
    for pattern, reader in readers:
        for match in pattern.finditer(text):
            when = None if wording.not_before.match(text[match.end() :]) else reader(match, now, wording)
            if when and not any(when.start < other.end and when.end > other.start for other in found):
                found.append(when)
    return sorted(found, key=lambda when: when.start)


def _joined(text: str, points: list[_When], wording: DateWording) -> list[_When]:
    """Two points with "until" between them become one stretch."""
    joined: list[_When] = []
    for point in points:
        before = joined[-1] if joined else None
        if before is None or not wording.until.match(text[before.end : point.start] or " "):
            joined.append(point)
            continue
        last = point.last
        if before.year_said and not point.year_said:
            last = before.first[:4] + last[4:]
            if last < before.first[: len(last)]:
                last = f"{int(last[:4]) + 1}{last[4:]}"
        joined[-1] = _When(
            before.start,
            point.end,
            before.first,
            last,
            before.year_said,
            min(before.confidence, point.confidence),
        )
    return joined


def _until_now(text: str, whens: list[_When], now: date, wording: DateWording) -> list[_When]:
    """A time that lasts until today ends with the month of the call."""
    month = f"{now.year}-{now.month:02}"

    def lasting(when: _When) -> _When:
        match = wording.until_now.match(text[when.end :])
        if match is None or when.first != when.last or when.first >= month:
            return when
        return replace(when, end=when.end + match.end(), first=when.first[:7], last=month)

    return [lasting(when) for when in whens]


def _year_of(match: re.Match[str], now: date, wording: DateWording) -> int | None:
    groups = match.groupdict()
    if groups.get("rel"):
        return now.year + wording.relative_years[groups["rel"]]
    if groups.get("y"):
        year = int(groups["y"])
        year = year if year > 100 else year + 2000
        return year if 1950 <= year <= now.year + 1 else None
    return None


def _number(said: str) -> int:
    return int(said) if said.isascii() else cardinal(said) or 0


def _point(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    if year is None and match["y"]:
        return None
    if match["lunar"] or match["old"]:
        return _lunar(match, year, now, wording)
    month = int(match["m"])
    if not 1 <= month <= 12:
        return None
    said = year is not None
    if year is None:
        year = now.year if month <= now.month else now.year - 1
    sure = 0.9 if said else 0.75
    if match["d"]:
        try:
            day = date(year, month, _number(match["d"])).isoformat()
        except ValueError:
            return None
        return _When(match.start(), match.end(), day, day, said, sure)
    iso = f"{year}-{month:02}"
    return _When(match.start(), match.end(), iso, iso, said, sure)


def _lunar(match: re.Match[str], year: int | None, now: date, wording: DateWording) -> _When | None:
    """A month or day of the Chinese calendar; without a year the latest one that has come."""
    month = wording.lunar_months[match["lunar"]] if match["lunar"] else int(match["m"])
    day = _number(match["d"]) if match["d"] else 0
    chosen = year if year is not None else lunar.latest(wording.lunar, now, month, day or 1)
    if chosen is None:
        return None
    days = lunar.month_of(wording.lunar, chosen, month)
    if day:
        at = lunar.day_of(wording.lunar, chosen, month, day)
        days = (at, at) if at is not None else None
    if days is None:
        return None
    first, last = (each.isoformat() for each in days)
    return _When(match.start(), match.end(), first, last, year is not None, 0.8)


def _festival(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    """A day of the Chinese calendar by its name; a year that was said is the one it falls in."""
    month, day = wording.festivals[match["festival"]]
    year = _year_of(match, now, wording)
    if year is None:
        year = lunar.latest(wording.lunar, now, month, day)
    at = lunar.day_of(wording.lunar, year, month, day) if year is not None else None
    if at is None:
        return None
    return _When(match.start(), match.end(), at.isoformat(), at.isoformat(), True, 0.6)


def _season(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    first, last = wording.seasons[match["season"]]
    said = year is not None
    if year is None:
        year = now.year if first <= now.month else now.year - 1
    return _When(match.start(), match.end(), f"{year}-{first:02}", f"{year}-{last:02}", said, 0.7)


def _month(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    iso = _shifted(now, wording.months[match["month"]])
    if match["d"]:
        try:
            iso = date(int(iso[:4]), int(iso[5:]), _number(match["d"])).isoformat()
        except ValueError:
            return None
    return _When(match.start(), match.end(), iso, iso, True, 0.9)


def _shifted(now: date, months: int) -> str:
    count = now.year * 12 + now.month - 1 + months
    return f"{count // 12}-{count % 12 + 1:02}"


def _week(match: re.Match[str], now: date, wording: DateWording) -> _When:
    monday = now - timedelta(days=now.weekday()) + timedelta(weeks=wording.weeks[match["week"]])
    if match["wd"]:
        iso = (monday + timedelta(days=wording.weekdays[match["wd"]])).isoformat()
        return _When(match.start(), match.end(), iso, iso, True, 0.9)
    sunday = monday + timedelta(days=6)
    return _When(match.start(), match.end(), monday.isoformat(), sunday.isoformat(), True, 0.8)


def _day(match: re.Match[str], now: date, wording: DateWording) -> _When:
    iso = (now + timedelta(days=wording.days[match["day"]])).isoformat()
    return _When(match.start(), match.end(), iso, iso, True, 0.9)


def _ago(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    unit: str = wording.units[match["unit"]]
    if match["half"]:
        count, unit = {"year": (6, "month"), "month": (15, "day")}.get(unit, (0, unit))
    else:
        count = _number(match["n"])
    if not 0 < count < 200:
        return None
    if unit in {"day", "week"}:
        iso = (now - timedelta(days=count * (7 if unit == "week" else 1))).isoformat()
    else:
        iso = _shifted(now, -count) if unit == "month" else str(now.year - count)
    return _When(match.start(), match.end(), iso, iso, True, 0.7)


def _year(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    return _When(match.start(), match.end(), str(year), str(year), True, 0.6) if year else None
