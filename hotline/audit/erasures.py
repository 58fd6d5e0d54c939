"""Certificates of what retention has deleted of orders, as the audit log has them."""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, RowMapping, select

from hotline.audit.erasing import ACTION
from hotline.audit.sources import row_digest
from hotline.store.tables import audit
from workorders.tables import work_orders


class Erasures:
    """What the audit log vouches for. The log's rows are sealed themselves."""

    def __init__(self) -> None:
        self.seen = 0
        """Lines whose words are gone with a certificate."""
        self._known: dict[int, tuple[int, Mapping[str, str]]] = {}

    def certified(self, connection: Connection, line: RowMapping, *, sealed_with_words: bool) -> bool:
        """Whether the words of a line of history were deleted in their time, and nothing else of it changed.

        `sealed_with_words`: by an older release, so that the rest of the row is what the certificate says.
        """
        last, left = self._of(connection, int(line["order_id"]))
        sound = int(line["id"]) <= last and (
            not sealed_with_words or left.get(str(line["id"])) == row_digest(line)
        )
        self.seen += sound
        return sound

    def _of(self, connection: Connection, order: int) -> tuple[int, Mapping[str, str]]:
        """The last line whose words are gone, and digests of what is left of lines sealed with theirs."""
        if order not in self._known:
            asked = (
                select(audit.c.detail)
                .join(work_orders, work_orders.c.number == audit.c.subject)
                .where(work_orders.c.id == order, audit.c.action == ACTION)
            )
            last, left = 0, dict[str, str]()
            for detail in connection.scalars(asked):
                said = json.loads(detail)
                last = max(last, int(said["last_line"]))
                left |= said["left"]
            self._known = {order: (last, left)}  # lines of an order come one after the other, more or less
        return self._known[order]
