"""What of an order a handling unit may see: classes of data, and who gets the caller's number; from data."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workorders.model import WorkOrder

CONFIDENTIAL = "confidential"
"""Flag of an order whose caller asked for secrecy (GB/T 33358-2016)."""


class CallerAccess(StrEnum):
    """What a unit sees of who called."""

    SHOWN = "shown"
    """All but the most sensitive, without asking."""
    REASON = "reason"
    """Masked; the rest for a reason that is put on record."""
    HIDDEN = "hidden"
    """Masked, always."""


class DataClass(StrEnum):
    """How closely a field is kept, rising."""

    INTERNAL = "internal"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True)
class Outward:
    """The rules."""

    default: CallerAccess = CallerAccess.REASON
    by_kind: Mapping[str, CallerAccess] | None = None
    """Unit kind → access."""
    by_unit: Mapping[str, CallerAccess] | None = None
    """Unit code → access; wins."""
    fields: Mapping[str, DataClass] | None = None
    """Form field → class; a field that is not named is personal."""

    def access(self, order: WorkOrder) -> CallerAccess:
        """What the order's unit may see of its caller; nothing of one who wants to stay unknown."""
        if order.life.anonymous or CONFIDENTIAL in order.flags:
            return CallerAccess.HIDDEN
        kind = order.unit.rpartition("-")[0]
        named = (self.by_unit or {}).get(order.unit) or (self.by_kind or {}).get(kind)
        return named or self.default

    def class_of(self, field: str) -> DataClass:
        """The class of a form field."""
        return (self.fields or {}).get(field, DataClass.PERSONAL)


def read_outward(
    top: Mapping[str, Any], kinds: Collection[str], problem: Callable[[str, str], None]
) -> Outward:
    """The `outward` part of `routing.yaml`, and `caller` of its kinds and units; tells every problem."""
    data = top.get("outward") or {}
    if not isinstance(data, dict) or set(data) - {"caller", "fields"}:
        problem("outward", "has caller and fields")
        data = {}

    def access(value: object, where: str) -> CallerAccess:
        try:
            return CallerAccess(str(value))
        except ValueError:
            problem(where, f"must be one of {', '.join(CallerAccess)}")
            return CallerAccess.HIDDEN

    def part(name: str) -> dict[str, CallerAccess]:
        entries = top.get(name)
        if not isinstance(entries, dict):
            return {}
        return {
            str(code): access(value["caller"], f"{name}.{code}.caller")
            for code, value in entries.items()
            if isinstance(value, dict) and "caller" in value
        }

    return Outward(
        access(data.get("caller", CallerAccess.REASON), "outward.caller"),
        {code: given for code, given in part("kinds").items() if code in kinds},
        part("units"),
        _classes(data.get("fields") or {}, problem),
    )


def _classes(given: object, problem: Callable[[str, str], None]) -> dict[str, DataClass]:
    if not isinstance(given, dict):
        problem("outward.fields", "must map fields to classes")
        return {}
    classes: dict[str, DataClass] = {}
    for name, value in given.items():
        try:
            classes[str(name)] = DataClass(str(value))
        except ValueError:
            problem(f"outward.fields.{name}", f"must be one of {', '.join(DataClass)}")
    return classes
