"""What somebody may see of orders, as conditions for any query that has `work_orders`.

Lists, their counts and everything that is counted beside them use the same, so that they agree.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement

from workorders.order_filter import Condition, OrderFilter, conditions


def visible(seen: OrderFilter) -> Sequence[ColumnElement[bool]]:
    """Whatever else the filter asks for is left out."""
    only = OrderFilter(hidden_from=seen.hidden_from, own=seen.own, calls=seen.calls, seen_by=seen.seen_by)
    return tuple(conditions(only))


EVERYTHING = OrderFilter()
"""What who sees everything sees."""

__all__ = ["EVERYTHING", "Condition", "visible"]
