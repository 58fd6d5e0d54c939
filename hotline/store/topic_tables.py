"""The tables of supervisors' topics: what they look for, and which calls were found by their sound."""

from sqlalchemy import JSON, Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from hotline.store.tables import metadata
from workorders.tables import UtcDateTime

topics = Table(
    "topics",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("words", JSON, nullable=False),  # phrases; one of them is enough
    Column("phonetic", Boolean, nullable=False),  # what sounds like them to a Sichuan ear counts, too
    Column("matter", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("place", String(6), nullable=False),
    Column("since", Date),  # first day, Asia/Shanghai
    Column("until", Date),  # last day
    Column("created_by", String(64), nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("scanned_to", Integer, nullable=False, server_default="0"),  # last utterance listened to
)

topic_hits = Table(
    "topic_hits",
    metadata,
    Column("topic_id", ForeignKey("topics.id"), primary_key=True),
    Column("call_id", Text, primary_key=True),
    Index("ix_topic_hits_call_id", "call_id"),
)
"""Calls in which an utterance sounds like one of the topic's phrases. Found by listening through them all."""
