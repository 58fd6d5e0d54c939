"""Takes the content of orders out of every table, and certifies it, in one transaction."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from hotline.audit.sealer import sealed_to
from hotline.audit.sources import HISTORY, rest_of, rows_of
from hotline.store.tables import audit
from workorders.case_tables import order_references, referrals
from workorders.order_columns import search_text_of
from workorders.sql import DONE
from workorders.tables import (
    intake_keys,
    order_attachments,
    order_fields,
    order_history,
    order_outbox,
    order_texts,
    work_orders,
)
from workorders.word_tables import word_columns, write_words

WHO = "system"
ACTION = "retention.delete_order"
_o = work_orders.c


@dataclass(frozen=True, slots=True)
class Due:
    """An order whose content is to go."""

    id: int
    number: str
    call: str
    version: int
    """As it was when it was found due; one that has moved since is left alone."""
    ended: datetime
    related: tuple[str, ...]
    rule: str
    days: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What went."""

    orders: int
    texts: int
    files: int


DeleteFile = Callable[[str], bool]
"""Deletes a file by its hash; whether it was there."""


def erase(connection: Connection, due: Sequence[Due], now: datetime, delete_file: DeleteFile) -> Erased:
    """Empty the orders that still stand as they did, in the caller's transaction; files go at once."""
    unmoved = {each.id: each for each in due}
    locked = select(work_orders).where(_o.id.in_(unmoved), _o.content_deleted_at.is_(None)).with_for_update()
    rows = [row for row in connection.execute(locked) if row.version == unmoved[row.id].version]
    old, sealed = {row.id: _old_lines(connection, row.id) for row in rows}, sealed_to(connection, HISTORY)
    # A line of an older release that waits to be sealed still needs its words for that.
    rows = [row for row in rows if max(old[row.id], default=0) <= sealed]
    if not rows:
        return Erased(0, 0, 0)
    ids = [row.id for row in rows]
    certificates = [_certificate(connection, row, unmoved[row.id], old[row.id], now) for row in rows]
    files = sum(map(delete_file, _only_theirs(connection, ids)))
    connection.execute(insert(audit), certificates)
    texts = connection.execute(delete(order_texts).where(order_texts.c.order_id.in_(ids))).rowcount
    connection.execute(delete(order_fields).where(order_fields.c.order_id.in_(ids)))
    connection.execute(delete(order_attachments).where(order_attachments.c.order_id.in_(ids)))
    connection.execute(delete(intake_keys).where(intake_keys.c.call_id.in_([row.call_id for row in rows])))
    beside: dict[Table, dict[str, str]] = {
        order_references: {"text": ""},
        referrals: {"party": "", "party_contact": "", "text": ""},
    }
    for table, values in beside.items():
        connection.execute(update(table).where(table.c.order_id.in_(ids)).values(values))
    # A dead letter cannot be sent again: there is nothing left to send.
    said = update(order_outbox).where(order_outbox.c.order_id.in_(ids)).values(payload={}, status=DONE)
    connection.execute(said)
    for row in rows:
        plain = search_text_of(row.number, row.matter_label, row.service_label, row.unit_name)
        values = {"summary": "", "caller_contact": "", "party": "", "search_text": plain}
        # The version rises, so that nobody who has read the order before can write its content back.
        connection.execute(
            update(work_orders)
            .where(_o.id == row.id)
            .values(**values, content_deleted_at=now, version=row.version + 1)
        )
        write_words(connection, word_columns(row.id, values))
    return Erased(len(rows), texts, files)


def _certificate(
    connection: Connection, row: Row[Any], due: Due, left: Mapping[int, str], now: datetime
) -> dict[str, Any]:
    """By which rule, and what there was; no hash of it, which could be tried out against telephone numbers.

    `last_line`, `left`: see `hotline.audit.erasures`.
    """
    words = select(func.count()).select_from(order_texts).where(order_texts.c.order_id == row.id)
    form = select(order_fields.c.name).where(order_fields.c.order_id == row.id)
    files = connection.execute(
        select(order_attachments.c.sha256, order_attachments.c.size)
        .where(order_attachments.c.order_id == row.id)
        .order_by(order_attachments.c.id)
    ).all()
    last = select(func.max(order_history.c.id)).where(order_history.c.order_id == row.id)
    detail: dict[str, Any] = {
        "rule": due.rule,
        "days": due.days,
        "ended": due.ended.isoformat(),
        "fields": list(connection.scalars(form.order_by(order_fields.c.position))),
        "texts": int(connection.scalar(words) or 0),
        "files": [{"sha256": each.sha256, "size": each.size} for each in files],
        "last_line": int(connection.scalar(last) or 0),
        "left": left,
    }
    return {"at": now, "who": WHO, "action": ACTION, "subject": row.number, "detail": json.dumps(detail)}


def _old_lines(connection: Connection, order: int) -> dict[int, str]:
    """Lines of an older release, sealed with their words, and the digest of what is left of each without."""
    asked = rows_of(HISTORY).where(
        order_history.c.order_id == order,
        order_history.c.content.is_(None),
        order_texts.c.history_id.is_not(None),
    )
    return {int(row["id"]): rest_of(row) for row in connection.execute(asked).mappings()}


def _only_theirs(connection: Connection, ids: Sequence[int]) -> set[str]:
    """Hashes of the files of these orders that no other order has too."""
    theirs = order_attachments.c.order_id.in_(ids)
    hashes = set(connection.scalars(select(order_attachments.c.sha256).where(theirs)))
    shared = select(order_attachments.c.sha256).where(order_attachments.c.sha256.in_(hashes), ~theirs)
    return hashes - set(connection.scalars(shared))
