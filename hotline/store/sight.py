"""Which calls somebody may see: conditions on a call's id, for any query that has one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
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
from workorders.tables import work_orders

CONNECTED: ColumnElement[str] = literal_column(f"'{LogKind.CONNECT.value}'")
"""Written out, so that the databases can tell that the partial index will do."""


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
        """Nothing but what was this agent's: so little among all there is that it is collected."""
        return bool(self.agent) and not self.free and not self.queues

    def calls(self, call: ColumnElement[str]) -> ColumnElement[bool]:
        """A condition on a column (or expression) with a call's id."""
        conditions: list[ColumnElement[bool]] = []
        if self.names:
            about = select(work_orders.c.call_id).where(work_orders.c.against_person.in_(self.names))
            conditions.append(call.not_in(about))
        if self.agent:
            conditions.append(self._allowed(call))
        return and_(true(), *conditions)

    def _allowed(self, call: ColumnElement[str]) -> ColumnElement[bool]:
        if self.own:
            return call.in_(union_all(*self._agents()))
        line = select(acd_log.c.call_id).where(acd_log.c.call_id == call)
        # What lets most calls through stands first: where one condition holds, the others are not looked at.
        ways: list[ColumnElement[bool]] = []
        if self.queues:
            ways.append(_first(line.where(acd_log.c.queue.in_(self.queues))).is_not(None))
        if self.free:
            ways.append(_first(line.where(acd_log.c.kind == CONNECTED)).is_(None))
        return or_(*ways, *map(call.in_, self._agents()))

    def _agents(self) -> list[Select[tuple[str]]]:
        """Ids of the agent's calls: those put through, and those of the orders that are owned or held."""
        had = (acd_log.c.agent == self.agent, acd_log.c.kind == CONNECTED, acd_log.c.call_id.is_not(None))
        held = (work_orders.c.pool == Pool.HELD.value, work_orders.c.holder == self.agent)
        return [
            select(acd_log.c.call_id).where(*had),
            select(work_orders.c.call_id).where(work_orders.c.owner == self.agent),
            select(work_orders.c.call_id).where(*held),
        ]


def _first(lines: Select[tuple[str]]) -> ColumnElement[str | None]:
    """One of some lines. For EXISTS, PostgreSQL may read the whole log into memory instead of these few."""
    return lines.limit(1).scalar_subquery()


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
