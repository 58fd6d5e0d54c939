"""Finds points and stretches of time and puts them in ISO 8601, relative to a given day (pure)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from hotline.intent.found import Found
from hotline.intent.wording import DateWording

RANGES_MAX = 3
"""An order names no more stretches of time than this."""


@dataclass(frozen=True, slots=True)
class _When:
    start: int
    end: int
    first: str
    """ISO date or month: when it begins."""
    last: str
    year_said: bool
    confidence: float


def find_dates(text: str, now: date, wording: DateWording) -> Found | None:
    """The times told, joined with commas; a stretch is `first/last`."""
    whens = _joined(text, _points(text, now, wording), wording)
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
    seen: set[str] = set()
    return [when for when in whens if _iso(when) not in seen and not seen.add(_iso(when))]  # type: ignore[func-returns-value]  # set.add


def _points(text: str, now: date, wording: DateWording) -> list[_When]:
    """Every point told, the wordings that say most first; overlapping ones are dropped."""
    readers: list[tuple[re.Pattern[str], Callable[[re.Match[str]], _When | None]]] = [
        (wording.ago, lambda match: _ago(match, now, wording)),
        (wording.point, lambda match: _point(match, now, wording)),
        (wording.season, lambda match: _season(match, now, wording)),
        (wording.month, lambda match: _month(match, now, wording)),
        (wording.week, lambda match: _week(match, now, wording)),
        (wording.day, lambda match: _day(match, now, wording)),
        (wording.year, lambda match: _year(match, now, wording)),
    ]
    found: list[_When] = []
    for pattern, reader in readers:
        for match in pattern.finditer(text):
            when = reader(match)
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


def _year_of(match: re.Match[str], now: date, wording: DateWording) -> int | None:
    groups = match.groupdict()
    if groups.get("rel"):
        return now.year + wording.relative_years[groups["rel"]]
    if groups.get("y"):
        year = int(groups["y"])
        year = year if year > 100 else year + 2000
        return year if 1950 <= year <= now.year + 1 else None
    return None


def _point(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    if year is None and match["y"]:
        return None
    said = year is not None
    if match["lunar"]:
        return _lunar(match, year, now, wording)
    month = int(match["m"])
    if not 1 <= month <= 12:
        return None
    if year is None:
        year = now.year if month <= now.month else now.year - 1
    if match["d"]:
        try:
            day = date(year, month, int(match["d"])).isoformat()
        except ValueError:
            return None
        return _When(match.start(), match.end(), day, day, said, 0.9 if said else 0.75)
    iso = f"{year}-{month:02}"
    return _When(match.start(), match.end(), iso, iso, said, 0.9 if said else 0.75)


def _lunar(match: re.Match[str], year: int | None, now: date, wording: DateWording) -> _When | None:
    """The last or the first lunar month; without a year the latest one that has begun."""
    table = {row[0]: row for row in wording.lunar}
    if match["lunar"] == wording.last_month:
        spans = {y: (row[1], row[2] - timedelta(days=1)) for y, row in table.items()}
    elif match["lunar"] == wording.first_month:
        spans = {y + 1: (row[2], row[2] + timedelta(days=29)) for y, row in table.items()}
    else:
        return None
    chosen = year
    if chosen is None:
        chosen = max((y for y, span in spans.items() if span[0] <= now), default=None)
    if chosen is None or chosen not in spans:
        return None
    first, last = spans[chosen]
    return _When(match.start(), match.end(), first.isoformat(), last.isoformat(), year is not None, 0.8)


def _season(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    season = match["season"]
    if season in wording.new_year:
        starts = [row[2] for row in wording.lunar if row[2] <= now]
        day = (
            next((start for start in starts if start.year == year), None)
            if year
            else max(starts, default=None)
        )
        return _When(match.start(), match.end(), day.isoformat(), day.isoformat(), True, 0.6) if day else None
    first, last = wording.seasons[season]
    said = year is not None
    if year is None:
        year = now.year if first <= now.month else now.year - 1
    return _When(match.start(), match.end(), f"{year}-{first:02}", f"{year}-{last:02}", said, 0.7)


def _month(match: re.Match[str], now: date, wording: DateWording) -> _When:
    iso = _shifted(now, wording.months[match["month"]])
    return _When(match.start(), match.end(), iso, iso, True, 0.9)


def _shifted(now: date, months: int) -> str:
    count = now.year * 12 + now.month - 1 + months
    return f"{count // 12}-{count % 12 + 1:02}"


def _week(match: re.Match[str], now: date, wording: DateWording) -> _When:
    monday = now - timedelta(days=now.weekday()) + timedelta(weeks=wording.weeks[match["week"]])
    sunday = monday + timedelta(days=6)
    return _When(match.start(), match.end(), monday.isoformat(), sunday.isoformat(), True, 0.8)


def _day(match: re.Match[str], now: date, wording: DateWording) -> _When:
    iso = (now + timedelta(days=wording.days[match["day"]])).isoformat()
    return _When(match.start(), match.end(), iso, iso, True, 0.9)


def _ago(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    count, unit = int(match["n"]), wording.units[match["unit"]]
    if unit == "day":
        iso = (now - timedelta(days=count)).isoformat()
    elif unit == "month":
        iso = _shifted(now, -count)
    else:
        iso = str(now.year - count)
    return _When(match.start(), match.end(), iso, iso, True, 0.7) if count < 200 else None


def _year(match: re.Match[str], now: date, wording: DateWording) -> _When | None:
    year = _year_of(match, now, wording)
    return _When(match.start(), match.end(), str(year), str(year), True, 0.6) if year else None
