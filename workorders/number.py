"""Order numbers: `SC-YYYYMMDD-<district, 6>-<sequence, 5>-<check>`.

The check digit is Damm's (H. M. Damm, 2004): one decimal digit over the other nineteen, made with a totally
anti-symmetric quasigroup. It catches every wrong digit and every swap of neighbours, which are the mistakes
of someone who hears a number on the telephone or copies it by hand. Luhn misses 09/90, ISO 7064 mod 11
needs an `X`, Verhoeff catches the same with two tables instead of one.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from workorders.errors import WorkOrderError

LAST_SEQUENCE = 99_999
"""Orders one district can have on one day."""

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_DIGITS = re.compile(r"[0-9]{20}")
_SEPARATORS = re.compile(r"[\s\-_.,]+")


class BadNumber(WorkOrderError):
    """Not an order number: wrong shape, no such day, or the check digit does not fit."""

    code = "order.bad_number"


@dataclass(frozen=True, slots=True)
class OrderNumber:
    """The parts of a number. `str()` gives the number as written."""

    day: date
    """Asia/Shanghai day of filing."""
    district: str
    """Six digits."""
    sequence: int
    """1 for the district's first order of the day."""

    def __post_init__(self) -> None:
        if not (len(self.district) == 6 and self.district.isascii() and self.district.isdigit()):
            raise BadNumber("a district code has six digits")
        if not 1 <= self.sequence <= LAST_SEQUENCE:
            raise BadNumber("the day's numbers of this district are used up")

    @property
    def check(self) -> int:
        """The check digit."""
        return check_digit(f"{self.day:%Y%m%d}{self.district}{self.sequence:05d}")

    @property
    def spoken(self) -> tuple[str, ...]:
        """The digits in groups of at most four, in the order a person reads them out."""
        return (
            f"{self.day:%Y}",
            f"{self.day:%m%d}",
            self.district[:3],
            self.district[3:],
            f"{self.sequence:05d}"[:3],
            f"{self.sequence:05d}"[3:] + str(self.check),
        )

    def __str__(self) -> str:
        return f"SC-{self.day:%Y%m%d}-{self.district}-{self.sequence:05d}-{self.check}"


def check_digit(digits: str) -> int:
    """Damm's check digit of a string of decimal digits."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def parse(text: str) -> OrderNumber:
    """Read a number as people write it: any case, full-width, with spaces or without hyphens.

    Raises `BadNumber`; its message never quotes the text.
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper().removeprefix("SC")
    if not _DIGITS.fullmatch(plain):
        raise BadNumber("not of the form SC-YYYYMMDD-NNNNNN-NNNNN-N")
    if check_digit(plain) != 0:
        raise BadNumber("the check digit does not fit: a digit is wrong or two are swapped")
    try:
        day = date(int(plain[:4]), int(plain[4:6]), int(plain[6:8]))
    except ValueError as error:
        raise BadNumber("no such day") from error
    return OrderNumber(day, plain[8:14], int(plain[14:19]))


def is_valid(text: str) -> bool:
    """Whether `parse` would read it."""
    try:
        parse(text)
    except BadNumber:
        return False
    return True
