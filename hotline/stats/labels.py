"""What codes are called: agents, teams, units, matters, places, divisions of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, select

from hotline.stats.days import day_number
from hotline.stats.kpi.registry import words
from hotline.stats.periods import By, Period, span_of
from hotline.stats.sheets import headings
from hotline.store.stat_tables import stat_labels
from hotline.store.tables import agents, users
from workorders.places import Places


@dataclass(frozen=True, slots=True)
class Labels:
    """Names known at one moment."""

    codes: Mapping[tuple[str, str], str]
    """(kind, code) → name; kinds matter, service, unit, agent."""
    teams: Mapping[str, str]
    """Agent → team."""
    places: Mapping[str, str]

    def of(self, by: By, key: str, period: Period) -> str:
        """Name of a row."""
        if not key:
            return str(words()["words"]["unknown"])
        match by:
            case By.HOUR_OF_DAY:
                return str(words()["words"]["hour_of_day"]).format(hour=key)
            case By.WEEK:
                year, _, week = key.partition("-W")
                first = period.since + timedelta(
                    days=span_of(by, key, period).first - day_number(period.since)
                )
                return str(words()["words"]["week"]).format(year=year, week=int(week), first=first)
            case By.QUARTER:
                year, _, quarter = key.partition("-Q")
                return str(words()["words"]["quarter"]).format(year=year, quarter=quarter)
            case By.HOUR:
                return key.replace("T", " ") + ":00"
        return self.name(by, key)

    def name(self, by: By, code: str) -> str:
        """Name of a code; itself where none is known."""
        match by:
            case By.PLACE | By.COUNTY:
                return self.places.get(code, code)
            case By.CHANNEL:
                return str(headings()["values"]["channel"].get(code, code))
        return self.codes.get((by.value, code), code)


def read_labels(connection: Connection, flows: Path | None) -> Labels:
    """What the database and the data files know. `flows`: folder of places.tsv."""
    codes = {(row.kind, row.code): row.label for row in connection.execute(select(stat_labels))}
    codes |= {
        ("agent", row.name): row.display for row in connection.execute(select(users.c.name, users.c.display))
    }
    people = connection.execute(select(agents.c.name, agents.c.display, agents.c.team)).all()
    codes |= {("agent", row.name): row.display for row in people}
    return Labels(codes, {row.name: row.team for row in people if row.team}, _places(flows))


@cache
def _places(flows: Path | None) -> Mapping[str, str]:
    if flows is None:
        return {}
    return {place.code: place.name for place in Places.load(flows, "", []) if place.name}
