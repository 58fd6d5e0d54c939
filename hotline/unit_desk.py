"""What the command line does for handling units; every change is audited."""

from collections.abc import Sequence
from datetime import timedelta

from hotline.call.line import utc_now
from hotline.commands import known_unit
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.tokens import UnitToken, UnitTokens
from hotline.store.webhook_keys import WebhookKeys
from hotline.wiring import open_database, webhook_keys
from workorders.dead_letters import DeadLetters, Letter
from workorders.outbox_rows import OutboxRows

LEASE = timedelta(minutes=1)


class UnitDesk:
    """Blocks on the database; raises `ConfigError`, `StoreError`, `TokenRefused`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = open_database(settings)
        self._tokens = UnitTokens(self._engine)
        self._letters = DeadLetters(self._engine)

    def make_token(self, unit: str, label: str, scopes: Sequence[str], valid: timedelta) -> str:
        """A token with which a unit's system comes in."""
        known_unit(self._settings, unit)
        now = utc_now()
        token = self._tokens.create(unit, now, label, scopes, now + valid)
        self._note("token.create", unit, " ".join(scopes))
        return token

    def make_channel_token(self, channel: str, label: str, valid: timedelta) -> str:
        """A token with which another channel files orders."""
        now = utc_now()
        token = self._tokens.create_for_channel(channel, now, label, now + valid)
        self._note("token.create", channel)
        return token

    def tokens(self) -> Sequence[UnitToken]:
        """All there are."""
        return self._tokens.all()

    def revoke(self, token_id: int) -> bool:
        """End one; whether there was one to end."""
        self._note("token.revoke", str(token_id))
        return self._tokens.revoke(token_id, utc_now())

    def secret(self, unit: str) -> str:
        """The unit's webhook secret."""
        known_unit(self._settings, unit)
        self._note("webhook.show", unit)
        return self._keys().current(unit, utc_now())

    def renew_secret(self, unit: str, overlap: timedelta) -> str:
        """A new one."""
        known_unit(self._settings, unit)
        self._note("webhook.renew", unit)
        return self._keys().renew(unit, utc_now(), overlap)

    def letters(self) -> Sequence[Letter]:
        """Deliveries in trouble."""
        return self._letters.all(500)

    def resend(self, deliveries: Sequence[str], unit: str) -> int:
        """Send dead letters again: the named ones, and all of a unit; how many there were."""
        wanted = [*deliveries]
        if unit:
            wanted += [each.delivery_id for each in self.letters() if each.dead and each.unit == unit]
        rows = OutboxRows(self._engine, utc_now, LEASE)
        count = 0
        for delivery in wanted:
            self._note("delivery.again", delivery)
            count += rows.revive(delivery)
        return count

    def _keys(self) -> WebhookKeys:
        keys = webhook_keys(self._settings, self._engine)
        if keys is None:
            raise ConfigError(["dispatch.webhook_secret: not set, so there are no secrets"])
        return keys

    def _note(self, action: str, subject: str, detail: str = "") -> None:
        AuditStore(self._engine).record(TERMINAL, action, subject[:255], utc_now(), detail)
