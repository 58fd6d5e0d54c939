"""`hotline calendar` and `hotline exchange` on a real database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.order_desk import OrderDesk
from hotline.settings import Settings, load
from hotline.store.audit import AuditStore
from hotline.store.engine import make_engine
from hotline.store.exchange_tokens import ExchangeTokens
from hotline.wiring import open_database
from tests.fakes.orders import FLOWS, shipped_rules, wage_claim
from workorders.calendar import BadCalendar
from workorders.calendar_rows import CalendarRows
from workorders.errors import ForbiddenMove
from workorders.model import Action
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

pytestmark = pytest.mark.integration

LATE = datetime(2026, 12, 29, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(paths=load().paths.model_copy(update={"data": tmp_path}))


def year(folder: Path, status: str, *days: str) -> Path:
    path = folder / "calendar-2027.tsv"
    rows = "".join(f"{day}\tholiday\tx\n" for day in days)
    path.write_text(f"# status: {status}\n{rows}", encoding="utf-8")
    return path


def test_an_official_year_moves_deadlines_writes_why_and_outlives_the_files(
    settings: Settings, tmp_path: Path
) -> None:
    engine = open_database(settings)
    service = WorkOrderService(unit_of_work(engine), *shipped_rules())
    number = service.handle(wage_claim(flags=(), fields=(), filed_at=LATE)).number
    before = OrderQueries(engine).get(number)
    assert before is not None
    assert before.order.provisional
    assert before.order.due is not None
    desk = OrderDesk(settings)
    imported, moved = desk.import_calendar(
        year(tmp_path, "official", "2027-01-01", f"{before.order.due:%Y-%m-%d}")
    )
    assert (imported.year, imported.status, moved) == (2027, "official", 1)
    after = OrderQueries(engine).get(number)
    assert after is not None
    assert after.order.due is not None
    assert (after.order.provisional, after.order.due > before.order.due) == (False, True)
    assert after.history[-1].action is Action.RECOUNT
    files = shipped_rules()[1]
    assert 2027 not in files.official
    assert 2027 in CalendarRows(make_engine(settings.database_url)).over(files).official
    assert desk.calendars()[-1][1] == "official"
    [entry] = AuditStore(engine).entries(subject="2027")
    assert (entry.action, entry.detail) == ("calendar.import", "official")
    # Corrected afterwards, deadlines that were sure already move too; back to provisional it cannot go.
    assert desk.import_calendar(year(tmp_path, "official", "2027-01-01"))[1] == 1
    with pytest.raises(ForbiddenMove):
        desk.import_calendar(year(tmp_path, "provisional", "2027-01-01"))


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("holidays.tsv", "# status: official\n", ConfigError),
        ("calendar-2027.tsv", "# status: official\n2026-01-01\tholiday\tx\n", BadCalendar),
        ("calendar-2027.tsv", "2027-01-01\tholiday\tx\n", BadCalendar),
        ("calendar-2027.tsv", "# status: official\n2027-13-01\tholiday\tx\n", BadCalendar),
    ],
)
def test_a_wrong_file_changes_nothing(
    settings: Settings, tmp_path: Path, name: str, text: str, error: type[Exception]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    desk = OrderDesk(settings)
    with pytest.raises(error):
        desk.import_calendar(path)
    assert CalendarRows(make_engine(settings.database_url)).all() == []


def test_a_systems_token_is_made_listed_and_ended(settings: Settings) -> None:
    desk = OrderDesk(settings)
    with pytest.raises(ConfigError):
        desk.make_token("nobody", "x")
    token = desk.make_token("12345", "api")
    tokens = ExchangeTokens(make_engine(settings.database_url))
    assert tokens.system_of(token) == "outside-12345"
    assert desk.revoke(desk.tokens()[0].id)
    assert not desk.revoke(desk.tokens()[0].id)
    assert tokens.system_of(token) is None
    assert (FLOWS / "exchange.yaml").exists()
