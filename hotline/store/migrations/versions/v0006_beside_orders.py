"""Adds incidents, orders' numbers in other systems, referrals, appointments, video links, imported calendars.

Orders there have no other party's key until a field is corrected.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and one column."""
    _orders()
    _incidents()
    _exchange()
    _referrals()
    _appointments()


def downgrade() -> None:
    """Drop them."""
    for table in (
        "video_links",
        "appointments",
        "appointment_slots",
        "referrals",
        "order_references",
        "exchange_events",
        "incident_members",
        "incidents",
        "calendar_years",
    ):
        op.drop_table(table)
    op.drop_index("ix_work_orders_party_filed_at", "work_orders")
    op.drop_index("ix_work_orders_caller_contact_filed_at", "work_orders")
    op.drop_column("work_orders", "party")


def _incidents() -> None:
    """Incidents and what belongs to them."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("title", sa.String(128), nullable=False),
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("party", sa.String(160), server_default="", nullable=False),
        sa.Column("greeting", sa.Text(), nullable=False),
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("opened_by", sa.String(64), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.String(64), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_status", "incidents", ["status"])
    op.create_table(
        "incident_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("ref", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_members_incident_id"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_members"),
        sa.UniqueConstraint("incident_id", "kind", "ref", name="uq_incident_members_incident_id_kind_ref"),
    )
    op.create_index("ix_incident_members_kind_ref", "incident_members", ["kind", "ref"])


def _exchange() -> None:
    """Numbers outside, what was heard, imported calendars."""
    op.create_table(
        "calendar_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("imported_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_calendar_years"),
    )
    op.create_table(
        "exchange_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(32), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_events"),
        sa.UniqueConstraint("system", "event", name="uq_exchange_events_system_event"),
    )
    op.create_table(
        "order_references",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("number", sa.String(64), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_references_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_references"),
        sa.UniqueConstraint(
            "order_id", "system", "direction", name="uq_order_references_order_id_system_direction"
        ),
        sa.UniqueConstraint("system", "number", name="uq_order_references_system_number"),
    )


def _referrals() -> None:
    """Referrals."""
    op.create_table(
        "referrals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("institution", sa.String(128), server_default="", nullable=False),
        sa.Column("basis", sa.String(32), server_default="", nullable=False),
        sa.Column("mode", sa.String(8), server_default="", nullable=False),
        sa.Column("party", sa.String(128), server_default="", nullable=False),
        sa.Column("party_contact", sa.String(64), server_default="", nullable=False),
        sa.Column("deed", sa.String(64), server_default="", nullable=False),
        sa.Column("outside", sa.String(32), server_default="", nullable=False),
        sa.Column("outside_number", sa.String(64), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_referrals_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_referrals"),
        sa.UniqueConstraint("outside", "outside_number", name="uq_referrals_outside_outside_number"),
    )
    op.create_index("ix_referrals_kind_created_at", "referrals", ["kind", "created_at"])
    op.create_index("ix_referrals_order_id", "referrals", ["order_id"])


def _appointments() -> None:
    """Slots, seats and links."""
    op.create_table(
        "appointment_slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("institution", sa.String(128), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.CheckConstraint("capacity >= 1", name="ck_appointment_slots_capacity"),
        sa.PrimaryKeyConstraint("id", name="pk_appointment_slots"),
        sa.UniqueConstraint("institution", "starts_at", name="uq_appointment_slots_institution_starts_at"),
    )
    op.create_index("ix_appointment_slots_starts_at", "appointment_slots", ["starts_at"])
    op.create_table(
        "appointments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=True),
        sa.Column("referral_id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name="fk_appointments_referral_id"),
        sa.ForeignKeyConstraint(["slot_id"], ["appointment_slots.id"], name="fk_appointments_slot_id"),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
        sa.UniqueConstraint("slot_id", "seat", name="uq_appointments_slot_id_seat"),
    )
    op.create_index("ix_appointments_referral_id", "appointments", ["referral_id"])
    op.create_table(
        "video_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("referral_id", sa.Integer(), nullable=False),
        sa.Column("room", sa.String(32), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name="fk_video_links_referral_id"),
        sa.PrimaryKeyConstraint("id", name="pk_video_links"),
        sa.UniqueConstraint("room", name="uq_video_links_room"),
    )
    op.create_index("ix_video_links_referral_id", "video_links", ["referral_id"])


def _orders() -> None:
    """Whom the caller has it with, and indexes for likely duplicates."""
    op.add_column("work_orders", sa.Column("party", sa.String(160), server_default="", nullable=False))
    op.create_index("ix_work_orders_caller_contact_filed_at", "work_orders", ["caller_contact", "filed_at"])
    op.create_index("ix_work_orders_party_filed_at", "work_orders", ["party", "filed_at"])
