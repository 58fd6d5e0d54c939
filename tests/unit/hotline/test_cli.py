"""The command line: every command explains itself, and every error has its exit code and no traceback."""

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from asr.errors import AsrError, ModelUnavailable
from hotline import __version__, cli
from hotline.errors import CallAborted, ConfigError, HotlineError, StoreError
from hotline.gateway.sip.client import CallRefused
from workorders.errors import WorkOrderError

pytestmark = pytest.mark.unit


def commands() -> Iterator[tuple[str, ...]]:
    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, (*path, name))

    yield from walk(typer.main.get_command(cli.app), ())


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_version() -> None:
    assert CliRunner().invoke(cli.app, ["version"]).output == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["call"],
        ["serve", "--no-such-option"],
        ["users", "add", "someone", "--password-file", "no/such/file"],
        ["stats", "export", "a.csv", "--from", "yesterday", "--to", "2026-01-01"],
        ["stats", "export", "a.csv", "--from", "2026-01-01", "--to", "2026-01-01", "--raw"],
    ],
)
def test_wrong_usage_is_two(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 2


ERRORS = [
    (ConfigError(["sip.port: is taken"]), 3),
    (ModelUnavailable("weights"), 4),
    (CallRefused(486, "Busy Here"), 5),
    (CallAborted("no answer"), 5),
    (StoreError("away"), 6),
    (HotlineError("any"), 1),
    (AsrError("any"), 1),
    (WorkOrderError("any"), 1),
]


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_our_errors_are_told_in_a_line_however_task_groups_wrap_them(
    error: Exception,
    code: int,
    depth: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(depth):
        error = ExceptionGroup("unhandled errors in a TaskGroup", [error])

    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "TaskGroup" not in err


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        ExceptionGroup("", [RuntimeError("a bug")]),
        ExceptionGroup("", [ConfigError(["a"]), RuntimeError("a bug")]),
    ],
)
def test_a_bug_is_not_hidden(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(type(error)):
        cli.main()


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 130


@pytest.mark.parametrize("code", [None, 0, 1])
def test_a_coroutines_answer_is_the_exit_code(code: int | None) -> None:
    async def work() -> int | None:
        return code

    with pytest.raises(typer.Exit) as left:
        cli.run(work())
    assert left.value.exit_code == (code or 0)
