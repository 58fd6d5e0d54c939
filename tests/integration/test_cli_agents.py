"""`hotline agents` from end to end on a database of its own: import, change, list, log."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from hotline import cli
from hotline.acd.model import AcdLog, LogKind
from hotline.errors import ConfigError
from hotline.store.acd_log import AcdLogStore
from hotline.store.engine import make_engine, reading
from hotline.store.roster import RosterRefused
from hotline.store.tables import audit

pytestmark = pytest.mark.integration

ROSTER = "用户名,姓名,技能,话机,值班\nli,李律师,劳动争议与欠薪,8001,周一至周五 09:00-17:30\nwu,吴律师,,,\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8-sig")
    return tmp_path


def agents(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["agents", *words])


def on_record() -> list[tuple[str, str, str]]:
    with reading(make_engine("sqlite:///var/hotline.sqlite3")) as connection:
        rows = connection.execute(select(audit.c.who, audit.c.action, audit.c.subject).order_by(audit.c.id))
        return [(row.who, row.action, row.subject) for row in rows]


def listed() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(agents("list", "-f", "json").stdout)
    return rows


def test_a_roster_is_imported_changed_and_written_again(here: Path) -> None:
    assert agents("import", "roster.csv").exit_code == 0
    assert agents("set", "wu", "--skills", "彝语", "--phone", "8002", "--phone-only").exit_code == 0
    assert agents("set", "li", "--display", "李").exit_code == 0
    li, wu = listed()
    assert (li["display"], li["skills"], li["phone"], li["phone_only"]) == (
        "李",
        "劳动争议与欠薪",
        "8001",
        "否",
    )
    assert (wu["display"], wu["skills"], wu["phone_only"]) == ("吴律师", "彝语", "是")
    (here / "again.csv").write_text(agents("list", "-f", "csv").stdout, encoding="utf-8")
    assert agents("remove", "li").exit_code == 0
    assert agents("remove", "li").exit_code == 1
    assert agents("import", "again.csv", "--replace").exit_code == 0
    assert listed() == [li, wu]
    assert agents("set", "wu", "--with-page").exit_code == 0
    assert listed()[1]["phone_only"] == "否"
    assert "李" in agents("list").stdout
    assert agents("list", "-f", "pdf").exit_code == 2
    assert [f"{who} {did} {what}" for who, did, what in on_record()] == [
        "cli roster.import roster.csv", "cli roster.set wu", "cli roster.set li", "cli roster.remove li",
        "cli roster.remove li", "cli roster.import again.csv", "cli roster.set wu",
    ]  # fmt: skip


def test_who_is_added_at_the_terminal_is_on_record_and_keeps_the_role(here: Path) -> None:
    for secret in ("a-good-password-1", "another-password-2"):
        (here / "secret").write_text(secret)
        role = "supervisor" if secret.startswith("a-good") else "admin"
        words = ["users", "add", "wang", "--role", role, "--password-file", "secret"]
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == 0
        assert "wang may sign in as supervisor" in done.output
    assert on_record() == [("cli", "user.add", "wang"), ("cli", "user.password", "wang")]
    assert not any("password-" in str(row) for row in on_record())


def test_a_wrong_roster_changes_nothing_and_says_where(here: Path) -> None:
    assert agents("import", "roster.csv").exit_code == 0
    (here / "bad.csv").write_text("用户名,技能\nnew,\nli,飞行\n", encoding="utf-8")
    result = agents("import", "bad.csv", "--replace")
    assert isinstance(result.exception, ConfigError)
    assert list(result.exception.problems) == ["bad.csv:3: 技能: no such skill: 飞行"]
    assert isinstance(agents("set", "wu", "--phone", "8001").exception, RosterRefused)
    assert [row["name"] for row in listed()] == ["li", "wu"]


def test_the_log_is_exported_by_the_days_of_chengdu(here: Path) -> None:
    agents("list")
    engine = make_engine(f"sqlite:///{here / 'var' / 'hotline.sqlite3'}")
    at = datetime(2026, 3, 1, 16, 0, 0, 1_000, tzinfo=UTC)  # one millisecond of the 2nd in Chengdu
    AcdLogStore(engine).add([AcdLog(at, LogKind.PAUSE, None, "li", "", {"reason": "rest"})])
    engine.dispose()
    days = ("--from", "2026-03-02", "--to", "2026-03-02")
    assert "2026-03-01T16:00:00.001Z,PAUSE,,,li" in agents("log", *days).stdout
    assert agents("log", "--from", "2026-03-01", "--to", "2026-03-01", "-f", "jsonl").stdout == ""
    assert agents("log", *days, "-f", "queue_log", "-o", "log.txt").exit_code == 0
    assert (here / "log.txt").read_text() == "1772380800|NONE|NONE|li|PAUSE|reason=rest\n"
    assert isinstance(agents("log", *days, "-f", "pdf").exception, ConfigError)
    assert agents("log", "--from", "today", "--to", "2026-03-01").exit_code == 2
