"""Tokens by which other lines and authorities' systems exchange orders with this one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update

from hotline.store.credentials import digest, new_token
from hotline.store.engine import reading, writing
from hotline.store.tables import exchange_tokens

PREFIX = "hlx_"
"""Every such token begins so."""
_c = exchange_tokens.c


@dataclass(frozen=True, slots=True)
class ExchangeToken:
    """What is known of a token that was given out; not the token, which only its system has."""

    id: int
    system: str
    label: str
    created: datetime
    revoked: datetime | None


class ExchangeTokens:
    """Tokens in the database, as hashes. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, system: str, now: datetime, label: str = "") -> str:
        """A new token for a system. It can be read here and never again."""
        token = new_token(PREFIX)
        row = {"system": system, "label": label[:64], "token": digest(token), "created": now}
        with writing(self._engine) as connection:
            connection.execute(exchange_tokens.insert().values(row))
        return token

    def system_of(self, token: str) -> str | None:
        """The system that a token speaks for; None for an unknown or revoked one."""
        wanted = select(_c.system).where(_c.token == digest(token), _c.revoked.is_(None))
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def revoke(self, token_id: int, now: datetime) -> bool:
        """End a token; whether there was one to end."""
        ended = update(exchange_tokens).where(_c.id == token_id, _c.revoked.is_(None)).values(revoked=now)
        with writing(self._engine) as connection:
            return connection.execute(ended).rowcount == 1

    def all(self) -> list[ExchangeToken]:
        """Every token ever made, oldest first."""
        with reading(self._engine) as connection:
            return [
                ExchangeToken(row.id, row.system, row.label, row.created, row.revoked)
                for row in connection.execute(select(exchange_tokens).order_by(_c.id))
            ]
