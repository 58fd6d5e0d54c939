"""Adds the sums by day that reports of long periods are made from, and saved reports."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

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
MOMENTS = ("filed", "dispatched", "sign", "due", "approved")


def upgrade() -> None:
    """Make the tables; every day counted so far waits for its sums."""
    op.create_table(
        "stat_days",
        sa.Column("subject", sa.String(8), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("touched", INSTANT, nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "day", name="pk_stat_days"),
    )
    _create_sums("call_sums", CALL_MEASURES)
    _create_sums("order_sums", ORDER_MEASURES)
    _create_saved_reports()
    for subject, table, column in (
        ("calls", "call_facts", "day"),
        *(("orders", "order_facts", f"{one}_day") for one in MOMENTS),
    ):
        days = f"SELECT '{subject}', {column}, '2000-01-01 00:00:00', 0 FROM {table}"  # noqa: S608 - ours
        days += f" WHERE {column} IS NOT NULL GROUP BY {column} ON CONFLICT DO NOTHING"
        op.execute(f"INSERT INTO stat_days (subject, day, touched, closed) {days}")


def downgrade() -> None:
    """Drop them."""
    for table in ("report_runs", "saved_reports", "order_sums", "call_sums", "stat_days"):
        op.drop_table(table)


def _create_sums(name: str, measures: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("dim", sa.String(8), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        *(sa.Column(measure, sa.BigInteger(), nullable=False) for measure in measures),
        sa.PrimaryKeyConstraint("dim", "day", "hour", "code", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_day", name, ["day"])


def _create_saved_reports() -> None:
    op.create_table(
        "saved_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("every", sa.String(8), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_reports"),
    )
    op.create_index("ix_saved_reports_owner", "saved_reports", ["owner"])
    op.create_table(
        "report_runs",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("finished", INSTANT, nullable=True),
        sa.Column("problem", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_reports.id"], name="fk_report_runs_report_id_saved_reports"
        ),
        sa.PrimaryKeyConstraint("report_id", "first_day", name="pk_report_runs"),
    )
