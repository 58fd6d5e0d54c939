"""Days and hours of Asia/Shanghai as plain numbers, the same on every database (pure).

Shanghai has been eight hours ahead of UTC without summer time since 1992, so an hour is a whole number.
"""

from datetime import UTC, date, datetime, timedelta

from hotline.store.views import local_midnight

_EPOCH = date(1970, 1, 1)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(hours=8)


def day_number(day: date) -> int:
    """Days since 1 January 1970."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The reverse."""
    return _EPOCH + timedelta(days=number)


def slot(at: datetime) -> tuple[int, int]:
    """Day number and hour (0 to 23) of Asia/Shanghai in which an aware instant lies."""
    hours = (at + AHEAD - _ZERO) // timedelta(hours=1)
    return divmod(hours, 24)


def slot_or_none(at: datetime | None) -> tuple[int | None, int | None]:
    """The same; Nones of None."""
    return (None, None) if at is None else slot(at)


def begins(number: int) -> datetime:
    """The instant at which a day begins, UTC."""
    return local_midnight(day_of(number))


def milliseconds(since: datetime, until: datetime) -> int:
    """Whole milliseconds from one to the other; never negative."""
    return max(0, (until - since) // timedelta(milliseconds=1))
