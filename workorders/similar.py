"""Orders that may be about the same thing, and parties that many call about: shown to people, who decide."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Select, TextClause, and_, func, literal_column, or_, select

from workorders.case_tables import incidents
from workorders.incident_lists import Counted, count, page
from workorders.life_rules import SimilarRules
from workorders.model import OPEN, State, WorkOrder
from workorders.queries import OrderFilter, OrderRow, order_row
from workorders.storage import translated
from workorders.tables import GATHERED, work_orders
from workorders.visible import EVERYTHING, visible

CALLER, PARTY = "caller", "party"
MOST = 20
"""Suggestions shown for one order, and parties in one list."""
_c = work_orders.c


@dataclass(frozen=True, slots=True)
class Similar:
    """An order that may be about the same thing."""

    row: OrderRow
    why: tuple[str, ...]
    """`caller`: same caller and matter; `party`: same other party in the same place."""
    mergeable: bool
    """Neither has been answered."""


@dataclass(frozen=True, slots=True)
class Inside:
    """An order that was merged into another one."""

    number: str
    call_id: str
    caller_contact: str
    """Personal data."""
    filed_at: datetime
    anonymous: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """One other party in one place that many callers have it with."""

    party: str
    """`<district>:<name>`."""
    orders: int
    callers: int
    last: datetime


class SimilarOrders:
    """Blocking reads on an engine. Raises `StorageFailed`."""

    def __init__(self, engine: Engine, rules: SimilarRules) -> None:
        self._engine = engine.execution_options(read_only=True)
        self._rules = rules

    def to(self, order: WorkOrder, seen: OrderFilter = EVERYTHING) -> list[Similar]:
        """What somebody may see that may be the same as this order, newest first; complaints only with
        complaints."""
        reasons = self._reasons(order)
        if not reasons:
            return []
        wanted = (
            select(work_orders)
            .where(
                or_(*reasons.values()),
                _c.number != order.number,
                _c.kind == order.life.kind.value,
                _c.state.not_in([State.DRAFT.value, State.CANCELLED.value, State.MERGED.value]),
                *visible(seen),
            )
            .order_by(_c.filed_at.desc(), _c.id.desc())
            .limit(MOST)
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
        found = []
        for row in rows:
            same_caller = (row["caller_contact"], row["matter"]) == (order.caller_contact, order.matter)
            same_party = bool(order.life.party) and row["party"] == order.life.party
            why = tuple(
                name
                for name, holds in ((CALLER, same_caller), (PARTY, same_party))
                if holds and name in reasons
            )
            mergeable = State(row["state"]) in OPEN and order.state in OPEN
            found.append(Similar(order_row(row), why, mergeable))
        return found

    def inside(self, number: str) -> list[Inside]:
        """What was merged into an order, oldest first."""
        wanted = select(work_orders).where(_c.parent == number).order_by(_c.id)
        with translated(), self._engine.connect() as connection:
            return [
                Inside(
                    row["number"],
                    row["call_id"],
                    row["caller_contact"],
                    row["filed_at"],
                    bool((row["life"] or {}).get("anonymous")),
                )
                for row in connection.execute(wanted).mappings()
            ]

    def clusters(self, now: datetime, seen: OrderFilter = EVERYTHING) -> list[Cluster]:
        """Parties that enough callers have it with, and no open incident is about; most callers first. Of
        the orders that somebody may see."""
        callers = func.count(_c.caller_contact.distinct())
        # Not as it stands in the index of parties, which SQLite would read from end to end.
        party = _c.party.concat(literal_column("''"))
        wanted = (
            select(
                party.label("party"),
                func.count().label("orders"),
                callers.label("callers"),
                func.max(_c.filed_at).label("last"),
            )
            .where(*self._gathered(now, seen), _c.party.not_in(_open_parties()))
            .group_by(party)
            .having(callers >= self._rules.cluster)
            .order_by(callers.desc(), party)
            .limit(MOST)
        )
        with translated(), self._engine.connect() as connection:
            return [
                Cluster(row.party, row.orders, row.callers, row.last) for row in connection.execute(wanted)
            ]

    def behind(
        self, party: str, of: Counted, now: datetime, seen: OrderFilter, after: str, limit: int
    ) -> tuple[int, list[str]]:
        """What a cluster's counts count: how many, and a page of the orders' numbers behind `after`; of
        callers each stands as the first of their orders."""
        orders = select(_c.number.label("ref")).where(*self._gathered(now, seen), _c.party == party)
        if of is Counted.CALLERS:
            orders = orders.with_only_columns(func.min(_c.number).label("ref")).group_by(_c.caller_contact)
        with translated(), self._engine.connect() as connection:
            return count(connection, orders), page(connection, orders, after, limit)

    def _gathered(self, now: datetime, seen: OrderFilter) -> tuple[ColumnElement[bool] | TextClause, ...]:
        """Of orders that clusters are made of."""
        return (
            GATHERED,
            _c.filed_at >= now - timedelta(days=self._rules.days),
            *visible(seen),
        )

    def numbers_of(self, party: str, now: datetime, limit: int, seen: OrderFilter = EVERYTHING) -> list[str]:
        """Orders of a cluster that somebody may see, oldest first."""
        wanted = (
            select(_c.number)
            .where(*self._gathered(now, seen), _c.party == party, _c.state != State.DRAFT.value)
            .order_by(_c.id)
            .limit(limit)
        )
        with translated(), self._engine.connect() as connection:
            return list(connection.scalars(wanted))

    def _reasons(self, order: WorkOrder) -> dict[str, ColumnElement[bool]]:
        return dict(self._each_reason(order))

    def _each_reason(self, order: WorkOrder) -> Iterator[tuple[str, ColumnElement[bool]]]:
        if order.caller_contact and not order.life.anonymous:
            near = _within(order.filed_at, self._rules.days)
            yield CALLER, and_(_c.caller_contact == order.caller_contact, _c.matter == order.matter, near)
        if order.life.party:
            yield PARTY, and_(_c.party == order.life.party, _within(order.filed_at, self._rules.party_days))


def _open_parties() -> Select[tuple[str]]:
    """Those that an open incident is about."""
    return select(incidents.c.party).where(incidents.c.status == "open", incidents.c.party != "")


def _within(at: datetime, days: int) -> ColumnElement[bool]:
    span = timedelta(days=days)
    return _c.filed_at.between(at - span, at + span)
