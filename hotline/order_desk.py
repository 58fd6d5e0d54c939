"""What the command line does about orders: a year's official calendar, tokens of other lines and systems."""

import getpass
from pathlib import Path

from hotline.call.line import utc_now
from hotline.errors import ConfigError
from hotline.rulebook import Rulebook
from hotline.settings import Settings
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.exchange_tokens import ExchangeToken, ExchangeTokens
from hotline.wiring import open_database
from workorders.calendar_rows import OFFICIAL, PROVISIONAL, CalendarRows, ImportedYear, file_name
from workorders.clockwork import Clockwork
from workorders.exchange_rules import OUTSIDE
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

LARGEST = 64 * 1024
"""Bytes of a calendar file."""


class OrderDesk:
    """One installation's database and rules. Raises `ConfigError`, `StoreError`, `WorkOrderError`."""

    def __init__(self, settings: Settings) -> None:
        self._rulebook = Rulebook.load(settings.flows)
        self._engine = open_database(settings)
        self._audit = AuditStore(self._engine)

    def import_calendar(self, path: Path) -> tuple[ImportedYear, int]:
        """Put a year in force and count the orders' deadlines again; the year, and how many deadlines moved.

        Each deadline that moves gets a line in its order's history. A line that runs counts new orders by the
        new calendar after its next start; what it files until then is counted again at that start.
        """
        year = self._read(path)
        rows = CalendarRows(self._engine)
        self._rulebook.calendar.with_year(file_name(year.year), year.text)  # sound?
        rows.put(year)
        self._audit.record(year.by, "calendar.import", str(year.year), year.at, year.status)
        calendar = rows.over(self._rulebook.calendar)
        service = WorkOrderService(unit_of_work(self._engine), self._rulebook.rules, calendar)
        return year, Clockwork(service).recount(others=True)

    def calendars(self) -> list[tuple[int, str, str]]:
        """Year, status, and whence: of every year there is."""
        files = self._rulebook.calendar
        years = {day.year for day in files.holidays} | files.official
        known = {year: (OFFICIAL if year in files.official else PROVISIONAL, "file") for year in years}
        for each in CalendarRows(self._engine).all():
            if each.status == OFFICIAL or each.year not in files.official:
                known[each.year] = (each.status, f"imported {each.at:%Y-%m-%d} by {each.by}")
        return [(year, *known[year]) for year in sorted(known)]

    def make_token(self, system: str, label: str) -> str:
        """A token with which a system of exchange.yaml exchanges orders. Raises `ConfigError` for others."""
        code = system if system.startswith(OUTSIDE) else OUTSIDE + system
        if code not in self._rulebook.rules.exchange.systems:
            raise ConfigError([f"system: {system} is not in ivr_flows/exchange.yaml"])
        now = utc_now()
        self._audit.record(_person(), "exchange.token", code, now, label)
        return ExchangeTokens(self._engine).create(code, now, label)

    def tokens(self) -> list[ExchangeToken]:
        """Every token ever made, oldest first."""
        return ExchangeTokens(self._engine).all()

    def revoke(self, token: int) -> bool:
        """End a token; whether there was one to end."""
        now = utc_now()
        self._audit.record(_person(), "exchange.revoke", str(token), now)
        return ExchangeTokens(self._engine).revoke(token, now)

    def _read(self, path: Path) -> ImportedYear:
        try:
            size, text = path.stat().st_size, path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: cannot be read as UTF-8 text"]) from error
        stem = path.name.removeprefix("calendar-").removesuffix(".tsv")
        if size > LARGEST or not (len(stem) == 4 and stem.isascii() and stem.isdigit()):
            raise ConfigError([f"{path}: must be called calendar-YYYY.tsv and have at most {LARGEST} bytes"])
        official = "# status: official" in text.splitlines()
        status = OFFICIAL if official else PROVISIONAL
        return ImportedYear(int(stem), status, text, utc_now(), _person())


def _person() -> str:
    try:
        return f"{TERMINAL}:{getpass.getuser()}"[:64]
    except (KeyError, OSError):
        return TERMINAL
