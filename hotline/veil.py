"""Masks an order for a handling unit, whichever way it leaves: page, REST, feed or webhook (pure)."""

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum

from hotline import redact
from hotline.personal import NAME_FIELDS, hide, mask_person
from hotline.summary_links import LINKS
from workorders.model import HistoryEntry, OrderField, WorkOrder
from workorders.outward import CallerAccess, DataClass, Outward

PHONE = "phone"

Names = tuple[str, ...]
"""Persons' names that are hidden in free words."""


class Sight(IntEnum):
    """How much is seen."""

    MASKED = 0
    PERSONAL = 1
    ALL = 2

    @property
    def classes(self) -> str:
        """The data classes that are seen unmasked, for the log of what left."""
        return ",".join((DataClass.INTERNAL, DataClass.PERSONAL, DataClass.SENSITIVE)[: self + 1])


def unasked(outward: Outward, order: WorkOrder) -> Sight:
    """What the order's unit sees without asking."""
    return Sight.PERSONAL if outward.access(order) is CallerAccess.SHOWN else Sight.MASKED


def veil(order: WorkOrder, sight: Sight, outward: Outward) -> WorkOrder:
    """The order as it may be seen; the links of its summary are for the line's own page alone."""
    order = replace(order, fields=tuple(item for item in order.fields if item.field.name != LINKS))
    if sight is Sight.ALL:
        return order
    names = names_of(order) if sight is Sight.MASKED else ()
    masked = sight is Sight.MASKED
    return replace(
        order,
        summary=hide(order.summary, names) if masked else order.summary,
        caller_contact=redact.mask_phone(order.caller_contact) if masked else order.caller_contact,
        fields=tuple(_field(item, sight, outward, names) for item in order.fields),
    )


def veil_history(
    entries: Sequence[HistoryEntry], order: WorkOrder, sight: Sight, outward: Outward
) -> tuple[HistoryEntry, ...]:
    """The order's lines of history as they may be seen; `order` is the whole one."""
    if sight is Sight.ALL:
        return tuple(entries)
    names = names_of(order) if sight is Sight.MASKED else ()

    def entry(line: HistoryEntry) -> HistoryEntry:
        def shown(text: str | None) -> str | None:
            return text if text is None else _value(line.field or "", text, sight, outward, names)

        masked = line.text is not None and sight is Sight.MASKED
        return replace(
            line,
            machine_value=shown(line.machine_value),
            human_value=shown(line.human_value),
            text=hide(line.text or "", names) if masked else line.text,
        )

    return tuple(entry(line) for line in entries)


def _field(item: OrderField, sight: Sight, outward: Outward, names: Names) -> OrderField:
    field = item.field

    def shown(text: str) -> str:
        return _value(field.name, text, sight, outward, names)

    hidden = replace(field, value=shown(field.value), display=shown(field.display), evidence=())
    return OrderField(hidden, None if item.machine_value is None else shown(item.machine_value))


def _value(field: str, text: str, sight: Sight, outward: Outward, names: Names) -> str:
    kind = outward.class_of(field)
    if kind is DataClass.SENSITIVE and sight < Sight.ALL:
        return redact.STAR * len(text)
    if kind is DataClass.INTERNAL or sight >= Sight.PERSONAL:
        return text
    if field in NAME_FIELDS:
        return mask_person(text)
    return redact.mask_phone(text) if field == PHONE else hide(text, names)


def names_of(order: WorkOrder) -> Names:
    """The persons' names in an order's form."""
    return tuple(item.field.value for item in order.fields if item.field.name in NAME_FIELDS)
