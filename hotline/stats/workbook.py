"""Writes tables as an XLSX workbook: typed cells, frozen headings with a filter, a chart, definitions."""

from collections.abc import Sequence
from datetime import date, datetime
from math import ceil
from typing import IO, Any
from unicodedata import east_asian_width

from hotline.errors import StoreError
from hotline.stats.sheets import Chart, Sheet, Value, in_text, printable
from hotline.store.views import LOCAL

CELL_CHARACTERS = 32_767
"""What a cell of a worksheet holds; the rest is cut off, marked by an ellipsis."""
SHEET_ROWS = 1_048_576
"""What a worksheet holds, its heading included; more rows go on in the next sheet."""

_TIME, _DAY = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"
_TOP = {"valign": "top"}
_RIGHT = {"align": "right", "indent": 1, **_TOP}  # or a number would touch the text of the next column
_LOOKS: dict[str, dict[str, Any]] = {
    "text": _TOP,
    "time": {"num_format": _TIME, "align": "left", **_TOP},
    "day": {"num_format": _DAY, "align": "left", **_TOP},
    "count": {"num_format": "#,##0", **_RIGHT},
    "number": {"num_format": "#,##0.0", **_RIGHT},
    "percent": {"num_format": "0.00", **_RIGHT},
}
_NARROWEST, _WIDEST = 8, 44
"""Of a column, in digits; a Chinese character takes two. What is longer is broken into lines."""
_HEADING_BROKEN = 24
"""Headings longer than that are broken rather than widen their column."""
_BUTTON = 3
"""What the filter's button takes of a heading."""
_MEASURED = 1_000
"""Rows at the beginning that tell how wide a column is to be."""
_TERM, _MEANING = 24, 90
_LINE, _HIGHEST = 18, 390
"""Points a line takes (Chinese ones more than the usual 15), and a row may take."""
_A4, _A3, _ON_A4, _ON_A3 = 9, 8, 190, 290
"""Numbers of papers, and the digits side by side that can still be read on them."""
_OPTIONS = {
    "constant_memory": True,  # a row is on disk before the next one is looked at
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": _TIME,
}


def write_xlsx(sheet: Sheet, stream: IO[bytes]) -> int:
    """Write the table and what belongs to it; how many rows. Raises `StoreError`."""
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxFileError

    book = xlsxwriter.Workbook(stream, dict(_OPTIONS))
    # Without this the file would carry the time of writing, and no two exports of one period be equal.
    book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - the format has no zone
    paper = _Paper(book)
    try:
        count = paper.table(sheet)
        for other in sheet.more:
            paper.table(other)
        paper.definitions(sheet)
        book.close()
    except XlsxFileError as error:
        raise StoreError("the export cannot be written") from error
    finally:
        # On the way out of an error the rows written so far still lie in temporary files.
        for page in book.worksheets():
            if page.row_data_fh is not None:
                page.row_data_fh.close()
    return count


class _Paper:
    """One workbook's formats and pages."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._heading = book.add_format({"bold": True, "text_wrap": True, "bottom": 1, **_TOP})
        self._bold = book.add_format({"bold": True, "text_wrap": True, **_TOP})
        self._long = book.add_format({"text_wrap": True, **_TOP})
        self._looks, self._sums = self._all({}), self._all({"bold": True, "top": 1})

    def _all(self, more: dict[str, Any]) -> dict[str, Any]:
        return {kind: self._book.add_format({**look, **more}) for kind, look in _LOOKS.items()}

    def table(self, sheet: Sheet) -> int:
        """A table, on as many pages as it needs; how many rows."""
        kinds = [*sheet.kinds, *("text" for _ in sheet.headings[len(sheet.kinds) :])]
        page, at, pages, count = self._page(sheet, 1), 0, 1, 0
        widths = _Widths(sheet.headings)
        drawn: list[Sequence[Value]] = []
        most = sheet.chart.rows if sheet.chart is not None else 0
        for row in sheet.lines():
            at, count = at + 1, count + 1
            if at == SHEET_ROWS:
                _finish(page, at - 1, widths)
                pages += 1
                page, at = self._page(sheet, pages), 1
            if count <= _MEASURED or row is sheet.total:
                widths.see(row, kinds)
            if count <= most and row is not sheet.total:
                drawn.append(row)
            self._row(page, at, row, kinds, self._sums if row is sheet.total else self._looks)
        _finish(page, at - (sheet.total is not None), widths)
        if sheet.chart is not None and drawn:
            self._draw(sheet, sheet.chart, drawn)
        return count

    def definitions(self, sheet: Sheet) -> None:
        """What the figures mean."""
        meanings = self._book.add_worksheet(sheet.definitions_title)
        _printed(meanings, "")
        meanings.set_column(0, 0, _TERM, self._bold)
        meanings.set_column(1, 1, _MEANING, self._long)
        for at, (term, meaning) in enumerate(sheet.definitions):
            _heighten(meanings, at, max(_lines_of(term, _TERM), _lines_of(meaning, _MEANING)))
            meanings.write_string(at, 0, printable(term))
            meanings.write_string(at, 1, printable(meaning))

    def _page(self, sheet: Sheet, number: int) -> Any:
        page = self._book.add_worksheet(sheet.title if number == 1 else f"{sheet.title} {number}")
        page.freeze_panes(1, 0)
        page.repeat_rows(0)
        _printed(page, sheet.printed)
        _heighten(page, 0, max((_lines_of(each, _HEADING_BROKEN + 2) for each in sheet.headings), default=1))
        for column, heading in enumerate(sheet.headings):
            page.write_string(0, column, printable(heading), self._heading)
        return page

    def _row(
        self, page: Any, at: int, row: Sequence[Value], kinds: Sequence[str], looks: dict[str, Any]
    ) -> None:
        _heighten(page, at, max((_lines_of(value) for value in row), default=1))
        for column, (value, kind) in enumerate(zip(row, kinds, strict=False)):
            if value is None:
                if looks is self._sums:  # the line above the total has no gaps
                    page.write_blank(at, column, None, looks[kind])
                continue
            if isinstance(value, datetime):
                page.write_datetime(at, column, value.astimezone(LOCAL).replace(tzinfo=None), looks["time"])
            elif isinstance(value, date):
                page.write_datetime(at, column, value, looks["day"])
            elif isinstance(value, str):
                # Always a string cell: numbers keep all their digits, and nothing is ever a formula.
                clean = printable(value)
                if len(clean) > CELL_CHARACTERS:
                    clean = clean[: CELL_CHARACTERS - 1] + "\u2026"
                page.write_string(at, column, clean, self._long if _lines_of(clean) > 1 else looks["text"])
            else:
                page.write_number(at, column, value, looks[kind])

    def _draw(self, sheet: Sheet, wanted: Chart, rows: Sequence[Sequence[Value]]) -> None:
        chart = self._book.add_chart({"type": "column"})
        for column in wanted.bars:
            chart.add_series(_series(sheet, column, rows))
        if wanted.lines:
            above = self._book.add_chart({"type": "line"})
            for column in wanted.lines:
                above.add_series({**_series(sheet, column, rows), "y2_axis": True})
            chart.combine(above)
        chart.set_title({"name": wanted.title, "overlay": False})
        chart.set_x_axis({"text_axis": True})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 1200, "height": 620})
        page = self._book.add_worksheet(wanted.page)
        _printed(page, sheet.printed)
        page.fit_to_pages(1, 1)
        page.hide_gridlines(2)
        page.insert_chart(0, 0, chart)


def _heighten(page: Any, at: int, lines: int) -> None:
    """Make a row high enough, before its cells: not every program does so by itself."""
    # The library keeps the heights of all rows to place pictures by. Those two rows up are on disk already;
    # a million of them would take hundreds of megabytes, and no picture stands on these pages.
    page.row_info.pop(at - 2, None)
    page.row_sizes.pop(at - 2, None)
    if lines > 1:
        page.set_row(at, min(lines * _LINE, _HIGHEST))


class _Widths:
    """How wide each column is to be, by its heading and what has been seen of it."""

    def __init__(self, headings: Sequence[str]) -> None:
        self.count = len(headings)
        self._widths = [max(_NARROWEST, min(width_of(each), _HEADING_BROKEN) + _BUTTON) for each in headings]

    def see(self, row: Sequence[Value], kinds: Sequence[str]) -> None:
        """A row that must fit."""
        for column, (value, kind) in enumerate(zip(row, kinds, strict=False)):
            if value is not None:
                wide = width_of(_as_seen(value, kind)) + (1 if kind == "text" else 2)
                self._widths[column] = max(self._widths[column], min(wide, _WIDEST))

    def set(self, page: Any) -> None:
        """Give them to a page, and a paper that takes them."""
        for column, width in enumerate(self._widths):
            page.set_column(column, column, width)
        whole = sum(self._widths)
        page.set_paper(_A4 if whole <= _ON_A4 else _A3)
        if whole > _ON_A3:
            page.repeat_columns(0)  # too wide to be read on one page
            page.fit_to_pages(ceil(whole / _ON_A3), 0)


def width_of(text: str) -> int:
    """Of the longest line, in digits; a wide character takes two."""
    lines = text.split("\n") if "\n" in text else (text,)
    return max(
        len(line) if line.isascii() else sum(1 + (east_asian_width(sign) in "WFA") for sign in line)
        for line in lines
    )


def _lines_of(value: Value, width: int = _WIDEST) -> int:
    """Into how many lines a cell is broken."""
    if not isinstance(value, str) or (2 * len(value) <= width - 2 and "\n" not in value):
        return 1
    wide = [width_of(line) for line in value.rstrip().split("\n")]
    # Words and marks are not broken in the middle: two characters of every line may stay empty.
    return sum(1 if each <= width - 2 else ceil(each / (width - 4)) for each in wide)


def _as_seen(value: Value, kind: str) -> str:
    if isinstance(value, str | date):
        return in_text(value)
    return f"{value:,.2f}" if kind == "percent" else f"{value:,.1f}" if kind == "number" else f"{value:,}"


def _finish(page: Any, last: int, widths: _Widths) -> None:
    """What is known only when a page is full: the row it ends in, and the widths."""
    from xlsxwriter.utility import xl_range

    page.autofilter(0, 0, last, widths.count - 1)
    page.ignore_errors({"number_stored_as_text": xl_range(0, 0, last, widths.count - 1)})
    widths.set(page)


def _printed(page: Any, above: str) -> None:
    """Across, as wide as the paper, numbered."""
    page.set_landscape()
    page.set_paper(_A4)
    page.fit_to_pages(1, 0)
    page.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.7)
    if above:
        page.set_header(f"&L{above.replace('&', '&&')}")
    page.set_footer("&L&A&R&P / &N")


def _series(sheet: Sheet, column: int, rows: Sequence[Sequence[Value]]) -> dict[str, Any]:
    """A row of bars or a line. The values are given too: some programs draw without counting anew."""
    return {
        "name": sheet.headings[column],
        "categories": [sheet.title, 1, 0, len(rows), 0],
        "categories_data": [in_text(row[0]) for row in rows],
        "values": [sheet.title, 1, column, len(rows), column],
        "values_data": [row[column] for row in rows],
    }
