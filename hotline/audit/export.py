"""The chain as JSON lines, for people outside who verify it without us."""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import Engine, select

from hotline.audit.chain import canonical
from hotline.audit.sources import AUDIT, rows_by_id
from hotline.store.engine import reading
from hotline.store.tables import audit_chain
from hotline.store.views import local_midnight

CHUNK = 1_000


def lines(engine: Engine, since: date | None = None, until: date | None = None) -> Iterator[bytes]:
    """A line an entry: the entry, and with those of the audit log what it says (`content`).

    Days are of sealing, Asia/Shanghai, inclusive. What orders' histories say is personal data and stays here:
    of them there is the digest. Memory does not grow with the chain. Raises `StoreError`.
    """
    seq = 0
    while True:
        asked = select(audit_chain).where(audit_chain.c.seq > seq).order_by(audit_chain.c.seq).limit(CHUNK)
        if since is not None:
            asked = asked.where(audit_chain.c.sealed_at >= local_midnight(since))
        if until is not None:
            asked = asked.where(audit_chain.c.sealed_at < local_midnight(until + timedelta(days=1)))
        with reading(engine) as connection:
            entries = connection.execute(asked).mappings().all()
            ids = [entry["row_id"] for entry in entries if entry["source"] == AUDIT]
            contents = rows_by_id(connection, AUDIT, ids)
        for entry in entries:
            line = dict(entry)
            content = contents.get(entry["row_id"]) if entry["source"] == AUDIT else None
            if content is not None:
                line["content"] = {name: value for name, value in content.items() if name != "id"}
            yield canonical(line) + b"\n"
        if len(entries) < CHUNK:
            return
        seq = int(entries[-1]["seq"])
