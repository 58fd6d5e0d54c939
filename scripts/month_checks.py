"""What must hold after a simulated month, whoever was killed in between: nothing lost, doubled or stuck."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from hotline.conversation import Outcome
from hotline.store.engine import reading
from hotline.store.tables import acd_log, calls
from scripts.month_calls import Writer
from scripts.month_people import OVER
from workorders.life_table import TABLE
from workorders.model import Action, State
from workorders.tables import order_history, order_outbox, order_timers, work_orders

OTHER = "other"
"""Field of the line that the other order of a pair gets."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was counted, and everything that is wrong."""

    counts: dict[str, int]
    problems: tuple[str, ...]


def judge(engine: Engine, writer: Writer, *, whole: bool = True) -> Verdict:
    """Compare the database with the plan; `whole`: the month is over, so nothing may be left to happen."""
    counts: dict[str, int] = {}
    checks: list[Callable[[Engine, Writer, dict[str, int]], Iterator[str]]] = [_history, _timers, _outbox]
    if whole:
        checks += [_calls, _orders, _log]
    return Verdict(counts, tuple(problem for check in checks for problem in check(engine, writer, counts)))


def _calls(engine: Engine, writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """Every call has one record with the outcome it had; the outcomes add up."""
    planned = Counter(call.outcome for call in writer.callers.all())
    with reading(engine) as connection:
        rows = connection.execute(
            select(calls.c.outcome, calls.c.state, func.count()).group_by(calls.c.outcome, calls.c.state)
        )
        found = {(row[0], row[1]): row[2] for row in rows}
    counts["calls"] = sum(found.values())
    if any(state != "closed" for _, state in found):
        yield "calls are left open"
    for outcome in Outcome:
        stored = found.get((outcome.value, "closed"), 0)
        counts[f"calls {outcome.value}"] = stored
        if stored != planned[outcome]:
            yield f"{outcome.value}: {stored} calls stored, {planned[outcome]} made"
    if sum(planned.values()) != counts["calls"]:
        yield f"{counts['calls']} calls stored, {sum(planned.values())} made"


def _orders(engine: Engine, writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """Every matter of every call that was to have an order has one; all have come to an end."""
    wanted = {
        (call.id, number + 1) for call in writer.callers.all() for number in range(writer.matters(call))
    }
    c = work_orders.c
    with reading(engine) as connection:
        rows = connection.execute(select(c.number, c.call_id, c.matter_no, c.state, c.parent)).all()
    counts["orders"] = len(rows)
    found = Counter((row.call_id, row.matter_no) for row in rows)
    for what, keys in (("lost", wanted - found.keys()), ("made up", found.keys() - wanted)):
        if keys:
            yield f"{len(keys)} orders {what}, e.g. of call {min(keys)[0]}"
    if doubled := [key for key, times in found.items() if times > 1]:
        yield f"{len(doubled)} orders doubled"
    over = {state.value for state in OVER}
    states = {row.number: row.state for row in rows}
    for row in rows:
        counts[f"orders {row.state}"] = counts.get(f"orders {row.state}", 0) + 1
        end = states.get(row.parent) if row.state == State.MERGED.value else row.state
        if end not in over:
            yield f"order {row.number} is stuck in {row.state}"


def _history(engine: Engine, _writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """Each line of an order's history begins where the one before ended, by a move that is in the table."""
    h = order_history.c
    lines = select(h.order_id, h.at, h.action, h.from_state, h.to_state, h.field).order_by(h.order_id, h.id)
    before: tuple[int, str, datetime] | None = None
    with reading(engine) as connection:
        for row in connection.execute(lines.execution_options(yield_per=5_000)):
            counts["moves"] = counts.get("moves", 0) + 1
            if before is None or before[0] != row.order_id:
                if row.action != Action.FILE.value:
                    yield f"order {row.order_id} begins with {row.action}"
            elif row.from_state != before[1]:
                yield f"order {row.order_id}: {row.action} from {row.from_state}, which was {before[1]}"
            elif row.field != OTHER and (State(row.from_state), Action(row.action)) not in TABLE:
                yield f"order {row.order_id}: {row.action} from {row.from_state} is not in the table"
            elif row.at < before[2]:
                yield f"order {row.order_id}: {row.action} before what came before it"
            before = (row.order_id, row.to_state, row.at)


def _timers(engine: Engine, _writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """Each timer that has gone off told the world once, none early; none waits for an ended order."""
    t, o = order_timers.c, order_outbox.c
    with reading(engine) as connection:
        rows = connection.execute(
            select(t.order_id, t.rule, t.at, t.status, t.finished_at, work_orders.c.state).join(
                work_orders, work_orders.c.id == t.order_id
            )
        ).all()
        told = Counter(
            (row.order_id, row.payload["timer"], datetime.fromisoformat(row.payload["at"]))
            for row in connection.execute(select(o.order_id, o.payload).where(o.kind == "event"))
            if row.payload.get("timer")
        )
    fired = {(row.order_id, row.rule, row.at) for row in rows if row.status == "fired"}
    for row in rows:
        counts[f"timers {row.status}"] = counts.get(f"timers {row.status}", 0) + 1
        if row.status == "fired" and row.finished_at < row.at:
            yield f"timer {row.rule} of order {row.order_id} went off early"
        if row.status == "waiting" and State(row.state) in (*OVER, State.MERGED):
            yield f"timer {row.rule} waits for order {row.order_id}, which is {row.state}"
    if silent := fired - told.keys():
        yield f"{len(silent)} timers went off and nobody was told"
    if unfired := told.keys() - fired:
        yield f"{len(unfired)} timers were told of that did not go off"
    if twice := [key for key, times in told.items() if times > 1]:
        yield f"{len(twice)} timers were told of twice"


def _outbox(engine: Engine, _writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """Nothing was given up."""
    o = order_outbox.c
    with reading(engine) as connection:
        rows = connection.execute(select(o.status, func.count()).group_by(o.status))
        found: dict[str, int] = {row[0]: row[1] for row in rows}
    counts.update({f"outbox {status}": number for status, number in found.items()})
    if found.get("dead"):
        yield f"{found['dead']} deliveries were given up"


def _log(engine: Engine, writer: Writer, counts: dict[str, int]) -> Iterator[str]:
    """The log of queue and agents is there line for line."""
    callers = writer.callers
    made = sum(len(day.log) for day in callers.days())
    with reading(engine) as connection:
        stored = int(connection.execute(select(func.count()).select_from(acd_log)).scalar_one())
    counts["log lines"] = stored
    if stored != made:
        yield f"{stored} lines in the log, {made} made"
