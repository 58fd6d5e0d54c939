"""Second factors on both kinds of database: sealed from the migration on, moved nowhere, rotated, lost."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from hotline.errors import StoreError
from hotline.secrets_key import look_after, problems
from hotline.settings import Settings, load
from hotline.store import upgrade as upgrading
from hotline.store.engine import make_engine, reading, writing
from hotline.store.second_factor import SecondFactor, code_at, new_secret, rotate, step_of, unopened
from hotline.store.secret_box import SecretBox, SecretsUnavailable
from hotline.store.upgrade import upgrade
from hotline.store.users import Role, User, UserStore

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
PASSWORD = "correct-horse-9"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    file = f"sqlite:///{tmp_path / 'line.sqlite3'}"
    url = file if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = load()
    return made.model_copy(
        update={
            "store": made.store.model_copy(update={"url": url, "key": tmp_path / "etc" / "secrets.key"}),
            "paths": made.paths.model_copy(update={"data": tmp_path / "var"}),
        }
    )


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = make_engine(settings.database_url)
    yield made
    made.dispose()


@pytest.fixture
def box(settings: Settings) -> SecretBox:
    return SecretBox(settings.secrets_key)


def person(engine: Engine, name: str) -> User:
    users = UserStore(engine)
    users.add(name, PASSWORD, Role.SUPERVISOR, NOW)
    found = users.get(name)
    assert found is not None
    return found


def enrolled(engine: Engine, box: SecretBox, name: str) -> tuple[User, str, list[str]]:
    user, secret = person(engine, name), new_secret()
    codes = SecondFactor(engine, UserStore(engine), box).set_up(
        user, secret, code_at(secret, step_of(NOW)), NOW
    )
    assert codes is not None
    return user, secret, codes


def dump(engine: Engine) -> str:
    """Everything in the table of people."""
    with reading(engine) as connection:
        return str(connection.execute(text("SELECT * FROM users")).all())


def test_what_stood_in_the_clear_is_sealed_by_the_migration_and_is_in_no_file_any_more(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    secret = new_secret()
    with writing(engine) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0015")
        connection.execute(
            text(
                "INSERT INTO users (id, name, display, role, password, created, disabled, totp) "
                "VALUES (5, 'old', 'Old', 'supervisor', 'x', '2026-01-01 00:00:00', :no, :secret)"
            ),
            {"no": False, "secret": secret},
        )
    with pytest.raises(StoreError, match="hotline db upgrade"):
        upgrade(engine)
    upgrade(engine, settings.secrets_key)
    box = SecretBox(settings.secrets_key)
    with reading(engine) as connection:
        columns = connection.execute(text("SELECT * FROM users")).mappings().one()
    assert "totp" not in columns
    assert box.open(columns["totp_sealed"], "users", "totp_sealed", 5) == secret
    user = UserStore(engine).get("old")
    assert user is not None
    assert user.second_factor
    assert SecondFactor(engine, UserStore(engine), box).verify(user, code_at(secret, step_of(NOW)), NOW)
    if engine.dialect.name == "sqlite":
        engine.dispose()
        for file in tmp_path.glob("line.sqlite3*"):
            assert secret.encode() not in file.read_bytes(), file.name


def test_a_secret_is_not_in_the_database_and_opens_for_its_owner_alone(
    engine: Engine, box: SecretBox
) -> None:
    upgrade(engine)
    first, secret, _codes = enrolled(engine, box, "first")
    second, _other, _more = enrolled(engine, box, "second")
    assert secret not in dump(engine)
    with writing(engine) as connection:
        stolen = "UPDATE users SET totp_sealed = (SELECT totp_sealed FROM users WHERE id = :a) WHERE id = :b"
        connection.execute(text(stolen), {"a": first.id, "b": second.id})
    factor, later = SecondFactor(engine, UserStore(engine), box), NOW.replace(minute=1)
    code = code_at(secret, step_of(later))
    with pytest.raises(SecretsUnavailable, match="belongs elsewhere"):
        factor.verify(second, code, later)
    assert factor.verify(first, code, later)


def test_rotation_keeps_every_second_factor_and_forgets_the_old_key(engine: Engine, box: SecretBox) -> None:
    upgrade(engine)
    user, secret, _codes = enrolled(engine, box, "first")
    before, old = dump(engine), box.names()
    assert rotate(engine, box) == 1
    assert len(box.names()) == 1
    assert box.names() != old
    assert dump(engine) != before
    later = NOW.replace(minute=1)
    factor = SecondFactor(engine, UserStore(engine), box)
    assert factor.verify(user, code_at(secret, step_of(later)), later)


def test_a_rotation_killed_in_the_middle_leaves_everything_open(engine: Engine, box: SecretBox) -> None:
    upgrade(engine)
    user, secret, _codes = enrolled(engine, box, "first")
    box.renew()  # what a rotation does first; the process ends here
    later = NOW.replace(minute=1)
    assert SecondFactor(engine, UserStore(engine), box).verify(user, code_at(secret, step_of(later)), later)
    assert rotate(engine, box) == 1
    assert len(box.names()) == 1


def test_a_lost_key_is_named_with_what_to_do_and_recovery_codes_still_work(
    engine: Engine, box: SecretBox, settings: Settings
) -> None:
    upgrade(engine)
    user, secret, codes = enrolled(engine, box, "first")
    box.path.rename(box.path.with_name("copy"))
    said: list[str] = []
    look_after(settings, engine, said.append)
    assert any("hotline users reset-code for first" in line for line in said), said
    assert secret not in "".join(said)
    factor, later = SecondFactor(engine, UserStore(engine), box), NOW.replace(minute=1)
    with pytest.raises(SecretsUnavailable, match="is not in it"):
        factor.verify(user, code_at(secret, step_of(later)), later)
    assert factor.verify(user, codes[0], later)
    rotate(engine, box)
    assert unopened(engine, box) == ["first"]
    box.path.with_name("copy").replace(box.path)
    assert list(problems(settings, engine)) == []
    assert factor.verify(user, code_at(secret, step_of(later)), later)


def test_the_command_rotates_and_checks(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    upgrade(engine)
    box = SecretBox(settings.secrets_key)
    user, secret, _codes = enrolled(engine, box, "first")
    file = tmp_path / "hotline.toml"
    file.write_text(
        f'[store]\nurl = "{settings.store.url}"\nkey = "{box.path}"\n[paths]\ndata = "{tmp_path / "var"}"\n'
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "hotline", *arguments, "--config", str(file)]
        return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)

    assert "1 second factors are sealed under a new key" in run("keys", "rotate").stdout
    checked = run("keys", "check")
    assert (checked.returncode, checked.stdout) == (0, "every second factor can be opened\n")
    box.path.chmod(0o644)
    checked = run("keys", "check")
    assert checked.returncode == 1
    assert "chmod 600" in checked.stdout
    assert "chmod 600" in run("doctor").stdout
    box.path.chmod(0o600)
    later = NOW.replace(minute=1)
    assert SecondFactor(engine, UserStore(engine), box).verify(user, code_at(secret, step_of(later)), later)
