"""Adds the tables that statistics are counted from, the triggers that say what to count again, and teams.

What is there already is counted at the next start, or by `hotline stats rebuild`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

FEEDS = (
    # table, columns of stat_changes, and what stands in them, of the row that changed
    ("calls", "kind, key", "'call', {row}id", ""),
    ("intents", "kind, key", "'call', {row}call_id", ""),
    ("acd_log", "kind, key", "'call', {row}call_id", "{row}call_id IS NOT NULL"),
    ("acd_log", "kind, key, at", "'agent', {row}agent, {row}at", "{row}agent IS NOT NULL"),
    ("work_orders", "kind, key", "'order', CAST({row}id AS VARCHAR(64))", ""),
    ("work_orders", "kind, key", "'call', {row}call_id", ""),
    ("order_history", "kind, key", "'order', CAST({row}order_id AS VARCHAR(64))", ""),
)


def upgrade() -> None:
    """Make the tables; everything there is counts as changed."""
    _create_changes()
    _create_call_facts()
    _create_order_facts()
    _create_agent_hours()
    op.create_index("ix_calls_remote_started", "calls", ["remote", "started"])
    op.add_column("agents", sa.Column("team", sa.String(64), nullable=False, server_default=""))
    postgresql = op.get_bind().dialect.name == "postgresql"
    for number, (table, columns, values, when) in enumerate(FEEDS):
        for event in ("INSERT", "UPDATE"):
            make = _postgresql_trigger if postgresql else _sqlite_trigger
            for statement in make(f"stat_{number}_{event.lower()}", table, event, (columns, values, when)):
                op.execute(statement)
    op.execute("INSERT INTO stat_changes (kind, key) SELECT 'call', id FROM calls")
    op.execute(
        "INSERT INTO stat_changes (kind, key) SELECT 'order', CAST(id AS VARCHAR(64)) FROM work_orders"
    )
    op.execute(
        "INSERT INTO stat_changes (kind, key, at) "
        "SELECT 'agent', agent, at FROM acd_log WHERE agent IS NOT NULL"
    )


def downgrade() -> None:
    """Drop them."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for number, (table, *_) in enumerate(FEEDS):
        for event in ("insert", "update"):
            name = f"stat_{number}_{event}"
            op.execute(f"DROP TRIGGER {name} ON {table}" if postgresql else f"DROP TRIGGER {name}")
            if postgresql:
                op.execute(f"DROP FUNCTION {name}()")
    op.drop_column("agents", "team")
    op.drop_index("ix_calls_remote_started", "calls")
    for table in ("stat_labels", "agent_hours", "order_facts", "call_facts", "stat_changes"):
        op.drop_table(table)


def _sqlite_trigger(name: str, table: str, event: str, feed: tuple[str, str, str]) -> list[str]:
    columns, values, when = (part.format(row="NEW.") for part in feed)
    condition = f"WHEN {when} " if when else ""
    body = f"INSERT INTO stat_changes ({columns}) VALUES ({values}); END"  # noqa: S608 - ours
    return [f"CREATE TRIGGER {name} AFTER {event} ON {table} {condition}BEGIN {body}"]


def _postgresql_trigger(name: str, table: str, event: str, feed: tuple[str, str, str]) -> list[str]:
    # Once a statement, not once a row: a batch of five hundred lines costs one insert.
    columns, values, when = (part.format(row="fresh.") for part in feed)
    condition = f" WHERE {when}" if when else ""
    body = f"INSERT INTO stat_changes ({columns}) SELECT DISTINCT {values} FROM fresh{condition};"  # noqa: S608
    function = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"
    )
    rows = f"REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    return [function, f"CREATE TRIGGER {name} AFTER {event} ON {table} {rows}"]


def _create_changes() -> None:
    op.create_table(
        "stat_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stat_changes"),
    )
    op.create_table(
        "stat_labels",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", name="pk_stat_labels"),
    )


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def _create_call_facts() -> None:
    op.create_table(
        "call_facts",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        *_numbers("day", "hour"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("place", sa.String(6), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("fate", sa.String(12), nullable=False),
        *_numbers("test"),
        *_numbers("wait_ms", nullable=True),
        *_numbers("talk_ms", "hold_ms", "wrap_ms", "hands", "asked"),
        *_numbers("mark", nullable=True),
        *_numbers("orders", "known", "repeated"),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_facts"),
    )
    op.create_index("ix_call_facts_day", "call_facts", ["day", "hour"])
    for name in ("agent", "matter", "place"):
        op.create_index(f"ix_call_facts_{name}_day", "call_facts", [name, "day"])


def _create_order_facts() -> None:
    op.create_table(
        "order_facts",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("against", sa.String(64), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("place", sa.String(6), nullable=False),
        sa.Column("filed", INSTANT, nullable=False),
        *_numbers("filed_day", "filed_hour"),
        sa.Column("dispatched", INSTANT, nullable=True),
        *_numbers("dispatched_day", "dispatched_hour", nullable=True),
        sa.Column("signed", INSTANT, nullable=True),
        sa.Column("sign_by", INSTANT, nullable=True),
        *_numbers("sign_day", "sign_hour", nullable=True),
        sa.Column("finished", INSTANT, nullable=True),
        sa.Column("due", INSTANT, nullable=True),
        sa.Column("due_plain", INSTANT, nullable=True),
        *_numbers("due_day", "due_hour", nullable=True),
        sa.Column("approved", INSTANT, nullable=True),
        *_numbers("approved_day", "approved_hour", nullable=True),
        *_numbers("visited"),
        *_numbers("visit_mark", nullable=True),
        *_numbers("returns", "extensions", "urges", "level", "redos"),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_facts"),
    )
    for name in ("filed_day", "dispatched_day", "sign_day", "due_day", "approved_day"):
        op.create_index(f"ix_order_facts_{name}", "order_facts", [name])


def _create_agent_hours() -> None:
    op.create_table(
        "agent_hours",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        *_numbers("ready_ms", "ring_ms", "talk_ms", "wrap_ms", "pause_ms"),
        sa.PrimaryKeyConstraint("day", "hour", "agent", name="pk_agent_hours"),
    )
    op.create_index("ix_agent_hours_agent_day", "agent_hours", ["agent", "day"])
