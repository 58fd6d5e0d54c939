"""Exported sheets as they are looked at and printed: filter, widths, heights, paper; memory stays level."""

import gc
import io
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hotline.stats import parquet, workbook
from hotline.stats.sheets import Sheet, write
from tests.integration.test_export import START, counted, local, page, read_csv

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("fmt", ["csv", "xlsx", "parquet"])
def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, fmt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP", 200)

    def peak(rows: int) -> int:
        lines = ((f"通话{at:09}", "老板欠了三个月工资" * 5, START, at) for at in range(rows))
        kinds: Any = ("text", "text", "time", "count")
        gc.collect()  # what earlier tests left is not of this one
        tracemalloc.start()
        assert write(Sheet("a", ("a", "b", "c", "d"), lines, "c", (), kinds), tmp_path / "t", fmt) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # what is loaded at the first use
    assert peak(3_000) < peak(750) + 2**19


def test_every_sheet_can_be_filtered_and_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 4)
    stream = io.BytesIO()
    table = Sheet(
        "表", ("b", "n"), counted(4, []), "口径", (("t", "m"),), ("text", "count"),
        total=("合计", 6), printed="表 & 2026",
    )  # fmt: skip
    assert write(table, stream, "xlsx") == 5
    book = openpyxl.load_workbook(io.BytesIO(stream.getvalue()))
    first, second, meanings = (book[name] for name in ("表", "表 2", "口径"))
    assert (first.auto_filter.ref, second.auto_filter.ref) == ("A1:B4", "A1:B2"), "the total stays out"
    assert [cell.value for cell in second[3]] == ["合计", 6]
    for sheet in (first, second, meanings):
        assert sheet.page_setup.orientation == "landscape"
        fitting = sheet.sheet_properties.pageSetUpPr
        assert fitting is not None
        assert fitting.fitToPage
        assert sheet.page_setup.fitToWidth in {None, 1}
        assert sheet.page_setup.fitToHeight == 0, "as many pages as it takes"
        assert sheet.oddFooter is not None
        assert "&P / &N" in str(sheet.oddFooter.right.text)
    for sheet in (first, second):
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.freeze_panes == "A2"
        assert sheet.oddHeader is not None
        assert sheet.oddHeader.left.text == "表 && 2026"


def test_a_total_is_the_last_row_of_every_format(tmp_path: Path) -> None:
    from pyarrow.parquet import read_table

    for fmt in ("csv", "parquet"):
        table = Sheet("a", ("b", "n"), [("x", 1)], "c", (), ("text", "count"), total=("合计", 1))
        assert write(table, tmp_path / f"t.{fmt}", fmt) == 2
    assert [row["b"] for row in read_csv((tmp_path / "t.csv").read_bytes())] == ["x", "合计"]
    assert read_table(tmp_path / "t.parquet").column("b").to_pylist() == ["x", "合计"]


def test_the_line_above_the_total_has_no_gaps() -> None:
    stream = io.BytesIO()
    table = Sheet(
        "a", ("b", "n", "m"), [("x", 1, 2)], "c", (), ("text", "count", "count"), total=("合计", None, 2)
    )
    write(table, stream, "xlsx")
    sheet = page(stream.getvalue(), "a")
    assert [cell.border.top.style for cell in sheet[3]] == ["thin"] * 3
    assert sheet["B3"].value is None


def test_columns_are_as_wide_as_what_they_hold() -> None:
    stream = io.BytesIO()
    short, long = "四川省成都市锦江区法律援助中心", "老板欠了我们十几个人三个月的工资一直不给" * 4
    row = (short, long, START, date(2026, 3, 1), 1_234_567_890, "7")
    kinds: Any = ("text", "text", "time", "day", "count", "text")
    write(Sheet("a", ("单位", "摘要", "时间", "日", "量", "长" * 30), [row], "c", (), kinds), stream, "xlsx")
    sheet = page(stream.getvalue(), "a")
    wide = {letter: sheet.column_dimensions[letter].width for letter in "ABCDEF"}
    assert 2 * len(short) <= wide["A"] <= 2 * len(short) + 3
    assert wide["B"] < 50, "broken into lines instead"
    assert sheet["B2"].alignment.wrap_text
    assert not sheet["A2"].alignment.wrap_text
    assert wide["C"] >= len("2026-03-01 00:30:00")
    assert wide["D"] >= len("2026-03-01")
    assert wide["E"] >= len("1,234,567,890")
    assert wide["F"] < 30, "a long heading is broken, too"
    assert sheet["D2"].value == local(2026, 3, 1)
    assert sheet["D2"].number_format == "yyyy-mm-dd"


@pytest.mark.parametrize(("columns", "paper", "across"), [(5, 9, None), (12, 8, None), (22, 8, 2)])
def test_wide_tables_take_larger_paper_and_then_more_pages(
    columns: int, paper: int, across: int | None
) -> None:
    stream = io.BytesIO()
    rows = [["十个汉字十个汉字十个"] * columns]
    write(Sheet("a", tuple(f"c{at}" for at in range(columns)), rows, "c", ()), stream, "xlsx")
    sheet = page(stream.getvalue(), "a")
    assert (sheet.page_setup.paperSize, sheet.page_setup.fitToWidth) == (paper, across)
    assert sheet.print_title_cols == ("$A:$A" if across else None)


def test_a_row_is_as_high_as_its_longest_text() -> None:
    stream = io.BytesIO()
    rows = [("短",), ("长" * 100,), ("一\n二\n三\n",), ("长" * 20_000,)]
    write(Sheet("a", ("b",), rows, "c", ()), stream, "xlsx")
    heights = [page(stream.getvalue(), "a").row_dimensions[at].height for at in range(2, 6)]
    assert heights[0] in {None, 15}
    assert page(stream.getvalue(), "a").row_dimensions[1].height in {None, 15}
    assert heights[1] == 5 * workbook._LINE, "200 digits in lines of 40"
    assert heights[2] == 3 * workbook._LINE
    assert heights[3] == workbook._HIGHEST
    stream = io.BytesIO()
    write(Sheet("a", ("长" * 30,), [], "口径", (("t", "义" * 200),)), stream, "xlsx")
    assert page(stream.getvalue(), "a").row_dimensions[1].height == 3 * workbook._LINE
    assert page(stream.getvalue(), "口径").row_dimensions[1].height == 5 * workbook._LINE
