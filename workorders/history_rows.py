"""Lines of history as rows: what happened in `order_history`, what was said in `order_texts`.

The first is sealed by the audit chain and never changes. Of what was said the sealed row has only a
commitment, the SHA-256 of salt and words, so that the words can be deleted when their time is over and the
chain still holds. The salt goes with them: without it nobody can try out telephone numbers against the hash.

What a line says besides its words, and statistics count (a due date, a level, a mark), stays in its row. Of
an edit and of whom a complaint is about, that too is personal and stands with the words.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from workorders.model import Action, HistoryEntry
from workorders.tables import order_history, order_texts

PERSONAL = (Action.EDIT, Action.NAME_SUBJECT)
"""Actions whose values before and after are personal."""
SALT_BYTES = 16
SAID = ("machine_value", "human_value", "text")
"""The columns of `order_texts` that hold words."""
_h, _t = order_history.c, order_texts.c


def add_history(connection: Connection, order_id: int, entry: HistoryEntry) -> int:
    """Append a line of history; its id."""
    personal = entry.action in PERSONAL
    facts = (None, None) if personal else (entry.machine_value, entry.human_value)
    said = {
        "machine_value": entry.machine_value if personal else None,
        "human_value": entry.human_value if personal else None,
        "text": entry.text,
    }
    wordless = all(value is None for value in said.values())
    salt = "" if wordless else secrets.token_hex(SALT_BYTES)
    added = connection.execute(
        insert(order_history)
        .values(
            order_id=order_id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action.value,
            from_state=None if entry.from_state is None else entry.from_state.value,
            to_state=entry.to_state.value,
            field=entry.field,
            machine_value=facts[0],
            human_value=facts[1],
            content=None if wordless else commitment(salt, said),
        )
        .returning(_h.id)
    )
    history_id = int(added.scalar_one())
    if not wordless:
        row = {"history_id": history_id, "order_id": order_id, "salt": salt, **said}
        connection.execute(insert(order_texts).values(row))
    return history_id


def commitment(salt: str, said: Mapping[str, Any]) -> str:
    """What the sealed row has of the words: SHA-256 of the JSON list of salt, before, after, text."""
    whole = json.dumps([salt, *(said[name] for name in SAID)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def history() -> Select[Any]:
    """Lines with their words, as `entry_from` reads them."""
    return select(
        *(column for column in order_history.c if column.name not in SAID),
        func.coalesce(_t.machine_value, _h.machine_value).label("machine_value"),
        func.coalesce(_t.human_value, _h.human_value).label("human_value"),
        _t.text,
    ).outerjoin(order_texts, _t.history_id == _h.id)
