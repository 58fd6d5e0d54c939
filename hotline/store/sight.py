"""Which calls somebody may see: conditions on a call's id, for any query that has one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    Select,
    and_,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)

from hotline.acd.model import LogKind
from hotline.conversation import CallId
from hotline.store.engine import reading, storable
from hotline.store.tables import acd_log, calls
from workorders.model import Pool
from workorders.order_search import FEW
from workorders.tables import work_orders
from workorders.word_search import count_to

CONNECTED: ColumnElement[str] = literal_column(f"'{LogKind.CONNECT.value}'")
"""Written out, so that the databases can tell that the partial index will do."""
_orders = work_orders.alias("calls_orders").c


@dataclass(frozen=True, slots=True)
class Sight:
    """What one person may see. The default sees everything."""

    names: tuple[str, ...] = ()
    """The person's names: complaints about any of them, and the calls they came from, do not exist here."""
    agent: str = ""
    """Only this agent's calls and orders; empty: everybody's."""
    free: bool = False
    """With `agent`: also what no agent has had yet."""
    queues: tuple[str, ...] = ()
    """With `agent`: also what came through these queues."""

    @property
    def own(self) -> bool:
        """Nothing but what was this agent's."""
        return bool(self.agent) and not self.free and not self.queues

    def calls(self, call: ColumnElement[str], *, collected: bool = False) -> ColumnElement[bool]:
        """A condition on a column (or expression) with a call's id.

        Each call is asked by itself; `collected` (of one's `own`): they are listed first.
        """
        conditions: list[ColumnElement[bool]] = []
        if self.names:
            about = select(work_orders.c.call_id).where(work_orders.c.against_person.in_(self.names))
            conditions.append(call.not_in(about))
        if self.agent:
            conditions.append(call.in_(self._agents()) if collected else or_(*self._ways(call)))
        return and_(true(), *conditions)

    def few(self, connection: Connection) -> bool:
        """Whether what is one's own is so little that it is quicker collected than come across in a list."""
        return self.own and count_to(connection, self._agents(), FEW + 1) <= FEW

    def _ways(self, call: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
        """What lets most calls through stands first: where one condition holds, no other is looked at."""
        line = select(acd_log.c.call_id).where(acd_log.c.call_id == call)
        connected = line.where(acd_log.c.kind == CONNECTED)
        if self.queues:
            yield _first(line.where(acd_log.c.queue.in_(self.queues))).is_not(None)
        if self.free:
            yield _first(connected).is_(None)
        yield _first(connected.where(acd_log.c.agent == self.agent)).is_not(None)
        order = select(_orders.call_id).where(_orders.call_id == call, or_(*self._answers_for()))
        yield _first(order).is_not(None)

    def _agents(self) -> CompoundSelect[tuple[str]]:
        """Ids of the agent's calls: those put through, and those of the orders that are owned or held."""
        had = (acd_log.c.agent == self.agent, acd_log.c.kind == CONNECTED, acd_log.c.call_id.is_not(None))
        return union_all(
            select(acd_log.c.call_id).where(*had),
            *(select(_orders.call_id).where(way) for way in self._answers_for()),
        )

    def _answers_for(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """By what an order is the agent's: owned or held."""
        held = and_(_orders.pool == Pool.HELD.value, _orders.holder == self.agent)
        return _orders.owner == self.agent, held


def _first(rows: Select[tuple[str]]) -> ColumnElement[str | None]:
    """One of some rows. For EXISTS, PostgreSQL may read a whole table into memory instead of these few."""
    return rows.limit(1).scalar_subquery()


EVERYTHING = Sight()


def unseen_of(engine: Engine, ids: Sequence[str], sight: Sight) -> frozenset[str]:
    """Those of some calls (a page of a list) that do not exist for them. Raises `StoreError`."""
    if not ids:
        return frozenset()
    wanted = select(calls.c.id).where(calls.c.id.in_(ids), not_(sight.calls(calls.c.id)))
    with reading(engine) as connection:
        return frozenset(connection.scalars(wanted))


def may_see(engine: Engine, call: CallId, sight: Sight) -> bool:
    """Whether the call exists for them; False also for one that does not exist. Raises `StoreError`."""
    wanted = select(func.count()).where(calls.c.id == storable(call), sight.calls(calls.c.id))
    with reading(engine) as connection:
        return bool(connection.execute(wanted).scalar_one())
