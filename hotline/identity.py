"""Identity-card numbers of GB 11643, also those read out in groups with words between them (pure).

The check digit, the province and the date of birth must all be right, so that what is found is one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from asr.read_out import CHECK, Run

LENGTH = 18
GAP = 14
"""Characters that may stand between two groups of one number."""
GROUPS_MAX = 6
STRAY = 2
"""A run this short between two groups may be a slip and not part of the number."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_PROVINCES = frozenset(
    f"{ten}{one}"
    for ten, ones in {
        1: "12345",
        2: "123",
        3: "1234567",
        4: "123456",
        5: "01234",
        6: "12345",
        7: "1",
        8: "123",
    }.items()
    for one in ones
)
_BORN_FROM, _BORN_UNTIL = 1900, 2035


@dataclass(frozen=True, slots=True)
class Identity:
    """A number and where each of its characters begins in the text."""

    number: str
    places: tuple[int, ...]
    unsure: int
    """Characters that were only heard to sound like the digit."""


def is_identity_card(digits: str) -> bool:
    """Whether 18 characters carry the check digit of GB 11643 (ISO 7064 MOD 11-2)."""
    if len(digits) != LENGTH or not digits[:17].isascii() or not digits[:17].isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == digits[17].upper()


def is_plausible(digits: str) -> bool:
    """Whether it is an identity card of a province there is and a day there was."""
    if digits[:2] not in _PROVINCES or not is_identity_card(digits):
        return False
    try:
        born = date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError:
        return False
    return _BORN_FROM <= born.year <= _BORN_UNTIL


def find_identities(runs: Sequence[Run]) -> list[Identity]:
    """Every identity card that the runs of digits of one text spell, in order."""
    found: list[Identity] = []
    for at in range(len(runs)):
        for each in (*_within(runs[at]), *_joined(runs, at)):
            if not any(set(each.places) & set(other.places) for other in found):
                found.append(each)
    return found


def _within(run: Run) -> Iterator[Identity]:
    """Numbers inside one run, which may hold other digits too."""
    for at in range(len(run.digits) - LENGTH + 1):
        digits = run.digits[at : at + LENGTH]
        if is_plausible(digits):
            sure = run.sure[at : at + LENGTH]
            yield Identity(digits, run.places[at : at + LENGTH], sure.count(False))


def _joined(runs: Sequence[Run], at: int) -> Iterator[Identity]:
    """Numbers whose first group is the run at a place; groups may be followed by strays that are left out."""
    paths: list[tuple[int, tuple[Run, ...]]] = [(at, (each,)) for each in _readings(runs[at])]
    while paths:
        last, groups = paths.pop()
        length = sum(len(group.digits) for group in groups)
        if length == LENGTH:
            number = _number(groups)
            if len(groups) > 1 and is_plausible(number.number):
                yield number
            continue
        if length > LENGTH or len(groups) == GROUPS_MAX:
            continue
        for after in _following(runs, last):
            if runs[after].places[0] - groups[-1].places[-1] <= GAP:
                paths += [(after, (*groups, each)) for each in _readings(runs[after])]


def _following(runs: Sequence[Run], last: int) -> Iterator[int]:
    """The next run, and the one after it when that is a stray."""
    if last + 1 < len(runs):
        yield last + 1
        if last + 2 < len(runs) and len(runs[last + 1].digits) <= STRAY:
            yield last + 2


def _readings(run: Run) -> set[Run]:
    """A run as it stands, and without what may be no digits at its ends."""
    readings = {run, run.trimmed()}
    return {each for whole in readings for each in (whole, _bare(whole).trimmed()) if each.digits}


def _bare(run: Run) -> Run:
    """Without the X at its end."""
    end = len(run.digits.rstrip(CHECK))
    return Run(run.digits[:end], run.places[:end], run.sure[:end])


def _number(groups: Sequence[Run]) -> Identity:
    return Identity(
        "".join(group.digits for group in groups),
        tuple(place for group in groups for place in group.places),
        sum(group.sure.count(False) for group in groups),
    )
