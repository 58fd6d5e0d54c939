"""Writes calls as they happen, and reads them back."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Text,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)

from asr.audio import SAMPLE_RATE, seconds
from asr.transcript import TranscriptEvent
from hotline.conversation import CallId, CallRecord, EndCause, Intent, Outcome, Speaker
from hotline.store import call_matters, codec
from hotline.store.engine import insert_if_new, insert_new, reading, storable, writing
from hotline.store.search import calls_saying, phrases
from hotline.store.sight import EVERYTHING, Sight, may_see, unseen_of
from hotline.store.tables import audit, calls, consents, intents, legs, utterances
from hotline.store.views import (
    MAX_ROWS,
    CallFilter,
    CallRow,
    CallView,
    UtteranceView,
    local_midnight,
    read_cursor,
)
from workorders.tables import work_orders
from workorders.word_search import count_to

SERVER_DIED = "server_died"
"""`CallRecord.detail` of a call whose process ended before it did."""

RECORDING = "recording.seal"
"""The action under which the audit log has the hash of a recording."""

_EXPORT_CHUNK = 500
NUMBER = re.compile(r"\+?\d{5,15}")
"""A number that can be told from others: `anonymous` and a browser's address cannot."""
_CUT = (EndCause.MEDIA_TIMEOUT, EndCause.TRANSPORT, EndCause.NO_ACK, EndCause.ERROR)
"""Ends that nobody wanted."""
_INTENT_COLUMNS = (
    intents.c.matter,
    intents.c.matter_label,
    intents.c.service,
    intents.c.service_label,
    intents.c.flags,
)


class CallStore:
    """Calls in the database. Every method may block on it, so it belongs in a worker thread.

    A call's row is written when the call starts and closed when it ends, so that calls equal records even
    after a kill. All writes may be repeated without harm. Every method raises `StoreError`.
    """

    def __init__(self, engine: Engine, utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._utc_now = utc_now

    def dropped_since(self, remote: str, since: datetime) -> bool:
        """Whether a call from there that ended at or after `since` was cut off or given up."""
        cut = select(legs.c.call_id).where(
            legs.c.call_id == calls.c.id, legs.c.cause.in_([cause.value for cause in _CUT])
        )
        given_up = calls.c.outcome == Outcome.ABANDONED.value
        wanted = select(calls.c.id).where(
            calls.c.remote == storable(remote), calls.c.ended >= since, or_(given_up, cut.exists())
        )
        # the index is on the start: no call lasts a day
        wanted = wanted.where(calls.c.started >= since - timedelta(days=1)).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(wanted).first() is not None

    def start(self, call: CallId, channel: str, remote: str, dialled: str, started: datetime) -> None:
        """Write the open row of a call."""
        row = {
            "id": call,
            "state": "open",
            "channel": channel,
            "remote": storable(remote),
            "dialled": storable(dialled),
            "started": started,
        }
        with writing(self._engine) as connection:
            insert_new(connection, calls, [row])

    def add_final(self, call: CallId, speaker: Speaker, event: TranscriptEvent) -> None:
        """Keep a final utterance. The call must have been started."""
        self.add_finals([(call, speaker, event)])

    def add_finals(self, batch: Sequence[tuple[CallId, Speaker, TranscriptEvent]]) -> None:
        """Keep final utterances in one transaction; an utterance already kept stays as it is.

        Raises `ValueError` for a partial: those are never stored.
        """
        if any(event.kind != "final" for _, _, event in batch):
            raise ValueError("only finals are stored")
        if not batch:
            return
        with writing(self._engine) as connection:
            insert_new(connection, utterances, [codec.utterance_values(*item) for item in batch])

    def save_intent(self, call: CallId, intent: Intent, at: datetime) -> None:
        """Keep what the router last made of the call; one that is older than what is kept changes nothing."""
        values = codec.intent_values(call, intent, at)
        started = select(calls.c.started).where(calls.c.id == call).scalar_subquery()
        with writing(self._engine) as connection:
            if not insert_if_new(connection, intents, {**values, "call_started": started}):
                connection.execute(
                    update(intents).where(intents.c.call_id == call, intents.c.at <= at).values(values)
                )

    def consent(self, call: CallId, version: str, at: datetime) -> None:
        """Note that the caller has heard this version of the recording notice and stayed."""
        with writing(self._engine) as connection:
            insert_new(connection, consents, [{"call_id": call, "version": version, "at": at}])
            connection.execute(
                update(calls).where(calls.c.id == call).values(consent_version=version, consent_at=at)
            )

    def save(self, record: CallRecord) -> None:
        """Close the call's row; a call that was never started gets one now."""
        caller = next((leg.remote for leg in record.legs if leg.speaker is Speaker.CALLER), "")
        values = codec.call_values(record)
        with writing(self._engine) as connection:
            self._seal_recording(connection, record.call, record.recording, record.recording_sha256)
            insert_new(connection, calls, [{"id": record.call, "remote": storable(caller), **values}])
            connection.execute(update(calls).where(calls.c.id == record.call).values(values))
            moved = (intents.c.call_id == record.call, intents.c.call_started != record.started)
            connection.execute(update(intents).where(*moved).values(call_started=record.started))
            connection.execute(delete(legs).where(legs.c.call_id == record.call))
            if record.legs:
                connection.execute(legs.insert(), [codec.leg_values(record.call, leg) for leg in record.legs])

    def order_filed(self, call: CallId) -> None:
        """A call that is over has got its order from a person."""
        with writing(self._engine) as connection:
            connection.execute(
                update(calls)
                .where(calls.c.id == call, calls.c.state == "closed")
                .values(orders=_orders_of(connection, call), outcome=Outcome.ORDER_FILED.value)
            )

    def order_added(self, call: CallId) -> None:
        """A call that is over has got an order which does not change what became of the call."""
        with writing(self._engine) as connection:
            connection.execute(
                update(calls)
                .where(calls.c.id == call, calls.c.state == "closed")
                .values(orders=_orders_of(connection, call))
            )

    def recover(self, now: datetime) -> list[CallId]:
        """Close the calls that a dead process left open; to be called before the first new call.

        Their end is taken to be the last thing known of them, and never later than `now`. One database
        serves one media process: another's running calls would be closed too. Orders that were filed before
        the end are put into the row.
        """
        with writing(self._engine) as connection:
            orphans = connection.execute(select(calls).where(calls.c.state == "open")).all()
            for orphan in orphans:
                connection.execute(
                    update(calls)
                    .where(calls.c.id == orphan.id)
                    .values(
                        state="closed",
                        outcome=Outcome.ERROR.value,
                        detail=SERVER_DIED,
                        ended=min(now, _last_known(connection, orphan)),
                        orders=_orders_of(connection, orphan.id),
                    )
                )
        return [CallId(orphan.id) for orphan in orphans]

    def attach_recording(self, call: CallId, name: str, sha256: str) -> None:
        """Give a recovered call the recording that its dead process left; one that has its own keeps it.

        Where on the caller's clock it begins died with the process: the moment the notice was over is taken.
        """
        with writing(self._engine) as connection:
            row = connection.execute(select(calls).where(calls.c.id == call)).one_or_none()
            if row is None or row.recording is not None:
                return
            self._seal_recording(connection, call, name, sha256)
            heard = max((row.consent_at - row.started).total_seconds(), 0) if row.consent_at else 0
            connection.execute(
                update(calls)
                .where(calls.c.id == call)
                .values(recording=name, recording_sha256=sha256, recording_origin=round(heard * SAMPLE_RATE))
            )

    def _seal_recording(
        self, connection: Connection, call: CallId, name: str | None, sha256: str | None
    ) -> None:
        """Put the hash of a recording on record, once, in the transaction that attaches the recording."""
        known = connection.scalar(select(calls.c.recording_sha256).where(calls.c.id == call))
        if not name or not sha256 or known == sha256:
            return
        detail = json.dumps({"file": name, "sha256": sha256})
        row = {"at": self._utc_now(), "who": "system", "action": RECORDING, "subject": call}
        connection.execute(audit.insert().values({**row, "detail": detail}))

    def get(self, call: CallId) -> CallView | None:
        """A call with its legs and its intent."""
        with reading(self._engine) as connection:
            row = connection.execute(_rows().where(calls.c.id == storable(call))).one_or_none()
            if row is None:
                return None
            leg_rows = connection.execute(
                select(legs).where(legs.c.call_id == call).order_by(legs.c.started, legs.c.leg)
            ).all()
            intent = connection.execute(select(intents).where(intents.c.call_id == call)).one_or_none()
        return codec.to_call_view(
            row,
            tuple(codec.to_leg(leg) for leg in leg_rows),
            codec.to_intent(intent) if intent is not None else None,
        )

    def transcript(self, call: CallId) -> list[UtteranceView]:
        """The finals of a call in the order in which they began."""
        ordered = (
            select(utterances)
            .where(utterances.c.call_id == storable(call))
            .order_by(utterances.c.start, utterances.c.leg, utterances.c.seq)
        )
        with reading(self._engine) as connection:
            return [codec.to_utterance(row) for row in connection.execute(ordered)]

    def search(self, query: CallFilter) -> list[CallRow]:
        """The calls that fit, newest first, `query.limit` at most."""
        limit = max(1, min(query.limit, MAX_ROWS))
        with reading(self._engine) as connection:
            if query.matter:
                where = [self._about(connection, query).newest(limit)]
            else:
                where = self._where(query, collected=query.sight.few(connection))
            wanted = _rows().where(*where).order_by(calls.c.started.desc(), calls.c.id.desc()).limit(limit)
            return [codec.to_call_row(row) for row in connection.execute(wanted)]

    def sees(self, call: CallId, sight: Sight) -> bool:
        """Whether the call exists for somebody; False also for one that does not exist."""
        return may_see(self._engine, call, sight)

    def rows(self, ids: Sequence[str], sight: Sight) -> list[CallRow]:
        """Those of these calls that exist for somebody, in no order."""
        wanted = _rows().where(calls.c.id.in_([storable(each) for each in ids]), sight.calls(calls.c.id))
        with reading(self._engine) as connection:
            return [codec.to_call_row(row) for row in connection.execute(wanted)]

    def unseen(self, ids: Sequence[str], sight: Sight) -> frozenset[str]:
        """Those of some calls that do not exist for somebody."""
        return unseen_of(self._engine, ids, sight)

    def earlier(
        self, call: CallId, days: int = 90, most: int = 10, sight: Sight = EVERYTHING
    ) -> list[CallRow]:
        """Calls from the same number in the days before this one, newest first.

        Empty for a call that is not known, or whose number does not tell one caller from another.
        """
        with reading(self._engine) as connection:
            one = connection.execute(
                select(calls.c.remote, calls.c.started).where(calls.c.id == storable(call))
            ).one_or_none()
            if one is None or not NUMBER.fullmatch(one.remote):
                return []
            # the index is on the start
            wanted = _rows().where(
                calls.c.started < one.started,
                calls.c.started >= one.started - timedelta(days=days),
                calls.c.remote == one.remote,
                sight.calls(calls.c.id),
            )
            wanted = wanted.order_by(calls.c.started.desc()).limit(most)
            return [codec.to_call_row(row) for row in connection.execute(wanted)]

    def count(self, query: CallFilter) -> int:
        """How many calls fit, whatever limit and cursor say; more than `most_counted` are not told apart."""
        uncut = replace(query, cursor="")
        with reading(self._engine) as connection:
            found = (
                self._about(connection, uncut).all()
                if query.matter
                else select(calls.c.id).where(*self._where(uncut, collected=query.sight.own))
            )
            return count_to(connection, found, query.most_counted + 1)

    def flagged(self, since: datetime, most: int = 500, sight: Sight = EVERYTHING) -> list[CallRow]:
        """The calls that started at or after `since` and have been given flags, newest first."""
        some = cast(intents.c.flags, Text) != "[]"
        wanted = _rows().where(calls.c.started >= since, some, sight.calls(calls.c.id))
        wanted = wanted.order_by(calls.c.started.desc()).limit(most)
        with reading(self._engine) as connection:
            return [codec.to_call_row(row) for row in connection.execute(wanted)]

    def iter_export(self, start: datetime, end: datetime, sight: Sight = EVERYTHING) -> Iterator[CallRow]:
        """The calls that started in [start, end), oldest first, as they were when the reading began.

        Rows come from the database in small portions; closing the iterator ends the reading.
        """
        wanted = (
            _rows()
            .where(calls.c.started >= start, calls.c.started < end, sight.calls(calls.c.id))
            .order_by(calls.c.started, calls.c.id)
            .execution_options(yield_per=_EXPORT_CHUNK)
        )
        with reading(self._engine) as connection:
            for row in connection.execute(wanted):
                yield codec.to_call_row(row)

    def _about(self, connection: Connection, query: CallFilter) -> call_matters.About:
        """The calls that fit, by the query's matter."""
        codes = call_matters.codes_of(connection, query.matter)
        own = query.sight.few(connection)
        where = self._where(query, call_matters.ID, call_matters.STARTED, collected=own)
        return call_matters.About(codes, where, with_calls=query.outcome is not None)

    def _where(
        self,
        query: CallFilter,
        id_: ColumnElement[str] = calls.c.id,
        started: ColumnElement[datetime] = calls.c.started,
        *,
        collected: bool,
    ) -> list[ColumnElement[bool]]:
        """All that is asked for but the matter, of columns with a call's id and start."""
        where: list[ColumnElement[bool]] = [query.sight.calls(id_, collected=collected)]
        where += [id_.in_(calls_saying(phrase, self._engine.dialect)) for phrase in phrases(query.text)]
        if query.since is not None:
            where.append(started >= local_midnight(query.since))
        if query.until is not None:
            where.append(started < local_midnight(query.until))
        if query.outcome is not None:
            where.append(calls.c.outcome == query.outcome.value)
        if (after := read_cursor(query.cursor)) is not None:
            at, call = after
            # the first half is where the index can begin
            where += [started <= at, or_(started < at, id_ < storable(call))]
        return where


def _rows() -> Select[Any]:
    return select(calls, *_INTENT_COLUMNS).outerjoin(intents, intents.c.call_id == calls.c.id)


def _orders_of(connection: Connection, call: str) -> list[str]:
    filed = select(work_orders.c.number).where(work_orders.c.call_id == call)
    return list(connection.scalars(filed.order_by(work_orders.c.matter_no)))


def _last_known(connection: Connection, orphan: Row[Any]) -> datetime:
    """The latest moment at which the call is known to have lived."""
    heard = connection.execute(
        select(func.max(utterances.c.end)).where(utterances.c.call_id == orphan.id)
    ).scalar_one()
    understood = connection.execute(
        select(intents.c.at).where(intents.c.call_id == orphan.id)
    ).scalar_one_or_none()
    spoken = orphan.started + timedelta(seconds=seconds(heard)) if heard else None
    known: tuple[datetime | None, ...] = (
        orphan.started,
        orphan.answered,
        orphan.consent_at,
        understood,
        spoken,
    )
    return max(moment for moment in known if moment is not None)
