"""Sums → figures as they are shown: one place where anything is divided, rounded or compared (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from hotline.stats.kpi.model import How, Kpi, Unit
from hotline.stats.kpi.registry import words

_PER = {Unit.SECONDS: 1_000, Unit.HOURS: 3_600_000}
"""Milliseconds of one."""
CHANGE_PLACES = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a report, with what it was computed from."""

    value: Decimal | None
    """None: there is nothing to divide by."""
    numerator: int
    denominator: int | None
    rows: int | None


def figure(kpi: Kpi, sums: Mapping[str, int]) -> Figure:
    """The figure of these sums."""
    top = sums.get(kpi.numerator.key, 0)
    bottom = None if kpi.denominator is None else sums.get(kpi.denominator.key, 0)
    rows = None if kpi.rows is None else sums.get(kpi.rows.key, 0)
    return Figure(_value(kpi, top, bottom, rows), top, bottom, rows)


def _value(kpi: Kpi, top: int, bottom: int | None, rows: int | None) -> Decimal | None:
    if bottom == 0 or (kpi.numerator.how is How.PEAK and rows == 0):
        return None
    value = Decimal(top * (100 if kpi.unit is Unit.PERCENT else 1))
    return rounded(value / ((bottom or 1) * _PER.get(kpi.unit, 1)), kpi.places)


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, as people do."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def share(part: int, whole: int, places: int = 2) -> Decimal | None:
    """`part` of `whole` in per cent; None of nothing."""
    return None if whole == 0 else rounded(Decimal(part * 100) / whole, places)


def change(kpi: Kpi, now: Decimal | None, then: Decimal | None) -> Decimal | None:
    """How much more it is than it was, in per cent; of shares, in percentage points.

    Computed from the figures as they are shown, so that a reader with a pencil finds the same. None when one
    is missing, or when there is nothing to compare with.
    """
    if now is None or then is None:
        return None
    if kpi.unit is Unit.PERCENT:
        return now - then
    return None if then == 0 else rounded((now - then) * 100 / then, CHANGE_PLACES)


def text(kpi: Kpi, value: Decimal | None) -> str:
    """The figure as it is read."""
    if value is None:
        return str(words()["words"]["none"])
    unit = str(words()["units"][kpi.unit.value])
    return f"{value:,}{unit if unit == '%' or not unit else ' ' + unit}"


def change_text(kpi: Kpi, value: Decimal | None) -> str:
    """The change as it is read, with its sign."""
    if value is None:
        return str(words()["words"]["none"])
    if kpi.unit is Unit.PERCENT:
        return f"{value:+} {words()['words']['points']}"
    return f"{value:+}%"
