"""Any written text → the bare spoken characters that the language model counts and weighs (pure).

Traditional characters become simplified, digits the words in which they are said, letters small, marks and
spaces go away: two writings of the same speech get the same score.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from asr.numerals import numerals

NUMBER: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?(%?)")
READ_OUT: Final = 6
"""Whole numbers with this many digits and more are read out one by one, unless they are round."""
SPOKEN: Final = re.compile(r"[^\u3400-\u9fffa-z]+")
WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def prepare(text: str) -> str:
    """The characters of a text as they are said. Never raises."""
    plain = text.translate(WIDE)
    if not plain.isascii():
        # lone surrogates are no text the converter could take
        plain = _simplifier()(plain.encode("utf-8", "replace").decode("utf-8"))
    if any(map(str.isdigit, plain)):
        plain = NUMBER.sub(_said, plain)
    return _read_out().sub(_usual, SPOKEN.sub("", plain.lower()))


@cache
def _simplifier() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


@cache
def _read_out() -> re.Pattern[str]:
    """Three and more digits in a row, some perhaps by the names they have on the phone."""
    return re.compile(f"[{_words()[0]}{''.join(numerals().spoken)}]{{3,}}")


def _usual(match: re.Match[str]) -> str:
    digits, spoken = _words()[0], numerals().spoken
    return "".join(digits[spoken[char]] if char in spoken else char for char in match[0])


@cache
def _words() -> tuple[str, str, str, str, str]:
    """Digits 0-9, units from ten to ten thousand, "percent", "point", "year"."""
    table = numerals()
    digits = {value: char for char, value in reversed(table.digits.items()) if char != table.liang}
    units = sorted((value, char) for char, value in table.units.items() if value <= 10_000)
    words = table.words
    return (
        "".join(digits[n] for n in range(10)),
        "".join(char for _, char in units),
        words["percent"][0],
        words["point"][0],
        words["year"][0],
    )


def _said(match: re.Match[str]) -> str:
    digits, _, percent, point, year = _words()
    whole, decimals, sign = match[1], match[2], match[3]
    is_year = len(whole) == 4 and match.string[match.end() : match.end() + 1] == year
    a_call = int(whole) in numerals().emergency.values() if len(whole) == 3 else whole[0] == "0" != whole
    one_by_one = is_year or a_call or len(whole) > 8 or _long_and_uneven(whole)
    said = "".join(digits[int(each)] for each in whole) if one_by_one else _counted(int(whole))
    if decimals:
        said += point + "".join(digits[int(each)] for each in decimals)
    return (percent if sign else "") + said


def _long_and_uneven(whole: str) -> bool:
    return len(whole) >= READ_OUT and not whole.endswith("000")


def _counted(value: int) -> str:
    """A number below a hundred million in words."""
    digits, units, *_ = _words()
    if value >= 10_000:
        above, rest = divmod(value, 10_000)
        gap = digits[0] if 0 < rest < 1000 else ""
        return _counted(above) + units[3] + (gap + _counted(rest) if rest else "")
    if value < 10:
        return digits[value]
    if value < 20:
        return units[0] + (digits[value - 10] if value > 10 else "")
    said, zero = "", False
    for power in (3, 2, 1, 0):
        digit = value // 10**power % 10
        if digit:
            said += (digits[0] if zero else "") + digits[digit] + (units[power - 1] if power else "")
            zero = False
        elif said:
            zero = True
    return said
