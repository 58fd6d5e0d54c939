"""Writes rows as a table: CSV and XLSX for office programs, Parquet for programs that count on."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

from hotline.errors import StoreError
from hotline.store.views import LOCAL

T = TypeVar("T")

Format = Literal["csv", "xlsx", "parquet"]
Target = Path | IO[bytes]
Value = str | int | float | Decimal | datetime | date | None
"""What a cell can hold; times are aware and come out in Asia/Shanghai, days are days there."""

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}

Kind = Literal["text", "time", "day", "count", "number", "percent"]
"""What a column holds; Parquet gives it that type, XLSX that look."""

TOLD_EVERY = 5_000
"""Rows between two tellings of how far a file has come."""

# What a spreadsheet program takes for the beginning of a formula, the full-width signs of Chinese input too.
_FORMULA_SIGNS = tuple("=+-@\t\r\n") + tuple("\uff1d\uff0b\uff0d\uff20")
_TIME_IN_TEXT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to be written."""

    title: str
    headings: tuple[str, ...]
    rows: Iterable[Sequence[Value]]
    """Read once, a row at a time."""
    definitions_title: str
    definitions: tuple[tuple[str, str], ...]
    """What each figure means; XLSX only."""
    kinds: tuple[Kind, ...] = ()
    """Of the columns; none: text, as far as it matters."""
    total: Sequence[Value] | None = None
    """The last row, if it sums up the others; XLSX keeps it out of the filter."""
    printed: str = ""
    """What stands above every printed page; XLSX only."""
    chart: "Chart | None" = None
    """XLSX only."""
    more: tuple["Sheet", ...] = ()
    """Further tables of the same file; XLSX only."""

    def lines(self) -> Iterator[Sequence[Value]]:
        """All rows with the total. Read once."""
        return chain(self.rows, () if self.total is None else (self.total,))


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of columns of the table, over its first column, on a page of its own."""

    page: str
    """What that page is called."""
    title: str
    bars: tuple[int, ...]
    """Columns, from 0, drawn as bars."""
    lines: tuple[int, ...] = ()
    """Drawn as lines, on an axis of their own."""
    rows: int = 0
    """How many rows are drawn."""


@cache
def headings() -> dict[str, Any]:
    """Everything Chinese that an export says."""
    text = Path(__file__).with_name("headings.zh-CN.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write(sheet: Sheet, target: Target, fmt: Format, told: Callable[[int], None] | None = None) -> int:
    """Write a table into a file or an open binary stream; how many rows. `told` hears of it now and then.

    Memory does not grow with the rows. A file appears under its name only when it is whole. Raises
    `StoreError` when the disk refuses, `ConfigError` for Parquet where pyarrow is not installed.
    """
    sheet = replace(sheet, rows=telling(sheet.rows, told))
    with _opened(target) as stream:
        if fmt == "csv":
            return _write_csv(sheet, stream)
        if fmt == "xlsx":
            from hotline.stats.workbook import write_xlsx

            return write_xlsx(sheet, stream)
        from hotline.stats.parquet import write_parquet

        return write_parquet(sheet, stream)


def telling(rows: Iterable[T], told: Callable[[int], None] | None) -> Iterator[T]:
    """The same rows; `told` hears of it now and then, and at the end."""
    if told is None:
        yield from rows
        return
    count = 0
    for row in rows:
        yield row
        count += 1
        if count % TOLD_EVERY == 0:
            told(count)
    told(count)


@contextmanager
def _opened(target: Target) -> Iterator[IO[bytes]]:
    if not isinstance(target, Path):
        yield target
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"the export cannot be written: {error.strerror}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_csv(sheet: Sheet, stream: IO[bytes]) -> int:
    # The byte order mark makes Excel read UTF-8; RFC 4180 asks for CRLF.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow(sheet.headings)
        count = 0
        for row in sheet.lines():
            lines.writerow([_in_csv(value) for value in row])
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def _in_csv(value: Value) -> str:
    text = in_text(value)
    # A leading apostrophe keeps a spreadsheet program from running a caller's words as a formula.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA_SIGNS) else text


def in_text(value: Value) -> str:
    """A value in letters; times of Asia/Shanghai to the second."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(LOCAL).strftime(_TIME_IN_TEXT)
    return printable(value) if isinstance(value, str) else str(value)


def printable(value: str) -> str:
    """Without control characters, which no cell can hold; line ends become line feeds, tabs stay."""
    if value.isprintable():
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c.isprintable() or c in "\n\t\u3000")
