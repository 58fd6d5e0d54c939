"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

SHA-1, six digits, thirty seconds: what every app supports. One step early or late is let pass for clocks; no
code works twice (RFC 6238 §5.2). The secret has to be given back to be used, so it lies sealed in the
database (`hotline.store.secret_box`): whoever reads that has neither second factors nor passwords. Recovery
codes are hashes and work without the key.
"""

import base64
import binascii
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

from sqlalchemy import Engine, delete, insert, select, text, update

from hotline.store.credentials import digest
from hotline.store.engine import reading, writing
from hotline.store.secret_box import SecretBox, SecretsUnavailable
from hotline.store.tables import recovery_codes, users
from hotline.store.users import User, UserStore

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps early or late."""
SECRET_BYTES = 20
CODES = 10
CODE_BYTES = 10
"""Of a recovery code: 80 bits, 16 letters."""
ISSUER = "12348"
TABLE, COLUMN = "users", "totp_sealed"
"""Where secrets are sealed for."""


def new_secret() -> str:
    """A secret for an authenticator app, base32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether this could be one of ours."""
    try:
        return len(base64.b32decode(text)) == SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def address(secret: str, name: str) -> str:
    """What the app reads from a QR code (the `otpauth` URI)."""
    query = urlencode({"secret": secret, "issuer": ISSUER, "digits": DIGITS, "period": STEP_SECONDS})
    return f"otpauth://totp/{ISSUER}:{quote(name)}?{query}"


def code_at(secret: str, step: int) -> str:
    """The code of a step (RFC 4226 with the step as its counter)."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.hotp import HOTP

    key = base64.b32decode(secret)
    return HOTP(key, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - RFC 6238's default


def step_of(now: datetime) -> int:
    """The step an instant is in."""
    return int(now.timestamp()) // STEP_SECONDS


def fitting_step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, close enough to now."""
    here = step_of(now)
    for step in range(here - WINDOW, here + WINDOW + 1):
        if secrets.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


class SecondFactor:
    """Second factors in the database. Methods block and raise `StoreError`."""

    def __init__(self, engine: Engine, people: UserStore, box: SecretBox) -> None:
        self._engine = engine
        self._people = people
        self._box = box

    def set_up(self, user: User, secret: str, code: str, now: datetime) -> list[str] | None:
        """Take the secret when the code shows that the app has it; recovery codes, to be shown once.

        Raises `SecretsUnavailable` when it cannot be sealed.
        """
        step = fitting_step(secret, code, now)
        if step is None:
            return None
        codes = [base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode() for _ in range(CODES)]
        with writing(self._engine) as connection:
            # Before the key is chosen: a rotation waits for this row, or this for the rotation.
            connection.execute(select(users.c.id).where(users.c.id == user.id).with_for_update())
            sealed = self._box.seal(secret, TABLE, COLUMN, user.id)
            values = {"totp_sealed": sealed, "totp_step": step}
            connection.execute(update(users).where(users.c.id == user.id).values(values))
            connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user.id))
            rows = [{"user_id": user.id, "code": digest(each)} for each in codes]
            connection.execute(insert(recovery_codes), rows)
        return codes

    def take_away(self, user: User) -> None:
        """The user has no second factor any more."""
        with writing(self._engine) as connection:
            connection.execute(
                update(users).where(users.c.id == user.id).values(totp_sealed=None, totp_step=0)
            )
            connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user.id))

    def verify(self, user: User, code: str, now: datetime) -> bool:
        """Whether the code is right and new, or one of the recovery codes, which is used up then.

        Attempts are counted and locked like those at passwords, by themselves. Raises `SecretsUnavailable`
        for an app's code when the secret cannot be opened; recovery codes work without it.
        """
        name = attempts_of(user)
        if not self._people.may_try(name, now):
            return False
        if not (self._fits(user, code, now) or self._recovers(user, code)):
            return False
        self._people.forgive(name)
        return True

    def left(self, user: User) -> int:
        """Recovery codes that are left."""
        wanted = select(recovery_codes.c.id).where(recovery_codes.c.user_id == user.id)
        with reading(self._engine) as connection:
            return len(connection.execute(wanted).all())

    def _fits(self, user: User, code: str, now: datetime) -> bool:
        if len(code) != DIGITS or not code.isascii() or not code.isdigit():
            return False
        with reading(self._engine) as connection:
            sealed = connection.scalar(select(users.c.totp_sealed).where(users.c.id == user.id))
        secret = self._box.open(sealed, TABLE, COLUMN, user.id) if sealed else None
        step = fitting_step(secret, code, now) if secret else None
        if step is None:
            return False
        used = update(users).where(users.c.id == user.id, users.c.totp_step < step).values(totp_step=step)
        with writing(self._engine) as connection:
            return connection.execute(used).rowcount == 1

    def _recovers(self, user: User, code: str) -> bool:
        plain = code.replace("-", "").replace(" ", "").upper()
        gone = delete(recovery_codes).where(
            recovery_codes.c.user_id == user.id, recovery_codes.c.code == digest(plain)
        )
        with writing(self._engine) as connection:
            return connection.execute(gone).rowcount == 1


def attempts_of(user: User) -> str:
    """Under what name attempts at the user's codes are counted; no user can be called so."""
    return f"\n{user.name}"


def rotate(engine: Engine, box: SecretBox) -> int:
    """Seal every secret anew under a new key and forget the keys before; how many secrets.

    What cannot be opened is left as it is, with the keys there are. Killed in between, the file has the new
    key and the old: everything opens, and the next rotation finishes. Raises `StoreError`,
    `SecretsUnavailable`.
    """
    box.renew()
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # No second factor is set up meanwhile under the key before.
            connection.execute(text("LOCK TABLE users IN EXCLUSIVE MODE"))
        lost = 0
        rows = connection.execute(
            select(users.c.id, users.c.totp_sealed).where(users.c.totp_sealed.is_not(None))
        )
        done = rows.all()
        for row in done:
            try:
                secret = box.open(row.totp_sealed, TABLE, COLUMN, row.id)
            except SecretsUnavailable:
                lost += 1
                continue
            sealed = box.seal(secret, TABLE, COLUMN, row.id)
            connection.execute(update(users).where(users.c.id == row.id).values(totp_sealed=sealed))
    if not lost:
        box.keep_first()
    return len(done) - lost


def unopened(engine: Engine, box: SecretBox) -> list[str]:
    """Names of the people whose second factor cannot be checked: its key is missing. Raises `StoreError`."""
    wanted = select(users.c.name, users.c.totp_sealed, users.c.id).where(users.c.totp_sealed.is_not(None))
    with reading(engine) as connection:
        rows = connection.execute(wanted.order_by(users.c.name)).all()
    lost = []
    for row in rows:
        try:
            box.open(row.totp_sealed, TABLE, COLUMN, row.id)
        except SecretsUnavailable:
            lost.append(str(row.name))
    return lost
