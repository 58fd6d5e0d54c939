"""Spoken Chinese numerals to digits: finds where a text says a number and what it is (pure).

Idioms keep their numerals, approximations ("thirty or forty") are left as they were said, and a single digit
becomes one only before a measure word. What is a digit, a unit or a word to leave alone is data:
`lexicon/numerals.tsv`.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asr.edits import Edit

PHONE_DIGITS = 7
"""Shortest digit string in which the word for "a pair" is read as two."""


@dataclass(frozen=True, slots=True)
class Numerals:
    """The tables of `lexicon/numerals.tsv`, and patterns built from them."""

    digits: dict[str, int]
    """Characters that are a digit in any numeral, among them the one for "a pair"."""
    liang: str
    spoken: dict[str, int]
    """Characters that are digits only where digits are read out one by one."""
    units: dict[str, int]
    words: dict[str, tuple[str, ...]]
    """Other words by kind: measure, measure_one, keep, filler, …"""
    emergency: dict[str, int]
    run: re.Pattern[str]
    decimal: re.Pattern[str]
    percent: re.Pattern[str]
    keep: re.Pattern[str]
    """Words to leave alone in which a numeral stands beside other characters."""
    day: re.Pattern[str]

    @property
    def read_out(self) -> dict[str, int]:
        """Every character that may stand for a digit in a number read out digit by digit."""
        return {**{str(n): n for n in range(10)}, **self.digits, **self.spoken}


@cache
def numerals() -> Numerals:
    """The tables, read once."""
    rows = rows_of("numerals.tsv")
    digits = {row[1]: int(row[2]) for row in rows if row[0] in {"digit", "liang"}}
    spoken = {row[1]: int(row[2]) for row in rows if row[0] in {"spoken", "heard"}}
    units = {row[1]: int(row[2]) for row in rows if row[0] == "unit"}
    words: dict[str, tuple[str, ...]] = {}
    for kind, text, *_ in rows:
        words[kind] = (*words.get(kind, ()), text)
    plain, point = "".join(digits), words["point"][0]
    numeral = plain + "".join(units)
    month, spoken_day = words["month"][0], words["day_spoken"][0]
    return Numerals(
        digits=digits,
        liang=words["liang"][0],
        spoken=spoken,
        units=units,
        words=words,
        emergency={row[1]: int(row[2]) for row in rows if row[0] == "emergency"},
        run=re.compile(f"[0-9{plain}{''.join(spoken)}{''.join(units)}]+"),
        decimal=re.compile(
            f"([{numeral}]+){point}([{plain}]+)(?={_any(words['decimal'])})",
        ),
        percent=re.compile(f"{words['percent'][0]}([{numeral}]+)"),
        keep=re.compile(_any(tuple(w for w in words["keep"] if any(c not in numeral for c in w)))),
        day=re.compile(f"[0-9]{month}[0-9]{{1,2}}({spoken_day})"),
    )


def rows_of(name: str) -> list[list[str]]:
    """The rows of a lexicon file, without comments and empty lines, each a list of fields."""
    text = (files("asr") / "lexicon" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def find_numbers(text: str) -> list[Edit]:
    """The edits, in order and without overlap, that write a text's numbers in digits."""
    table = numerals()
    edits = [edit for edit in (_decimal(m, table) for m in table.decimal.finditer(text)) if edit]
    for match in table.percent.finditer(text):
        value = cardinal(match[1])
        if value is not None:
            edits.append(Edit(match.start(), match.end(), f"{value}%"))
    taken = [range(edit.start, edit.end) for edit in edits]
    kept = [match.span() for match in table.keep.finditer(text)]
    for match in table.run.finditer(text):
        start, end = match.span()
        if any(start < span.stop and end > span.start for span in taken):
            continue
        if end - start <= 2 and any(left <= start < right for left, right in kept):
            continue
        edits += _runs(text, start, end, table)
    return sorted(edits)


def find_days(text: str) -> list[Edit]:
    """The edits that write the day of a date as print does, after `find_numbers`."""
    table = numerals()
    day = table.words["day"][0]
    return [Edit(match.start(1), match.end(1), day) for match in table.day.finditer(text)]


def cardinal(said: str) -> int | None:
    """The value of a numeral with units such as "one ten-thousand five" (15,000); None when it is none.

    A last digit after a unit of a hundred or more counts tenths of that unit, as people speak.
    """
    table = numerals()
    value, rest, last = 0, said, 0
    for unit in sorted((u for u in table.units if table.units[u] >= 10_000), key=table.units.__getitem__)[
        ::-1
    ]:
        head, found, tail = rest.partition(unit)
        if not found:
            continue
        part = _section(head, last, table)
        if part is None or part == 0:
            return None
        value, rest, last = value + part * table.units[unit], tail, table.units[unit]
    part = _section(rest, last, table) if rest else 0
    return None if part is None else value + part


def _section(said: str, above: int, table: Numerals) -> int | None:
    """A numeral below ten thousand that follows the unit `above` (0: none)."""
    value, digit, zero, unit_before = 0, None, False, above
    for char in said:
        if char in table.digits:
            if table.digits[char] == 0 and digit is None:
                zero = True
                continue
            if digit is not None or table.digits[char] == 0:
                return None
            digit = table.digits[char]
            continue
        unit = table.units.get(char)
        if unit is None or unit > 1000 or (value and unit >= unit_before):
            return None
        if digit is None and unit != 10:
            return None
        value, digit, zero, unit_before = value + (digit or 1) * unit, None, False, unit
    if digit is None:
        return value if said and not zero else None
    if zero or unit_before <= 10:
        return value + digit
    return value + digit * unit_before // 10


def _decimal(match: re.Match[str], table: Numerals) -> Edit | None:
    whole = cardinal(match[1])
    if whole is None:
        return None
    return Edit(match.start(), match.end(), f"{whole}.{''.join(str(table.digits[c]) for c in match[2])}")


def _runs(text: str, start: int, end: int, table: Numerals) -> list[Edit]:
    """Edits for one run of numeral characters; its spoken-only digits are let go when they are words."""
    new = _written(text, start, end, table)
    if new is not None:
        return [Edit(start, end, new)]
    one = table.digits.get(text[end - 1]) == 1
    if one and end - start > 2 and text.startswith(table.words["measure"], end):
        return _runs(text, start, end - 1, table)  # "three thousand five a month"
    edits = []
    for part in re.finditer(f"[^{''.join(table.spoken)}]+", text[start:end]):
        left, right = start + part.start(), start + part.end()
        if right - left < end - start:
            new = _written(text, left, right, table)
            if new is not None:
                edits.append(Edit(left, right, new))
    return edits


def _written(text: str, start: int, end: int, table: Numerals) -> str | None:
    """How a run of numeral characters is written in digits, or None to leave it."""
    run = text[start:end]
    if run.isascii() or (run in table.words["keep"] and not text.startswith(table.words["measure"], end)):
        return None
    if any(char in table.units for char in run):
        return _with_units(run, text[:start], text[end:], table)
    if len(run) == 1:
        return _single(run, text[:start], text[end:], table)
    return _read_out(run, text[end:], table)


def _with_units(run: str, before: str, after: str, table: Numerals) -> str | None:
    some = table.words["some"]
    if any(char.isascii() or char in table.spoken for char in run):
        return None
    if before.endswith(some) or (after.startswith(some) and run[-1] in table.units and len(run) < 2):
        return None
    value = cardinal(run)
    return None if value is None else str(value)


def _single(char: str, before: str, after: str, table: Numerals) -> str | None:
    value = table.digits.get(char)
    if not value or before.endswith(table.words["ordinal"]):
        return None
    if value == 1 and before.endswith(table.words["rate"]):
        return None  # so much money "a month"
    return str(value) if after.startswith(table.words["measure_one" if value == 1 else "measure"]) else None


def _read_out(run: str, after: str, table: Numerals) -> str | None:
    """Digits read one by one: phone numbers, years, short emergency numbers."""
    if run in table.emergency:
        return str(table.emergency[run])
    if table.liang in run and len(run) < PHONE_DIGITS:
        return None
    values = table.read_out
    written = "".join(str(values[char]) for char in run)
    if len(run) == 2:
        neighbours = 0 <= int(written[1]) - int(written[0]) <= 2
        plain = all(char in table.digits for char in run)
        return written if plain and not neighbours and after.startswith(table.words["year"]) else None
    marked = "0" in written or any(char in table.words["spoken"] for char in run)
    return written if len(run) > 3 or marked else None


def _any(words: tuple[str, ...]) -> str:
    """A pattern for any of the words, longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
