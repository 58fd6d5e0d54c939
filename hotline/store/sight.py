"""Which calls somebody may see: conditions on a call's id, for any query that has one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, and_, exists, func, not_, or_, select, true

from hotline.acd.model import LogKind
from hotline.conversation import CallId
from hotline.store.engine import reading, storable
from hotline.store.tables import acd_log, calls
from workorders.model import Pool
from workorders.tables import work_orders


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
        had = select(acd_log.c.call_id).where(
            acd_log.c.agent == self.agent,
            acd_log.c.kind == LogKind.CONNECT.value,
            acd_log.c.call_id.is_not(None),
        )
        holds = and_(work_orders.c.holder == self.agent, work_orders.c.pool == Pool.HELD.value)
        orders = select(work_orders.c.call_id).where(or_(work_orders.c.owner == self.agent, holds))
        ways: list[ColumnElement[bool]] = [call.in_(had), call.in_(orders)]
        of_call = acd_log.c.call_id == call
        if self.free:
            ways.append(not_(exists().where(of_call, acd_log.c.kind == LogKind.CONNECT.value)))
        if self.queues:
            ways.append(exists().where(of_call, acd_log.c.queue.in_(self.queues)))
        return or_(*ways)


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
