"""Writes rows as a table that office programs read: CSV, or XLSX with a sheet of definitions."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

from hotline.errors import StoreError
from hotline.store.views import LOCAL

Format = Literal["csv", "xlsx"]
Target = Path | IO[bytes]
Value = str | int | float | Decimal | datetime | None
"""What a cell can hold; times are aware and come out in Asia/Shanghai."""

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

CELL_CHARACTERS = 32_767
"""What a cell of a worksheet holds; the rest is cut off, marked by an ellipsis."""

SHEET_ROWS = 1_048_576
"""What a worksheet holds, its heading included; more rows go on in the next sheet."""

# What a spreadsheet program takes for the beginning of a formula, the full-width signs of Chinese input too.
_FORMULA_SIGNS = tuple("=+-@\t\r\n") + tuple("\uff1d\uff0b\uff0d\uff20")
_TIME_IN_TEXT = "%Y-%m-%d %H:%M:%S"
_TIME_IN_SHEET = "yyyy-mm-dd hh:mm:ss"
_WIDTH = 18


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


@cache
def headings() -> dict[str, Any]:
    """Everything Chinese that an export says."""
    text = Path(__file__).with_name("headings.zh-CN.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write(sheet: Sheet, target: Target, fmt: Format) -> int:
    """Write a table into a file or an open binary stream; how many rows.

    Memory does not grow with the rows. A file appears under its name only when it is whole. Raises
    `StoreError` when the disk refuses.
    """
    writer = _write_csv if fmt == "csv" else _write_xlsx
    with _opened(target) as stream:
        return writer(sheet, stream)


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
        for row in sheet.rows:
            lines.writerow([_in_text(value) for value in row])
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def _in_text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(LOCAL).strftime(_TIME_IN_TEXT)
    if isinstance(value, str):
        clean = _printable(value)
        # A leading apostrophe keeps a spreadsheet program from running a caller's words as a formula.
        return f"'{clean}" if clean.startswith(_FORMULA_SIGNS) else clean
    return str(value)


def _write_xlsx(sheet: Sheet, stream: IO[bytes]) -> int:
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxFileError

    options = {
        "constant_memory": True,  # a row is on disk before the next one is looked at
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": _TIME_IN_SHEET,
    }
    book = xlsxwriter.Workbook(stream, options)
    # Without this the file would carry the time of writing, and no two exports of one period be equal.
    book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - the format has no zone
    bold = book.add_format({"bold": True})
    try:
        count = _fill(book, sheet, bold)
        _explain(book, sheet, bold)
        book.close()
    except XlsxFileError as error:
        raise StoreError("the export cannot be written") from error
    finally:
        # On the way out of an error the rows written so far still lie in temporary files.
        for page in book.worksheets():
            if page.row_data_fh is not None:
                page.row_data_fh.close()
    return count


def _explain(book: Any, sheet: Sheet, bold: Any) -> None:
    meanings = book.add_worksheet(sheet.definitions_title)
    meanings.set_column(0, 0, _WIDTH, bold)
    meanings.set_column(1, 1, 5 * _WIDTH, book.add_format({"text_wrap": True}))
    for at, (term, meaning) in enumerate(sheet.definitions):
        meanings.write_string(at, 0, term)
        meanings.write_string(at, 1, meaning)


def _fill(book: Any, sheet: Sheet, bold: Any) -> int:
    page, at, pages, count = _page(book, sheet, bold, 1), 0, 1, 0
    for row in sheet.rows:
        count += 1
        at += 1
        if at == SHEET_ROWS:
            pages += 1
            page, at = _page(book, sheet, bold, pages), 1
        for column, value in enumerate(row):
            _put(page, at, column, value)
    return count


def _page(book: Any, sheet: Sheet, bold: Any, number: int) -> Any:
    page = book.add_worksheet(sheet.title if number == 1 else f"{sheet.title} {number}")
    page.freeze_panes(1, 0)
    page.set_column(0, max(0, len(sheet.headings) - 1), _WIDTH)
    for column, heading in enumerate(sheet.headings):
        page.write_string(0, column, heading, bold)
    return page


def _put(page: Any, at: int, column: int, value: Value) -> None:
    if value is None:
        return
    if isinstance(value, datetime):
        page.write_datetime(at, column, value.astimezone(LOCAL).replace(tzinfo=None))
    elif isinstance(value, str):
        # Always a string cell: numbers keep all their digits, and nothing is ever a formula.
        clean = _printable(value)
        if len(clean) > CELL_CHARACTERS:
            clean = clean[: CELL_CHARACTERS - 1] + "\u2026"
        page.write_string(at, column, clean)
    else:
        page.write_number(at, column, value)


def _printable(value: str) -> str:
    """Without control characters, which no cell can hold; line ends become line feeds, tabs stay."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c.isprintable() or c in "\n\t\u3000")
