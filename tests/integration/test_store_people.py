"""Users, sessions, unit tokens and the audit log on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hotline.store.audit import AuditStore
from hotline.store.engine import make_engine
from hotline.store.tokens import PREFIX, TokenRefused, UnitTokens
from hotline.store.upgrade import upgrade
from hotline.store.users import LOCK_OUT, MAX_FAILURES, Role, UserRefused, UserStore
from hotline.store.webhook_keys import OVERLAP, WebhookKeys

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
GOOD = "correct horse battery"
BAD = "incorrect horse battery"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'people.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def users(engine: Engine) -> UserStore:
    return UserStore(engine)


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        tables = ("users", "sessions", "unit_tokens", "webhook_keys", "login_failures")
        return str([connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables])


def test_there_is_nobody_until_somebody_is_added(users: UserStore) -> None:
    assert users.all() == []
    assert users.get("admin") is None
    assert users.verify("admin", "admin", NOW) is None


def test_a_user_signs_in_with_the_right_password_only(users: UserStore) -> None:
    added = users.add("wang", GOOD, Role.AGENT, NOW, display="王")
    assert users.get("wang") == added
    assert users.verify("wang", GOOD, NOW) == added
    assert users.verify("wang", BAD, NOW) is None
    assert users.verify("Wang", GOOD, NOW) is None
    assert (added.display, added.role, added.disabled) == ("王", Role.AGENT, False)


def test_passwords_and_tokens_are_nowhere_in_the_tables(users: UserStore, engine: Engine) -> None:
    user = users.add("wang", GOOD, Role.AGENT, NOW)
    users.verify(GOOD, GOOD, NOW)  # typed into the wrong field
    session = users.open_session(user, NOW, 8)
    unit = UnitTokens(engine).create("510100-legal-aid", NOW)
    kept = everything(engine)
    assert "$argon2id$" in kept
    for secret in (GOOD, session, unit):
        assert secret not in kept


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", GOOD),
        (" wang", GOOD),
        ("wa\nng", GOOD),
        ("w" * 65, GOOD),
        ("wang", "short"),
        ("wang", "x" * 300),
        ("wang", "my wang 12348"),
        ("wang", "abababababababab"),
    ],
)
def test_refuses_bad_names_and_weak_passwords(users: UserStore, name: str, password: str) -> None:
    with pytest.raises(UserRefused) as refused:
        users.add(name, password, Role.AGENT, NOW)
    assert password not in str(refused.value)
    assert users.all() == []


def test_refuses_a_name_that_is_taken(users: UserStore) -> None:
    users.add("wang", GOOD, Role.AGENT, NOW)
    with pytest.raises(UserRefused):
        users.add("wang", BAD, Role.ADMIN, NOW)
    assert users.verify("wang", BAD, NOW) is None


def test_the_same_characters_of_another_input_method_are_the_same_password(users: UserStore) -> None:
    users.add("wang", "abcdefg12345", Role.AGENT, NOW)
    assert users.verify("wang", "ａｂｃｄｅｆｇ12345", NOW) is not None


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_five_failures_lock_a_name_whether_or_not_it_exists(users: UserStore, name: str) -> None:
    users.add("wang", GOOD, Role.AGENT, NOW)
    for _ in range(MAX_FAILURES):
        assert not users.locked(name, NOW)
        assert users.verify(name, BAD, NOW) is None
    assert users.locked(name, NOW)
    assert users.verify(name, GOOD, NOW + LOCK_OUT - timedelta(seconds=1)) is None
    assert not users.locked(name, NOW + LOCK_OUT)
    assert (users.verify(name, GOOD, NOW + LOCK_OUT) is not None) == (name == "wang")


def test_success_forgets_the_failures_before(users: UserStore) -> None:
    users.add("wang", GOOD, Role.AGENT, NOW)
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            users.verify("wang", BAD, NOW)
        assert users.verify("wang", GOOD, NOW) is not None


def test_attempts_made_at_once_are_all_counted(users: UserStore) -> None:
    users.add("wang", GOOD, Role.AGENT, NOW)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: users.verify("wang", BAD, NOW), range(8)))
    assert users.locked("wang", NOW)


@pytest.mark.parametrize("name", ["\x00", "\ud800", "x" * 100_000, "' OR 1=1 --"])
def test_hostile_names_are_just_wrong(users: UserStore, name: str) -> None:
    assert users.verify(name, name, NOW) is None
    assert users.get(name) is None
    assert not users.locked(name, NOW)


def test_a_session_lasts_its_hours(users: UserStore) -> None:
    user = users.add("wang", GOOD, Role.SUPERVISOR, NOW)
    token = users.open_session(user, NOW, 2)
    session = users.session(token, NOW + timedelta(hours=2, seconds=-1))
    assert session is not None
    assert (session.user, session.expires) == (user, NOW + timedelta(hours=2))
    assert len(session.csrf) >= 32
    assert session.csrf != token
    assert users.session(token, NOW + timedelta(hours=2)) is None
    assert users.session("guess", NOW) is None


def test_sessions_end_with_signing_out_a_new_password_or_shutting_out(users: UserStore) -> None:
    user = users.add("wang", GOOD, Role.AGENT, NOW)
    first, second = users.open_session(user, NOW, 8), users.open_session(user, NOW, 8)
    users.close_session(first)
    users.close_session(first)
    assert users.session(first, NOW) is None
    assert users.session(second, NOW) is not None
    users.set_password("wang", BAD)
    assert users.session(second, NOW) is None
    third = users.open_session(user, NOW, 8)
    users.disable("wang")
    assert users.session(third, NOW) is None
    assert users.verify("wang", BAD, NOW) is None
    users.enable("wang")
    assert users.verify("wang", BAD, NOW) is not None
    assert users.session(third, NOW) is None


def test_changing_nobody_is_refused(users: UserStore) -> None:
    for change in (users.disable, users.enable, lambda name: users.set_password(name, GOOD)):
        with pytest.raises(UserRefused):
            change("nobody")


def test_unit_tokens_speak_for_their_unit_until_revoked(engine: Engine) -> None:
    tokens = UnitTokens(engine)
    first, second = tokens.create("unit-a", NOW, "server room"), tokens.create("unit-b", NOW)
    assert first.startswith(PREFIX)

    def unit_of(token: str) -> str | None:
        holder = tokens.holder(token, NOW)
        return holder.unit if holder is not None else None

    assert (unit_of(first), unit_of(second)) == ("unit-a", "unit-b")
    assert unit_of("") is None
    assert unit_of(first + "x") is None
    kept = tokens.all()[0]
    assert (kept.unit, kept.label, kept.created, kept.revoked) == ("unit-a", "server room", NOW, None)
    assert tokens.revoke(kept.id, NOW)
    assert not tokens.revoke(kept.id, NOW)
    assert unit_of(first) is None
    assert unit_of(second) == "unit-b"


def test_a_token_has_scopes_and_an_end_and_shows_its_last_use(engine: Engine) -> None:
    tokens, end = UnitTokens(engine), NOW + timedelta(days=1)
    token = tokens.create("unit-a", NOW, scopes=("feed", "read"), expires=end)
    assert tokens.all()[0].last_used is None
    holder = tokens.holder(token, NOW)
    assert holder is not None
    assert (holder.scopes, holder.channel, holder.expires) == (("read", "feed"), "", end)
    assert tokens.all()[0].last_used == NOW
    tokens.holder(token, NOW + timedelta(seconds=30))
    assert tokens.all()[0].last_used == NOW
    assert tokens.holder(token, end - timedelta(seconds=1)) is not None
    assert tokens.all()[0].last_used == end - timedelta(seconds=1)
    assert tokens.holder(token, end) is None
    channel = tokens.holder(tokens.create_for_channel("wechat", NOW), NOW)
    assert channel is not None
    assert (channel.unit, channel.channel, channel.scopes) == ("", "wechat", ("file",))
    for wrong in (("file",), (), ("read", "write")):
        with pytest.raises(TokenRefused):
            tokens.create("unit-a", NOW, scopes=wrong)
    with pytest.raises(TokenRefused):
        tokens.create("unit-a", NOW, expires=NOW)
    with pytest.raises(TokenRefused):
        tokens.create_for_channel("fax", NOW)


def test_webhook_secrets_differ_by_unit_and_overlap_when_renewed(engine: Engine) -> None:
    keys = WebhookKeys(engine, b"0123456789abcdef")
    first = keys.current("a", NOW)
    assert keys.secrets("a", NOW) == (first.encode(),)
    assert keys.current("b", NOW) != first
    assert WebhookKeys(engine, b"another master").current("a", NOW) != first
    second = keys.renew("a", NOW)
    assert keys.secrets("a", NOW) == (second.encode(), first.encode())
    assert keys.secrets("a", NOW + OVERLAP) == (second.encode(),)
    third = keys.renew("a", NOW, timedelta(0))
    assert keys.secrets("a", NOW) == (third.encode(),)
    assert first not in everything(engine)


def test_the_audit_log_lists_newest_first(engine: Engine) -> None:
    log = AuditStore(engine)
    for number in range(5):
        log.record("wang", "call.view", f"call-{number % 2}", NOW + timedelta(seconds=number), "why")
    entries = log.entries(limit=2)
    assert [entry.at.second for entry in entries] == [4, 3]
    assert [entry.at.second for entry in log.entries(before=entries[-1].id)] == [2, 1, 0]
    assert [entry.at.second for entry in log.entries(subject="call-1")] == [3, 1]
    first = log.entries()[-1]
    assert (first.who, first.action, first.subject, first.detail) == ("wang", "call.view", "call-0", "why")


def test_a_units_person_belongs_to_a_unit_and_nobody_else_does(users: UserStore) -> None:
    added = users.add("chengban", GOOD, Role.UNIT, NOW, unit="legal_aid-510104")
    assert users.get("chengban") == added
    assert added.unit == "legal_aid-510104"
    token = users.open_session(added, NOW, 1)
    session = users.session(token, NOW)
    assert session is not None
    assert session.user == added
    with pytest.raises(UserRefused):
        users.add("zhang", GOOD, Role.UNIT, NOW)
    with pytest.raises(UserRefused):
        users.add("zhang", GOOD, Role.AGENT, NOW, unit="legal_aid-510104")
