"""Times, shares, money, identity and case numbers and plates as they are written (pure).

`find_written` runs before `asr.numerals.find_numbers`, on numerals as spoken; `find_money` after it. What the
shapes look like is data: `lexicon/written.toml`.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asr.edits import Edit
from asr.numerals import Numerals, cardinal, numerals

BEFORE = 24
"""Characters before a sum in which a word of money is looked for."""
_MINUTES = 60
_HOURS = 24
_Writer = Callable[[re.Match[str]], str | None]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The patterns of `lexicon/written.toml`."""

    found: dict[str, re.Pattern[str]]
    half: str
    quarters: dict[str, str]
    least: int
    """The smallest bare number that is taken for a sum, yuan."""
    yuan: str


@cache
def shapes() -> Shapes:
    """The patterns, read once."""
    table = numerals()
    data = tomllib.loads((files("asr") / "lexicon" / "written.toml").read_text(encoding="utf-8"))
    digit = "[0-9" + "".join([*table.digits, *table.spoken]) + "]"
    numeral = "[0-9" + "".join([*table.digits, *table.units]) + "]+"
    measure = "|".join(sorted(map(re.escape, table.words["measure"]), key=len, reverse=True))
    names = {"{d}": digit, "{n}": numeral, "{m}": measure}
    found = {}
    for name, pattern in data.items():
        if not isinstance(pattern, str) or name in {"half", "yuan"}:
            continue
        filled = pattern
        for mark, value in names.items():
            filled = filled.replace(mark, value)
        found[name] = re.compile(filled)
    return Shapes(found, data["half"], data["quarters"], data["money_least"], data["yuan"])


def find_written(text: str) -> list[Edit]:
    """The edits, in order and without overlap, for numbers of a known shape."""
    table = numerals()
    if not any(char in table.read_out or char in table.units for char in text):
        return []
    edits: list[Edit] = []
    for name, write in _WRITERS.items():
        for match in shapes().found[name].finditer(text):
            if any(match.start() < edit.end and match.end() > edit.start for edit in edits):
                continue
            new = write(match)
            if new is not None:
                edits.append(Edit(match.start(), match.end(), new))
    return sorted(edits)


def find_money(text: str) -> list[Edit]:
    """The edits that say of a bare number that it is yuan, where money is spoken of."""
    shape = shapes()
    return [edit for edit in _sums(text, shape) if edit is not None]


def _sums(text: str, shape: Shapes) -> Iterator[Edit | None]:
    for match in re.finditer(r"(?<![\d.:/-])\d{2,9}(?![\d.%])", text):
        start, end = match.span()
        if int(match[0]) < shape.least or match[0].startswith("0") or _year(match[0]):
            continue
        if not shape.found["money_after"].match(text[end:]):
            continue
        if shape.found["money_before"].search(text[max(0, start - BEFORE) : start]):
            yield Edit(start, end, match[0] + shape.yuan)


def _year(said: str) -> bool:
    """A number that may be a year: round ones (2000) are taken for sums all the same."""
    return len(said) == 4 and said[:2] in {"19", "20"} and said[2:] != "00"


# -- one writer a shape -----------------------------------------------------------------------------------


def _value(said: str) -> int | None:
    if said.isascii():
        return int(said)
    return cardinal(said)


def _digits(said: str, table: Numerals) -> str:
    return "".join(str(table.read_out[char]) for char in said if char in table.read_out)


def _time(match: re.Match[str]) -> str | None:
    hour = _value(match["h"])
    if hour is None or hour > _HOURS:
        return None
    if match["half"]:
        return f"{hour}:{shapes().half}"
    if match["quarter"]:
        return f"{hour}:{shapes().quarters[match['quarter']]}"
    minute = _value(match["m"]) if match["m"] else None
    if minute is None or minute >= _MINUTES or (minute < 10 and not match["zero"]):
        return None
    return f"{hour}:{minute:02d}"


def _hour(match: re.Match[str]) -> str | None:
    hour = _value(match["h"])
    return None if hour is None else match[0].replace(match["h"], str(hour))


def _identity(match: re.Match[str]) -> str | None:
    return _digits(match["digits"], numerals()) + "X"


def _case(match: re.Match[str]) -> str | None:
    table = numerals()
    said = match["number"]
    number = _value(said) if any(char in table.units for char in said) else None
    written = str(number) if number is not None else _digits(said, table)
    code = _digits(match["code"] or "", table)
    year = _digits(match["year"], table)
    return f"\uff08{year}\uff09{match['court']}{code}{match['kind']}{written}{match[0][-1]}"


def _plate(match: re.Match[str]) -> str | None:
    table = numerals()
    rest = "".join(str(table.read_out.get(char, char)) for char in match["rest"])
    return f"{match['place']}{match['letter'].upper()}{rest.upper()}"


def _share(sign: str) -> _Writer:
    def write(match: re.Match[str]) -> str | None:
        whole = 100 if match["whole"] in _hundred() else _value(match["whole"])
        if whole is None and set(match["whole"]) <= set(numerals().digits):
            whole = 0 if numerals().digits[match["whole"]] == 0 else None
        return None if whole is None else f"{whole}{_fraction(match['part'])}{sign}"

    return write


def _hundred() -> tuple[str, ...]:
    return tuple(char for char, value in numerals().units.items() if value == 100)


def _fraction(part: str | None) -> str:
    return f".{_digits(part, numerals())}" if part else ""


def _range(match: re.Match[str]) -> str | None:
    low = _value(match["low"])
    return None if low is None else f"{low}{match['to']}"


def _decimal(match: re.Match[str]) -> str | None:
    whole = _value(match["whole"])
    if whole is None and len(match["whole"]) == 1:
        whole = numerals().digits.get(match["whole"])
    return None if whole is None else f"{match['is'] or ''}{whole}{_fraction(match['part'])}"


def _kuai(match: re.Match[str]) -> str | None:
    yuan, mao = _value(match["yuan"]), _value(match["mao"])
    return None if yuan is None or mao is None else f"{yuan}.{mao}{shapes().yuan}"


_WRITERS: dict[str, _Writer] = {
    "case": _case,
    "identity": _identity,
    "plate": _plate,
    "percent": _share("%"),
    "permille": _share("\u2030"),
    "time": _time,
    "hour": _hour,
    "decimal": _decimal,
    "kuai": _kuai,
    "range": _range,
    "left": lambda match: match[0][0] + _digits(match["digit"], numerals()),
}
