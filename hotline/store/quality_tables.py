"""The tables of quality inspection: days that were drawn, calls drawn with their sheets, issues."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text

from hotline.store.tables import metadata
from workorders.tables import UtcDateTime

quality_days = Table(
    "quality_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970-01-01, Asia/Shanghai
    Column("seed", String(32), nullable=False),  # of the chance that drew; anybody can draw again with it
    Column("answered", Integer, nullable=False),  # calls there were to draw from
    Column("drawn_at", UtcDateTime, nullable=False),
    # Ids of these calls in the order that was drawn from; empty: a day without any, or drawn before 0020.
    Column("drawn_from", JSON, nullable=False, server_default="[]"),
)
"""A day is drawn once, ever: its row and its samples are one transaction."""

quality_samples = Table(
    "quality_samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", ForeignKey("quality_days.day"), nullable=False),
    Column("call_id", String(64), nullable=False, unique=True),
    Column("agent", String(64), nullable=False),
    Column("reasons", JSON, nullable=False),  # ids of rules; empty: by chance
    Column("scores", JSON, nullable=False),  # item → points; empty: not inspected yet
    Column("remark", Text, nullable=False),
    Column("inspector", String(64), nullable=False),
    Column("inspected_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    Index("ix_quality_samples_day", "day"),
    Index("ix_quality_samples_agent_day", "agent", "day"),
)

quality_issues = Table(
    "quality_issues",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sample_id", ForeignKey("quality_samples.id"), nullable=False),
    Column("agent", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # raised | answered | verified
    Column("text", Text, nullable=False),
    Column("raised_by", String(64), nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("verdict", Text, nullable=False),
    Column("verified_by", String(64), nullable=False),
    Column("verified_at", UtcDateTime),
    Index("ix_quality_issues_sample_id", "sample_id"),
    Index("ix_quality_issues_agent_state", "agent", "state"),
)
