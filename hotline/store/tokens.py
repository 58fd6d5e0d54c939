"""Tokens by which handling units use the REST API."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update

from hotline.store.credentials import digest, new_token
from hotline.store.engine import reading, writing
from hotline.store.tables import unit_tokens

PREFIX = "hlu_"
"""Every unit token begins so."""


@dataclass(frozen=True, slots=True)
class UnitToken:
    """What is known of a token that was given out; not the token, which only its unit has."""

    id: int
    unit: str
    """Code of the unit in ivr_flows/routing.yaml."""
    label: str
    """Where the unit keeps it, in the words of whoever made it."""
    created: datetime
    revoked: datetime | None


class UnitTokens:
    """Unit tokens in the database, as hashes. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, unit: str, now: datetime, label: str = "") -> str:
        """A new token for a unit. It can be read here and never again."""
        token = new_token(PREFIX)
        row = {"unit": unit, "label": label, "token": digest(token), "created": now}
        with writing(self._engine) as connection:
            connection.execute(unit_tokens.insert().values(row))
        return token

    def unit_of(self, token: str) -> str | None:
        """The unit that a token speaks for; None for an unknown or revoked one."""
        wanted = select(unit_tokens.c.unit).where(
            unit_tokens.c.token == digest(token), unit_tokens.c.revoked.is_(None)
        )
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def revoke(self, token_id: int, now: datetime) -> bool:
        """End a token; whether there was one to end."""
        ended = (
            update(unit_tokens)
            .where(unit_tokens.c.id == token_id, unit_tokens.c.revoked.is_(None))
            .values(revoked=now)
        )
        with writing(self._engine) as connection:
            return connection.execute(ended).rowcount == 1

    def all(self) -> list[UnitToken]:
        """Every token ever made, oldest first."""
        wanted = select(unit_tokens).order_by(unit_tokens.c.id)
        with reading(self._engine) as connection:
            return [
                UnitToken(row.id, row.unit, row.label, row.created, row.revoked)
                for row in connection.execute(wanted)
            ]
