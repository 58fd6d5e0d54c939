"""Exports as office programs will read them: BOM, text that stays text, no formulas, definitions, masks."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from openpyxl.worksheet.worksheet import Worksheet

from hotline.conversation import CallId, EndCause, Outcome
from hotline.errors import StoreError
from hotline.stats import sheets, workbook
from hotline.stats.export import export_calls, export_orders, export_report
from hotline.stats.report import Grouping, Report
from hotline.stats.sheets import Sheet, Value, headings, write
from hotline.store.calls import SERVER_DIED
from hotline.store.views import CallRow
from workorders.messages import FieldValue
from workorders.model import Action, HistoryEntry, OrderField, State, WorkOrder
from workorders.queries import OrderView

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]

PHONE = "13812345678"
IDENTITY = "510104199001011234"
NUMBER = "SC-20260301-510104-00001-7"
PERIOD = (date(2026, 3, 1), date(2026, 4, 1))
START = datetime(2026, 2, 28, 16, 30, tzinfo=UTC)

CALL = CallRow(
    call=CallId("0123456789"),
    channel="phone",
    remote=PHONE,
    dialled="12348",
    open=False,
    started=START,
    answered=START + timedelta(seconds=2),
    ended=START + timedelta(seconds=90),
    outcome=Outcome.ORDER_FILED,
    detail="",
    matter="labour.wages",
    matter_label="欠薪",
    service="aid",
    service_label="法律援助",
    flags=("green_channel", "new_flag"),
    orders=(NUMBER, "SC-2"),
    recorded=True,
)

ORDER = OrderView(
    order=WorkOrder(
        number=NUMBER,
        call_id="0123456789",
        matter_no=1,
        matter="labour.wages",
        matter_label="欠薪",
        service="aid",
        service_label="法律援助",
        district="510104",
        summary=f"老板欠钱，打{PHONE}找我",
        caller_contact=PHONE,
        source="speech",
        fields=(
            OrderField(FieldValue("caller_name", "张三丰", "张三丰", 0.9)),
            OrderField(FieldValue("phone", PHONE, PHONE, 0.9)),
            OrderField(FieldValue("amount", "15000", "一万五千元", 0.9)),
        ),
        flags=(),
        urgency="urgent",
        unit="510104-aid",
        unit_name="某法律援助中心",
        state=State.REPLIED,
        filed_at=START,
        sign_by=None,
        due=START + timedelta(days=3),
        provisional=False,
        policy="p",
        version=3,
    ),
    history=(
        HistoryEntry(START + timedelta(hours=1), "u", Action.SIGN, State.DISPATCHED, State.SIGNED),
        HistoryEntry(
            START + timedelta(hours=2), "u", Action.REPLY, State.SIGNED, State.REPLIED, text="已受理"
        ),
    ),
)


def local(*parts: int) -> datetime:
    """A time as a worksheet holds it, without a zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def page(data: bytes, title: str) -> Worksheet:
    found = openpyxl.load_workbook(io.BytesIO(data))[title]
    assert isinstance(found, Worksheet)
    return found


def exported(make: Any, rows: Any, fmt: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    make(rows, stream, fmt, **options)
    return stream.getvalue()


def cells(sheet: Worksheet) -> list[dict[str, Any]]:
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, heading), row, strict=True)) for row in rows]


def test_csv_is_what_excel_expects() -> None:
    data = exported(export_calls, [CALL], "csv")
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\xef\xbb\xbf") == 1
    assert data.count(b"\r\n") == data.count(b"\n") == 2
    (row,) = read_csv(data)
    assert row["来电时间"] == "2026-03-01 00:30:00", "Asia/Shanghai"
    assert row["通话编号"] == "0123456789"
    assert row["通话结果"] == "已立工单"
    assert row["工单编号"] == f"{NUMBER}；SC-2"
    assert row["标记"] == "农民工欠薪绿色通道；new_flag"
    assert row["通话时长（秒）"] == "88.0"


def test_xlsx_keeps_numbers_that_are_names_as_text() -> None:
    sheet = page(exported(export_calls, [CALL], "xlsx", raw=True), "来电")
    (row,) = cells(sheet)
    assert row["来电号码"] == PHONE
    assert row["通话编号"] == "0123456789"
    assert row["被叫号码"] == "12348"
    assert row["来电时间"] == local(2026, 3, 1, 0, 30)
    assert row["通话时长（秒）"] == 88
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:P2"


def test_an_identity_number_keeps_its_eighteen_digits() -> None:
    odd = replace(CALL, remote=IDENTITY)
    (row,) = cells(page(exported(export_calls, [odd], "xlsx", raw=True), "来电"))
    assert row["来电号码"] == IDENTITY


@pytest.mark.parametrize("fmt", ["csv", "xlsx"])
def test_masks_by_default(fmt: str) -> None:
    for make, rows, title in ((export_calls, [CALL], "来电"), (export_orders, [ORDER], "工单")):
        data = exported(make, rows, fmt)
        shown = data.decode("utf-8-sig") if fmt == "csv" else str(cells(page(data, title)))
        assert PHONE not in shown
        assert "张三丰" not in shown
        assert "****" in shown


def test_shows_all_when_told_to() -> None:
    (row,) = read_csv(exported(export_orders, [ORDER], "csv", raw=True))
    assert row["联系电话"] == PHONE
    assert PHONE in row["摘要"]
    assert row["要素"] == f"姓名：张三丰；电话：{PHONE}；金额：一万五千元"


def test_orders_tell_their_way() -> None:
    (row,) = cells(page(exported(export_orders, [ORDER], "xlsx"), "工单"))
    assert (row["工单编号"], row["区划代码"], row["状态"], row["来源"]) == (
        NUMBER,
        "510104",
        "待审核",
        "语音识别",
    )
    assert (row["签收时间"], row["答复时间"]) == (local(2026, 3, 1, 1, 30), local(2026, 3, 1, 2, 30))
    assert (row["应签收时间"], row["应办结时间"]) == (None, local(2026, 3, 4, 0, 30))
    assert (row["答复或退回理由"], row["紧急程度"], row["时限待核"]) == ("已受理", "紧急", "否")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠"])
def test_a_callers_words_are_never_a_formula(sign: str) -> None:
    words = f"{sign}cmd|' /C calc'!A0"
    evil = replace(ORDER, order=replace(ORDER.order, summary=words, unit_name=words))
    (row,) = read_csv(exported(export_orders, [evil], "csv", raw=True))
    assert row["摘要"].startswith("'")
    assert row["承办单位"].startswith("'")
    sheet = page(exported(export_orders, [evil], "xlsx", raw=True), "工单")
    for line in sheet.iter_rows(min_row=2):
        assert {cell.data_type for cell in line} <= {"s", "d", "n", "inlineStr"}
    assert str(cells(sheet)[0]["摘要"]).lstrip("\t\r\n").startswith(words.lstrip("\t\r\n")[0])


def test_a_link_stays_text() -> None:
    evil = replace(ORDER, order=replace(ORDER.order, summary="http://example.org/x"))
    sheet = page(exported(export_orders, [evil], "xlsx", raw=True), "工单")
    assert all(cell.hyperlink is None for line in sheet.iter_rows() for cell in line)


def definitions(data: bytes) -> dict[object, object]:
    return {line[0]: line[1] for line in page(data, "口径").iter_rows(values_only=True, max_col=2)}


def test_the_definitions_say_what_the_file_is() -> None:
    data = exported(export_calls, [CALL], "xlsx", period=PERIOD)
    meanings = definitions(data)
    assert meanings["统计日期"] == "2026-03-01 – 2026-03-31"
    assert "通话结果" in meanings
    assert meanings["脱敏"] != definitions(exported(export_calls, [CALL], "xlsx", raw=True))["脱敏"]


@pytest.mark.parametrize("fmt", ["csv", "xlsx"])
def test_the_same_rows_make_the_same_bytes(fmt: str) -> None:
    assert exported(export_calls, [CALL], fmt) == exported(export_calls, [CALL], fmt)


def test_a_report_comes_out_in_words(tmp_path: Path) -> None:
    rows: tuple[tuple[Any, ...], ...] = (
        ("order_filed", 3, Decimal("75.0"), Decimal("60.5")),
        ("open", 1, None, None),
    )
    made = Report(Grouping.OUTCOME, *PERIOD, ("outcome", "calls", "share", "mean_talk_seconds"), rows)
    target = tmp_path / "report.xlsx"
    assert export_report(made, target, "xlsx") == 2
    first, second = cells(page(target.read_bytes(), "统计"))
    assert first == {"通话结果": "已立工单", "呼入量": 3, "占比（%）": 75, "平均通话时长（秒）": 60.5}
    assert second["通话结果"] == "进行中"
    assert second["占比（%）"] is None


def test_every_flag_and_every_end_of_a_call_has_its_word() -> None:
    rules = yaml.safe_load((ROOT / "ivr_flows" / "intents.yaml").read_text(encoding="utf-8"))
    flags = {flag["code"] for flag in rules["flags"]} | {f"crisis.{kind['code']}" for kind in rules["crisis"]}
    assert flags <= set(headings()["values"]["flags"])
    assert {cause.value for cause in EndCause} | {SERVER_DIED} == set(headings()["values"]["detail"])
    (row,) = read_csv(exported(export_calls, [replace(CALL, detail="remote_hangup")], "csv"))
    assert row["结果说明"] == "来电人挂断"


def test_every_column_of_every_report_has_its_heading() -> None:
    from hotline.stats import report

    names = headings()["columns"]["report"]
    assert set(report._FIGURES) <= set(names)
    assert len(set(names.values())) == len(names)
    assert set(headings()["values"]["outcome"]) == {outcome.value for outcome in Outcome} | {"open"}
    assert set(headings()["values"]["state"]) == {state.value for state in State}


def counted(number: int, seen: list[int]) -> Iterator[tuple[Value, ...]]:
    for at in range(number):
        seen.append(at)
        yield (str(at), at)


@pytest.mark.parametrize("fmt", ["csv", "xlsx"])
def test_a_file_appears_only_when_whole(tmp_path: Path, fmt: Any) -> None:
    target = tmp_path / f"table.{fmt}"

    def torn() -> Iterator[tuple[Value, ...]]:
        yield ("1",)
        assert not target.exists()
        raise StoreError("the database went away")

    with pytest.raises(StoreError, match="went away"):
        write(Sheet("a", ("b",), torn(), "c", ()), target, fmt)
    assert list(tmp_path.iterdir()) == []
    assert write(Sheet("a", ("b", "n"), counted(3, []), "c", ()), target, fmt) == 3
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write(Sheet("a", ("b",), (), "c", ()), tmp_path / "absent" / "x.csv", "csv")


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 4)
    stream = io.BytesIO()
    assert write(Sheet("表", ("b", "n"), counted(7, []), "口径", (("t", "m"),)), stream, "xlsx") == 7
    book = openpyxl.load_workbook(io.BytesIO(stream.getvalue()))
    assert book.sheetnames == ["表", "表 2", "表 3", "口径"]
    numbers = [row["n"] for name in book.sheetnames[:3] for row in cells(page(stream.getvalue(), name))]
    assert numbers == list(range(7))


def test_what_no_cell_can_hold_is_left_out(tmp_path: Path) -> None:
    rows = [("a\x00\x08b\u3000c\nd", "x" * 40_000)]
    for fmt in ("csv", "xlsx"):
        write(Sheet("a", ("b", "n"), rows, "c", ()), tmp_path / f"t.{fmt}", fmt)
    (row,) = read_csv((tmp_path / "t.csv").read_bytes())
    assert row["b"] == "ab\u3000c\nd"
    (line,) = cells(page((tmp_path / "t.xlsx").read_bytes(), "a"))
    assert line["b"] == "ab\u3000c\nd"
    assert len(line["n"]) == 32_767
    assert line["n"].endswith("…")


def test_headings_are_valid_and_shared_with_nobody() -> None:
    text = Path(sheets.__file__).with_name("headings.zh-CN.json").read_text(encoding="utf-8")
    assert json.loads(text) == headings()
