"""Tokens by which handling units, and the channels besides the telephone, use the REST API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, or_, select, update

from hotline.errors import HotlineError
from hotline.store.credentials import digest, new_token
from hotline.store.engine import reading, writing
from hotline.store.tables import unit_tokens

PREFIX = "hlu_"
"""Every unit token begins so."""

UNIT_SCOPES = ("read", "act", "attach", "feed", "caller")
"""read: lists and orders; act: the moves; attach: send files; feed: the change feed; caller: unmask the
caller for a reason, where the policy lets the unit."""
CHANNEL_SCOPES = ("file",)
CHANNELS = ("web", "wechat", "tv", "visit", "12345")
"""Ways besides the telephone by which people reach the line."""
DEFAULT_SCOPES = ("read", "act")
NOTED_EVERY = timedelta(minutes=1)
"""`last_used` is not written more often than so."""


class TokenRefused(HotlineError):
    """A token cannot be made so."""

    code = "hotline.token_refused"


@dataclass(frozen=True, slots=True)
class UnitToken:
    """What is known of a token that was given out; not the token, which only its unit has."""

    id: int
    unit: str
    """Code of the unit in ivr_flows/routing.yaml; empty for a channel's."""
    label: str
    """Where the unit keeps it, in the words of whoever made it."""
    created: datetime
    revoked: datetime | None
    channel: str
    """One of `CHANNELS`; empty for a unit's."""
    scopes: tuple[str, ...]
    expires: datetime | None
    last_used: datetime | None
    """To the minute."""


class UnitTokens:
    """Unit tokens in the database, as hashes. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        unit: str,
        now: datetime,
        label: str = "",
        scopes: Sequence[str] = DEFAULT_SCOPES,
        expires: datetime | None = None,
    ) -> str:
        """A new token for a unit. It can be read here and never again. Raises `TokenRefused`."""
        return self._create({"unit": unit, "channel": ""}, UNIT_SCOPES, (label, scopes, now, expires))

    def create_for_channel(
        self, channel: str, now: datetime, label: str = "", expires: datetime | None = None
    ) -> str:
        """A new token with which a channel files orders. Raises `TokenRefused`."""
        if channel not in CHANNELS:
            raise TokenRefused(f"a channel is one of {', '.join(CHANNELS)}")
        return self._create(
            {"unit": "", "channel": channel}, CHANNEL_SCOPES, (label, CHANNEL_SCOPES, now, expires)
        )

    def holder(self, token: str, now: datetime) -> UnitToken | None:
        """Whose token it is, its use noted; None for an unknown, revoked or expired one."""
        wanted = select(unit_tokens).where(
            unit_tokens.c.token == digest(token),
            unit_tokens.c.revoked.is_(None),
            or_(unit_tokens.c.expires.is_(None), unit_tokens.c.expires > now),
        )
        with reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        if row.last_used is None or row.last_used <= now - NOTED_EVERY:
            with writing(self._engine) as connection:
                connection.execute(
                    update(unit_tokens).where(unit_tokens.c.id == row.id).values(last_used=now)
                )
        return _token(row)

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
            return [_token(row) for row in connection.execute(wanted)]

    def _create(
        self,
        whose: dict[str, str],
        known: Sequence[str],
        given: tuple[str, Sequence[str], datetime, datetime | None],
    ) -> str:
        label, scopes, now, expires = given
        if not scopes or set(scopes) - set(known):
            raise TokenRefused(f"scopes are some of {', '.join(known)}")
        if expires is not None and expires <= now:
            raise TokenRefused("the token would have expired already")
        token = new_token(PREFIX)
        row = {
            **whose,
            "label": label[:64],
            "token": digest(token),
            "created": now,
            "scopes": [scope for scope in known if scope in scopes],
            "expires": expires,
        }
        with writing(self._engine) as connection:
            connection.execute(unit_tokens.insert().values(row))
        return token


def _token(row: Row[Any]) -> UnitToken:
    return UnitToken(
        row.id,
        row.unit,
        row.label,
        row.created,
        row.revoked,
        row.channel,
        tuple(row.scopes),
        row.expires,
        row.last_used,
    )
