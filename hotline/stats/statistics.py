"""Everything statistics offer to the rest of the line: facts, reports, lists, saved reports."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from hotline.stats.facts import FactStore
from hotline.stats.forecast import DayKind, Forecast, Wish, forecast
from hotline.stats.hotspots import HotSpot, hotspots
from hotline.stats.lists import Lists, Page
from hotline.stats.lost_calls import LostCall, lost_calls
from hotline.stats.past_calls import Past, past_calls
from hotline.stats.quality import Quality
from hotline.stats.quality_lists import QualityLists
from hotline.stats.quality_rules import read_quality
from hotline.stats.reporting import Reporting
from hotline.stats.topic_matches import Matches
from hotline.stats.topics import TopicStore
from hotline.store.saved_reports import SavedReports


class Statistics:
    """Of one database."""

    def __init__(self, engine: Engine, flows: Path | None = None, trials: Collection[str] = ()) -> None:
        """`flows`: folder of places and quality rules; `trials`: numbers whose calls count nowhere."""
        self.facts = FactStore(engine, trials)
        self.reports = Reporting(engine, flows)
        self.lists = Lists(engine)
        self.topics = TopicStore(engine)
        self.matches = Matches(engine)
        self.quality = Quality(engine)
        self.quality_lists = QualityLists(engine)
        self.quality_rules = None if flows is None else read_quality(flows)
        self.saved = SavedReports(engine)
        self._engine = engine

    def hotspots(self, monday: date) -> list[HotSpot]:
        """What stands out in the week that begins on that Monday; see `hotline.stats.hotspots`."""
        return hotspots(self._engine, monday)

    def forecast(self, day: date, days: tuple[date, ...], kind: DayKind, wish: Wish) -> Forecast:
        """What to expect of a day; see `hotline.stats.forecast`."""
        return forecast(self._engine, day, days, kind, wish)

    def past(self, past: Past, cursor: str, limit: int) -> Page:
        """The calls that a figure of a forecast rests on; see `hotline.stats.past_calls`."""
        return past_calls(self._engine, past, cursor, limit)

    def lost(self, day: int) -> list[LostCall]:
        """Callers of a day who hung up in the queue and have not been spoken to since; see `lost_calls`."""
        return lost_calls(self._engine, day)
