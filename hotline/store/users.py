"""The people who sign in: their roles, passwords and sessions."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, select, update

from hotline.errors import HotlineError
from hotline.store.credentials import digest, new_token
from hotline.store.engine import insert_if_new, insert_new, reading, storable, writing
from hotline.store.tables import login_failures, sessions, users

MAX_FAILURES = 5
"""Wrong passwords in a row before a name is locked."""

LOCK_OUT = timedelta(minutes=15)
"""How long a name stays locked, and how long failures are remembered."""

TOUCH = timedelta(minutes=1)
"""What is done in a session is noted this often at most."""
SESSION_ID = 16
"""Characters of the token's hash that name a session."""

MIN_PASSWORD = 12
MAX_PASSWORD = 256


class Role(StrEnum):
    """What a person may do; the web part says what each role opens."""

    AGENT = "agent"
    LAWYER = "lawyer"
    """On duty beside the agents, and in the pool of orders; sees and does what an agent does."""
    SUPERVISOR = "supervisor"
    QUALITY = "quality"
    """Reads, listens and marks; changes nothing."""
    STATISTICIAN = "statistician"
    """Figures only, no call and no order."""
    AUDITOR = "auditor"
    ADMIN = "admin"
    UNIT = "unit"
    """Belongs to one handling unit and sees its orders only."""


class UserRefused(HotlineError):
    """A user cannot be made or changed so; the message says why and quotes no password."""

    code = "hotline.user_refused"


@dataclass(frozen=True, slots=True)
class User:
    """A person."""

    id: int
    name: str
    """What is typed to sign in."""
    display: str
    """What colleagues read."""
    role: Role
    disabled: bool
    unit: str = ""
    """Role unit: the unit's code."""
    must_change: bool = False
    """The password, before anything else: somebody else has chosen it."""
    password_at: datetime | None = None
    """When the password was chosen; None: before that was noted."""
    second_factor: bool = False
    """A second factor has been set up."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    user: User
    csrf: str
    """Random; every changing request must bring it."""
    expires: datetime
    """UTC."""
    id: str = ""
    """Names the session to its owner; opens nothing."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its owner, or an administrator, sees it."""

    id: str
    created: datetime
    expires: datetime
    seen: datetime | None
    """When somebody last did something in it."""
    client: str
    """Address and program."""


class UserStore:
    """Users and sessions in the database. Every method may block and raises `StoreError`.

    There is no user until one is added: no default account, no default password.
    """

    def __init__(self, engine: Engine, idle: timedelta | None = None) -> None:
        """`idle`: a session in which nothing is done for so long is over."""
        from argon2 import PasswordHasher

        self._engine = engine
        self._idle = idle
        # OWASP's first choice: 19 MiB, 2 passes, 1 lane. The library's default takes 64 MiB a sign-in.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobody = self._hasher.hash(new_token())

    @property
    def engine(self) -> Engine:
        """The database."""
        return self._engine

    def add(
        self, name: str, password: str, role: Role, now: datetime, display: str = "", unit: str = ""
    ) -> User:
        """Make a user; `unit` for the role of that name, and only for it.

        Raises `UserRefused` for a name that is taken, a password that is too weak, or a unit amiss.
        """
        if (role is Role.UNIT) != bool(unit):
            raise UserRefused("a unit's user belongs to a unit, and nobody else does")
        if not name or len(name) > 64 or name != name.strip() or not name.isprintable():
            raise UserRefused("a user's name has 1 to 64 printable characters")
        row = {
            "name": name,
            "display": (display or name)[:64],
            "role": role.value,
            "password": self._hash(name, password),
            "created": now,
            "disabled": False,
            "unit": unit,
            "password_at": now,
        }
        with writing(self._engine) as connection:
            if not insert_if_new(connection, users, row):
                raise UserRefused("there is a user of that name")
            return _user(connection.execute(select(users).where(users.c.name == storable(name))).one())

    def get(self, name: str) -> User | None:
        """The user of that name."""
        with reading(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.name == storable(name))).one_or_none()
        return _user(row) if row is not None else None

    def all(self) -> list[User]:
        """Everyone, by name."""
        with reading(self._engine) as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def set_password(
        self, name: str, password: str, now: datetime | None = None, *, must_change: bool = False
    ) -> None:
        """Change a password, end the user's sessions and any lock-out. Raises `UserRefused`.

        `must_change`: who chose it is not who will use it.
        """
        changed = {"password": self._hash(name, password), "must_change": must_change, "password_at": now}
        self._change(name, **changed)
        with writing(self._engine) as connection:
            _forget_failures(connection, name)

    def set_role(self, name: str, role: Role, unit: str = "") -> None:
        """Give a user another role; the user's sessions end. Raises `UserRefused`."""
        if (role is Role.UNIT) != bool(unit):
            raise UserRefused("a unit's user belongs to a unit, and nobody else does")
        self._change(name, role=role.value, unit=unit)

    def disable(self, name: str) -> None:
        """Shut a user out at once; what the user did stays on record. Raises `UserRefused`."""
        self._change(name, disabled=True)

    def enable(self, name: str) -> None:
        """Let a user in again. Raises `UserRefused`."""
        self._change(name, disabled=False)

    def verify(self, name: str, password: str, now: datetime) -> User | None:
        """The user, when name and password fit and the name is not locked.

        Every attempt is counted before the password is looked at, so that attempts made at once cannot slip
        past the limit. An unknown name costs the same hashing and is locked the same way, so neither time
        nor lock-out tells which names exist.
        """
        if not self.may_try(name, now):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.name == storable(name))).one_or_none()
        fits = self._fits(row.password if row is not None else self._nobody, password)
        if row is None or not fits or row.disabled:
            return None
        with writing(self._engine) as connection:
            _forget_failures(connection, name)
            if self._hasher.check_needs_rehash(row.password):
                changed = {"password": self._hasher.hash(_plain(password))}
                connection.execute(update(users).where(users.c.id == row.id).values(changed))
        return _user(row)

    def locked(self, name: str, now: datetime) -> bool:
        """Whether `verify` refuses this name for now, whatever the password (known to exist or not)."""
        with reading(self._engine) as connection:
            until = connection.execute(
                select(login_failures.c.locked_until).where(login_failures.c.name == digest(name))
            ).scalar_one_or_none()
        return until is not None and until > now

    def open_session(self, user: User, now: datetime, hours: float, client: str = "") -> str:
        """Begin a session of so many hours; its token, which is stored as a hash only.

        `client`: what the owner will know it again by.
        """
        token = new_token()
        row = {
            "token": digest(token),
            "user_id": user.id,
            "csrf": new_token(),
            "created": now,
            "expires": now + timedelta(hours=hours),
            "seen": now,
            "client": storable(client)[:128],
        }
        with writing(self._engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.expires <= now))
            connection.execute(sessions.insert().values(row))
        return token

    def session(self, token: str, now: datetime, *, touch: bool = False) -> Session | None:
        """The session of a token; None when unknown, over, idle for too long, or its user is disabled.

        `touch`: somebody has done something in it.
        """
        key = digest(token)
        wanted = (
            select(users, sessions.c.csrf, sessions.c.expires, sessions.c.seen)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(sessions.c.token == key, sessions.c.expires > now, users.c.disabled.is_(False))
        )
        with reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        seen: datetime | None = row.seen
        if self._idle is not None and seen is not None and seen <= now - self._idle:
            return None
        if touch and (seen is None or seen <= now - TOUCH):
            with writing(self._engine) as connection:
                connection.execute(update(sessions).where(sessions.c.token == key).values(seen=now))
        return Session(_user(row), row.csrf, row.expires, key[:SESSION_ID])

    def sessions_of(self, user: User, now: datetime) -> list[SessionInfo]:
        """The user's sessions that are not over, newest first."""
        wanted = select(sessions).where(sessions.c.user_id == user.id, sessions.c.expires > now)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(sessions.c.created.desc())).all()
        return [
            SessionInfo(row.token[:SESSION_ID], row.created, row.expires, row.seen, row.client)
            for row in rows
        ]

    def end_sessions(self, user: User, only: str = "", but: str = "") -> int:
        """End the user's sessions: one by its id, or all, or all but one; how many."""
        gone = delete(sessions).where(sessions.c.user_id == user.id)
        if only:
            gone = gone.where(sessions.c.token.startswith(only, autoescape=True))
        if but:
            gone = gone.where(~sessions.c.token.startswith(but, autoescape=True))
        with writing(self._engine) as connection:
            return connection.execute(gone).rowcount

    def close_session(self, token: str) -> None:
        """End a session; one that is over already is no error."""
        with writing(self._engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.token == digest(token)))

    def _change(self, name: str, **values: Any) -> None:
        with writing(self._engine) as connection:
            user_id = connection.execute(
                select(users.c.id).where(users.c.name == storable(name))
            ).scalar_one_or_none()
            if user_id is None:
                raise UserRefused("there is no user of that name")
            connection.execute(update(users).where(users.c.id == user_id).values(values))
            connection.execute(delete(sessions).where(sessions.c.user_id == user_id))

    def _hash(self, name: str, password: str) -> str:
        plain = _plain(password)
        if not MIN_PASSWORD <= len(plain) <= MAX_PASSWORD:
            raise UserRefused(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        if len(name) > 3 and name.casefold() in plain.casefold():
            raise UserRefused("a password does not contain the user's name")
        if len(set(plain)) < 4:
            raise UserRefused("a password has at least 4 different characters")
        return self._hasher.hash(plain)

    def _fits(self, stored: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(stored, _plain(password)[: MAX_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return False

    def forgive(self, name: str) -> None:
        """Forget failed attempts."""
        with writing(self._engine) as connection:
            _forget_failures(connection, name)

    def may_try(self, name: str, now: datetime) -> bool:
        """Count an attempt at something of that name; whether it may be made."""
        key = login_failures.c.name == digest(name)
        with writing(self._engine) as connection:
            connection.execute(delete(login_failures).where(login_failures.c.last <= now - LOCK_OUT))
            insert_new(connection, login_failures, [{"name": digest(name), "failures": 0, "last": now}])
            row = connection.execute(select(login_failures).where(key).with_for_update()).one()
            if row.locked_until is not None and row.locked_until > now:
                return False
            failures = row.failures + 1
            until = now + LOCK_OUT if failures >= MAX_FAILURES else None
            values = {"failures": failures, "last": now, "locked_until": until}
            connection.execute(update(login_failures).where(key).values(values))
        return True


def _forget_failures(connection: Connection, name: str) -> None:
    connection.execute(delete(login_failures).where(login_failures.c.name == digest(name)))


def _plain(password: str) -> str:
    """One form for what different input methods make of the same characters."""
    return storable(unicodedata.normalize("NFKC", password))


def _user(row: Row[Any]) -> User:
    return User(
        row.id,
        row.name,
        row.display,
        Role(row.role),
        row.disabled,
        row.unit,
        row.must_change,
        row.password_at,
        row.totp_sealed is not None,
    )
