"""Settings: order of precedence, and every problem at once."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.settings import load

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hotline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_file_loads_and_shows_every_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = load(ROOT / "hotline.example.toml")
    assert example == load()


def test_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "[sip]\nport = 5070\nrealm = 'file'\n")
    monkeypatch.setenv("HOTLINE__SIP__PORT", "5080")
    settings = load(path)
    assert (settings.sip.port, settings.sip.realm, settings.sip.host) == (5080, "file", "127.0.0.1")


def test_all_problems_are_told_at_once_with_their_names(tmp_path: Path) -> None:
    path = write(tmp_path, "[sip]\nport = 99999\ncolour = 'red'\n[limits]\ncalls = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    names = [problem.split(":")[0] for problem in caught.value.problems]
    assert sorted(names) == ["limits.calls", "sip.colour", "sip.port"]
    assert all(str(path) in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[dispatch]\nwebhook_secret = 'changeme-changeme-changeme'\n", "dispatch.webhook_secret"),
        ("[web]\nhost = '0.0.0.0'\n", "web.secure_cookies"),
        ("[media]\nport_min = 30000\nport_max = 20000\n", "media.port_max"),
        ("[limits]\ncalls = 4000\n", "media.port_min..port_max"),
        ("[sip]\nallow = ['not-a-network']\n", "sip.allow"),
    ],
)
def test_unsafe_or_contradictory_settings_stop_the_start(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert caught.value.problems[0].startswith(name)


def test_an_absent_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(Path("nowhere.toml"))


@given(st.binary(max_size=200))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_does_more_than_be_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.toml"
    path.write_bytes(content)
    try:
        load(path)
    except ConfigError as error:
        assert error.problems
