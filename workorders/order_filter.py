"""What may be asked of the orders, and the conditions on `work_orders` that say it."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, literal_column, or_, select

from workorders.calendar import SHANGHAI
from workorders.errors import WorkOrderError
from workorders.model import Pool, State
from workorders.tables import work_orders
from workorders.unit_changes import UNSEEN

_c = work_orders.c
_other = work_orders.alias("other_orders").c
NOBODY: ColumnElement[str] = literal_column("''")
"""Written out, so that the databases can tell which partial index will do."""
Condition = Callable[[ColumnElement[str]], ColumnElement[bool]]


class BadCursor(WorkOrderError):
    """`after` is not a cursor of this search."""

    code = "order.bad_cursor"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to look for; None and empty mean everything."""

    text: str = ""
    """Words, all of which must occur in number, labels, unit, summary or fields; or a telephone number."""
    state: State | None = None
    unit: str | None = None
    matter: str | None = None
    """Code or prefix of codes."""
    first_day: date | None = None
    """Asia/Shanghai day of filing, inclusive."""
    last_day: date | None = None
    """Inclusive."""
    seen_by: str | None = None
    """The unit that looks: only what has reached it, and no complaint about itself."""
    states: tuple[State, ...] = ()
    """Any of them."""
    due_from: datetime | None = None
    """To be answered at this instant or later."""
    due_to: datetime | None = None
    """To be answered before this instant."""
    hidden_from: tuple[str, ...] = ()
    """Names of who looks: complaints about them, and about the unit that looks, do not exist for them."""
    own: str = ""
    """Only what this person owns, holds or could take out of the pool, and orders of the calls in `calls`."""
    calls: Condition | None = None
    """With `own`: which calls, as a condition on a column with a call's id."""
    collected: Condition | None = None
    """The same calls listed, where `own` sees nothing else: then what is one's own can be collected."""
    limit: int = 50
    after: str | None = None
    """`OrderRow.cursor` of the last row seen."""


def conditions(
    wanted: OrderFilter, *, matters: Sequence[str] = (), paged: bool = True
) -> Iterator[ColumnElement[bool]]:
    """All that is asked for but the words. `matters`: the codes that `wanted.matter` stands for.

    What is hidden from somebody is said of the order's id, so that a list is counted within an index.
    """
    yield from hidden(wanted, _c.id)
    yield from _of_units(wanted)
    if wanted.state is not None:
        yield _c.state == wanted.state.value
    if wanted.own:
        yield or_(*ways(wanted, wanted.calls))
    if wanted.matter is not None:
        yield _c.matter.in_(matters)
    if wanted.first_day is not None:
        yield _c.filed_at >= midnight(wanted.first_day)
    if wanted.last_day is not None:
        yield _c.filed_at < midnight(wanted.last_day + timedelta(days=1))
    if paged and wanted.after is not None:
        yield behind(position_of(wanted.after), newest_first=True)


def hidden(wanted: OrderFilter, order_id: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """Conditions on a column with an order's id: no complaint about who looks, or about the unit."""
    if wanted.hidden_from:
        about = select(_other.id).where(_other.against_person.in_([*wanted.hidden_from]))
        yield order_id.not_in(about)
    for unit in dict.fromkeys((wanted.unit, wanted.seen_by)):
        if unit is not None:
            # The second half lets the index be used, which holds nothing but complaints.
            of_unit = (_other.against_unit == unit, _other.against_unit > NOBODY)
            yield order_id.not_in(select(_other.id).where(*of_unit))


def of_kind(matter: str, codes: Sequence[str]) -> list[str]:
    """The codes that are that matter, or of its kind."""
    return [code for code in codes if code == matter or code.startswith(f"{matter}.")]


def _of_units(wanted: OrderFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.unit is not None:
        yield _c.unit == wanted.unit
    if wanted.seen_by is not None:
        yield _c.unit == wanted.seen_by
        yield _c.state.not_in([state.value for state in UNSEEN])
    if wanted.states:
        yield _c.state.in_([state.value for state in wanted.states])
    if wanted.due_from is not None:
        yield _c.due_at >= wanted.due_from
    if wanted.due_to is not None:
        yield _c.due_at < wanted.due_to


def ways(wanted: OrderFilter, calls: Condition | None) -> Iterator[ColumnElement[bool]]:
    """By what an order is `own`'s: any of these."""
    yield _c.owner == wanted.own
    yield and_(_c.pool == Pool.HELD.value, _c.holder == wanted.own)
    yield _c.pool == Pool.OPEN.value
    if calls is not None:
        yield calls(_c.call_id)


def behind(position: tuple[datetime, int], *, newest_first: bool) -> ColumnElement[bool]:
    """Orders that come after a position in a list. The first half is where an index can begin."""
    at, row_id = position
    if newest_first:
        return and_(_c.filed_at <= at, or_(_c.filed_at < at, _c.id < row_id))
    return and_(_c.filed_at >= at, or_(_c.filed_at > at, _c.id > row_id))


def midnight(day: date) -> datetime:
    """The instant (UTC) at which a day of Asia/Shanghai begins."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def cursor_of(at: datetime, row_id: int) -> str:
    """The position of a row, for whoever asks for those after it."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode()


def position_of(cursor: str) -> tuple[datetime, int]:
    """The position a cursor stands for. Raises `BadCursor`."""
    try:
        at, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        position = (datetime.fromisoformat(at), int(row_id))
    except ValueError as error:  # binascii.Error and UnicodeError are ValueErrors
        raise BadCursor("not a cursor of this search") from error
    if position[0].tzinfo is None or not 0 <= position[1] < 2**63:
        raise BadCursor("not a cursor of this search")
    return position
