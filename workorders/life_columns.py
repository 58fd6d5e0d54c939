"""An order's life as columns of its row: what is looked for by itself, the rest in one JSON object."""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from workorders.model import Kind, Life, Pool, State, Visit

_COLUMNS = (
    "kind",
    "owner",
    "against_unit",
    "against_person",
    "parent",
    "pool",
    "holder",
    "held_until",
    "party",
)
_NUMBERS = ("returns", "extensions", "asked_days", "added_days", "redos", "urges")
_TIMES = ("clock_from", "sign_from", "paused_at", "entered", "appointment_at")


def life_columns(life: Life) -> dict[str, Any]:
    """Values of `work_orders`; what is as at the beginning is left out of the JSON."""
    rest: dict[str, Any] = {name: getattr(life, name) for name in _NUMBERS if getattr(life, name)}
    rest |= {name: getattr(life, name).isoformat() for name in _TIMES if getattr(life, name)}
    if life.anonymous:
        rest["anonymous"] = True
    if life.level:
        rest["level"] = life.level
    if life.before is not None:
        rest["before"] = life.before.value
    if life.returned_by:
        rest["returned_by"] = list(life.returned_by)
    if life.related:
        rest["related"] = list(life.related)
    if life.visits:
        rest["visits"] = [
            {
                "at": visit.at.isoformat(),
                "by": visit.by,
                "how": visit.how,
                "outcome": visit.outcome,
                "rating": visit.rating,
                "caller": visit.caller,
            }
            for visit in life.visits
        ]
    columns: dict[str, Any] = {name: getattr(life, name) for name in _COLUMNS}
    return columns | {"kind": life.kind.value, "pool": life.pool.value, "life": rest}


def life_from(row: RowMapping) -> Life:
    """The reverse; a row of an older release has an empty object."""
    rest: dict[str, Any] = row["life"] or {}
    before = rest.get("before")
    plain: dict[str, Any] = {name: int(rest.get(name, 0)) for name in _NUMBERS}
    plain |= {name: _time(rest.get(name)) for name in _TIMES}
    return Life(
        kind=Kind(row["kind"]),
        owner=row["owner"],
        against_unit=row["against_unit"],
        against_person=row["against_person"],
        parent=row["parent"],
        pool=Pool(row["pool"]),
        holder=row["holder"],
        held_until=row["held_until"],
        party=row["party"],
        anonymous=bool(rest.get("anonymous", False)),
        level=str(rest.get("level", "")),
        before=None if before is None else State(before),
        returned_by=tuple(rest.get("returned_by", ())),
        related=tuple(rest.get("related", ())),
        visits=tuple(
            Visit(
                datetime.fromisoformat(item["at"]),
                item["by"],
                item["how"],
                item["outcome"],
                item["rating"],
                item.get("caller", ""),
            )
            for item in rest.get("visits", ())
        ),
        **plain,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
