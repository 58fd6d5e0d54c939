"""Seals the secrets of second factors; they stood in the clear."""

from pathlib import Path

import sqlalchemy as sa
from alembic import context, op

from hotline.errors import StoreError
from hotline.store.secret_box import SecretBox

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None

NO_KEY = (
    "second factors are to be sealed: run hotline db upgrade, which has the key's place from the settings"
)


def upgrade() -> None:
    """Seal what there is under the line's key, and drop the column that held it."""
    connection = op.get_bind()
    op.add_column("users", sa.Column("totp_sealed", sa.String(255), nullable=True))
    open_ones = connection.execute(sa.text("SELECT id, totp FROM users WHERE totp IS NOT NULL")).all()
    path: Path | None = context.config.attributes.get("secrets_key")
    if open_ones and path is None:
        raise StoreError(NO_KEY)
    for row in open_ones:
        sealed = SecretBox(path).seal(row.totp, "users", "totp_sealed", row.id) if path else None
        connection.execute(
            sa.text("UPDATE users SET totp_sealed = :sealed, totp = NULL WHERE id = :id"),
            {"sealed": sealed, "id": row.id},
        )
    op.drop_column("users", "totp")


def downgrade() -> None:
    """As before, without the second factors: nothing sealed is ever written in the clear again."""
    op.add_column("users", sa.Column("totp", sa.String(64), nullable=True))
    op.execute("DELETE FROM recovery_codes")
    op.drop_column("users", "totp_sealed")
