"""The tables that statistics are counted from: one row a call, one an order, one an agent and hour.

Everything here is computed from `calls`, `intents`, `acd_log`, `work_orders` and `order_history`, and can be
computed anew at any time (`hotline stats rebuild`). docs/statistics.md says what each column means. Days are
numbers: days since 1 January 1970 in Asia/Shanghai; hours are 0 to 23 there.
"""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from hotline.store.tables import metadata
from workorders.tables import UtcDateTime

stat_changes = Table(
    "stat_changes",
    metadata,
    # Triggers add a row for every change of the tables below us; whoever counts takes them out again.
    # No key but a number: two writers never wait for each other here.
    Column("id", Integer, primary_key=True),
    Column("kind", String(8), nullable=False),  # call | order | agent
    Column("key", String(64), nullable=False),
    Column("at", UtcDateTime),  # agent: when the line of the log was
)

call_facts = Table(
    "call_facts",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("started", UtcDateTime, nullable=False),
    Column("day", Integer, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("queue", Text, nullable=False),  # the first one entered; empty: never asked for a person
    Column("agent", String(64), nullable=False),  # who answered first
    Column("matter", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("place", String(6), nullable=False),  # code of the county, city or province
    Column("outcome", String(16), nullable=False),  # of `calls`; open while it goes on
    Column("fate", String(12), nullable=False),  # in the queue: see hotline.stats.call_fold.Fate
    Column("test", Integer, nullable=False),  # 1: from a number kept for trials; counted nowhere
    Column("wait_ms", Integer),  # until the first answer, or until the caller left the queue
    Column("talk_ms", Integer, nullable=False),  # with all agents, holding included
    Column("hold_ms", Integer, nullable=False),
    Column("wrap_ms", Integer, nullable=False),
    Column("hands", Integer, nullable=False),  # agents who had the caller, one after the other
    Column("asked", Integer, nullable=False),  # 1: asked for a mark
    Column("mark", Integer),  # 1 to 5
    Column("orders", Integer, nullable=False),  # filed from it
    Column("known", Integer, nullable=False),  # 1: the caller's number tells callers apart
    Column("repeated", Integer, nullable=False),  # 1: the same number and matter again within 7 days
    Index("ix_call_facts_day", "day", "hour"),
    Index("ix_call_facts_agent_day", "agent", "day"),
    Index("ix_call_facts_matter_day", "matter", "day"),
    Index("ix_call_facts_place_day", "place", "day"),
)

order_facts = Table(
    "order_facts",
    metadata,
    Column("order_id", Integer, primary_key=True, autoincrement=False),
    Column("number", String(32), nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("unit", String(64), nullable=False),
    Column("agent", String(64), nullable=False),  # who answers for it to the caller
    Column("against", String(64), nullable=False),  # a complaint: the person it is about
    Column("channel", Text, nullable=False),
    Column("matter", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("place", String(6), nullable=False),
    Column("filed", UtcDateTime, nullable=False),
    Column("filed_day", Integer, nullable=False),
    Column("filed_hour", Integer, nullable=False),
    Column("dispatched", UtcDateTime),  # for the first time
    Column("dispatched_day", Integer),
    Column("dispatched_hour", Integer),
    Column("signed", UtcDateTime),  # for the first time
    Column("sign_by", UtcDateTime),
    Column("sign_day", Integer),  # of sign_by
    Column("sign_hour", Integer),
    Column("finished", UtcDateTime),  # the reply that stands
    Column("due", UtcDateTime),
    Column("due_plain", UtcDateTime),  # without the extensions granted
    Column("due_day", Integer),  # of due
    Column("due_hour", Integer),
    Column("approved", UtcDateTime),  # since when the caller is to be asked
    Column("approved_day", Integer),
    Column("approved_hour", Integer),
    Column("visited", Integer, nullable=False),  # 1: reached, or wants no more calls
    Column("visit_mark", Integer),  # 1 to 5, of the last visit with one
    Column("returns", Integer, nullable=False),
    Column("extensions", Integer, nullable=False),
    Column("urges", Integer, nullable=False),
    Column("level", Integer, nullable=False),  # highest level of supervision ever, 0 to 3
    Column("redos", Integer, nullable=False),
    Index("ix_order_facts_filed_day", "filed_day"),
    Index("ix_order_facts_dispatched_day", "dispatched_day"),
    Index("ix_order_facts_sign_day", "sign_day"),
    Index("ix_order_facts_due_day", "due_day"),
    Index("ix_order_facts_approved_day", "approved_day"),
)

agent_hours = Table(
    "agent_hours",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("agent", String(64), primary_key=True),
    Column("ready_ms", Integer, nullable=False),
    Column("ring_ms", Integer, nullable=False),
    Column("talk_ms", Integer, nullable=False),  # holding included
    Column("wrap_ms", Integer, nullable=False),
    Column("pause_ms", Integer, nullable=False),
    Index("ix_agent_hours_agent_day", "agent", "day"),
)

stat_labels = Table(
    "stat_labels",
    metadata,
    Column("kind", String(8), primary_key=True),  # matter | service | unit
    Column("code", String(64), primary_key=True),
    Column("label", Text, nullable=False),
)

CALL_MEASURES = (
    "calls", "requests", "answered", "messages", "callbacks", "timed_out", "nobody", "with_order", "handed",
    "outcome_order_filed", "outcome_message_taken", "outcome_answered", "outcome_abandoned", "outcome_silent",
    "outcome_rejected", "outcome_error", "outcome_open", "abandoned_long", "abandoned_short",
    "abandoned_known", "answered_10", "requests_without_10", "settled_10", "answered_15",
    "requests_without_15", "settled_15", "answered_20", "requests_without_20", "settled_20", "answered_30",
    "requests_without_30", "settled_30", "answered_wait_ms", "abandoned_wait_ms", "longest_wait_ms", "waited",
    "talk_ms", "hold_ms", "wrap_ms", "handled_ms", "settled_once", "answered_known", "satisfied", "rated",
    "asked", "marks", "dissatisfied",
)  # fmt: skip
ORDER_MEASURES = (
    "orders", "orders_sent", "to_sign", "signed_in_time", "dispatched", "finished", "due", "on_time",
    "on_time_plain", "returned", "extended", "urged", "supervised", "redone", "to_visit", "visited",
    "visit_marked", "visit_satisfied",
)  # fmt: skip
"""Keys of `hotline.stats.kpi` whose sums are kept; any other is summed up when asked for."""


def _sums(name: str, measures: tuple[str, ...]) -> Table:
    return Table(
        name,
        metadata,
        Column("dim", String(8), primary_key=True),  # what code is: agent, matter, …; empty: all, by hour
        Column("day", Integer, primary_key=True, autoincrement=False),
        Column("hour", Integer, primary_key=True, autoincrement=False),  # 0 but where dim is empty
        Column("code", Text, primary_key=True),
        *(Column(measure, BigInteger, nullable=False) for measure in measures),
        Index(f"ix_{name}_day", "day"),
    )


stat_days = Table(
    "stat_days",
    metadata,
    Column("subject", String(8), primary_key=True),  # calls | orders
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("touched", UtcDateTime, nullable=False),  # when something of it last changed
    Column("closed", Integer, nullable=False),  # 1: its sums are there; a late event opens it again
)
call_sums = _sums("call_sums", CALL_MEASURES)
order_sums = _sums("order_sums", ORDER_MEASURES)

saved_reports = Table(
    "saved_reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("query", JSON, nullable=False),  # by, kpi, filters, compare; no days where `every` gives them
    Column("format", String(8), nullable=False),
    Column("every", String(8), nullable=False),  # day | week | month | quarter; empty: only when asked for
    Column("minute", Integer, nullable=False),  # of the day, Asia/Shanghai, at which it is made
    Column("target", String(64), nullable=False),  # folder, or the name of a webhook in the settings
    Column("created", UtcDateTime, nullable=False),
    Index("ix_saved_reports_owner", "owner"),
)
report_runs = Table(
    "report_runs",
    metadata,
    # One row a report and period, ever: that is what makes it come exactly once.
    Column("report_id", ForeignKey("saved_reports.id"), primary_key=True),
    Column("first_day", Integer, primary_key=True, autoincrement=False),  # of the period
    Column("state", String(8), nullable=False),  # taken | done | failed
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),  # taken: when the taker is given up for dead
    Column("finished", UtcDateTime),
    Column("problem", String(64), nullable=False),
)
