"""What the figures of quality inspection count: an agent's sheets and issues; days with a sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Row, Select, func, select

from hotline.stats.quality import VERIFIED, issues_with_calls
from hotline.store.engine import reading
from hotline.store.quality_tables import quality_issues, quality_samples

_s, _i = quality_samples.c, quality_issues.c


class Counted(StrEnum):
    """What is counted."""

    SAMPLED = "sampled"
    INSPECTED = "inspected"
    FOUND = "found"
    """Issues."""
    FIXED = "fixed"

    @property
    def issues(self) -> bool:
        """Whether issues are counted, else calls that were drawn."""
        return self in {Counted.FOUND, Counted.FIXED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure of `Quality.tally`: an agent's, of calls of the days from `first` to before `end`."""

    agent: str
    first: int
    end: int
    counted: Counted

    def rows(self) -> Select[Any]:
        """Samples, or issues with their call's id."""
        wanted: Select[Any] = issues_with_calls() if self.counted.issues else select(quality_samples)
        if self.counted is Counted.INSPECTED:
            wanted = wanted.where(_s.inspected_at.is_not(None))
        if self.counted is Counted.FIXED:
            wanted = wanted.where(_i.state == VERIFIED)
        return wanted.where(_s.day >= self.first, _s.day < self.end, _s.agent == self.agent)


@dataclass(frozen=True, slots=True)
class QualityLists:
    """On one database. Blocks; raises `StoreError`."""

    engine: Engine

    def page(self, wanted: Wanted, after: int, limit: int) -> tuple[int, Sequence[Row[Any]]]:
        """How many, and those with ids above `after`, the oldest first."""
        number = _i.id if wanted.counted.issues else _s.id
        rows = wanted.rows()
        with reading(self.engine) as connection:
            count = connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
            found = connection.execute(rows.where(number > after).order_by(number).limit(limit)).all()
        return int(count), found

    def drawn(self, first: int, end: int) -> Sequence[Row[Any]]:
        """Day, call and time of inspection of what was drawn of the days from `first` to before `end`."""
        wanted = select(_s.day, _s.call_id, _s.inspected_at).where(_s.day >= first, _s.day < end)
        with reading(self.engine) as connection:
            rows: list[Row[Any]] = list(connection.execute(wanted.order_by(_s.day.desc())))
        return rows
