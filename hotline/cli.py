"""The command line: parse arguments, call one function, print. stdout is data, stderr is talk.

Exit codes: 0 done, 1 something checked is not right, 2 wrong usage, 3 configuration, 4 weights missing or not
to be had, 5 the far end refused the call, 6 the database, 130 interrupted.
"""

import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from hotline import __version__
from hotline.cli_agents import agents_app
from hotline.cli_audit import audit_app
from hotline.cli_keys import keys_app
from hotline.cli_models import models_app
from hotline.cli_orders import calendar_app, exchange_app
from hotline.cli_quality import quality_app
from hotline.cli_stats import stats_app
from hotline.cli_units import units_app

app = typer.Typer(
    name="hotline",
    help="The 12348 voice hotline: SIP call in, transcript and dispatched work order out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
flows_app = typer.Typer(help="Caller flows.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
config_app = typer.Typer(help="Settings.", no_args_is_help=True)
users_app = typer.Typer(help="People who may sign in.", no_args_is_help=True)
for name, group in (
    ("flows", flows_app),
    ("models", models_app),
    ("db", db_app),
    ("stats", stats_app),
    ("quality", quality_app),
    ("config", config_app),
    ("users", users_app),
    ("units", units_app),
    ("agents", agents_app),
    ("calendar", calendar_app),
    ("exchange", exchange_app),
    ("audit", audit_app),
    ("keys", keys_app),
):
    app.add_typer(group, name=name)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]


def talk(text: str) -> None:
    """Say something to the person at the terminal."""
    typer.echo(text, err=True)


def run(main: Coroutine[Any, Any, int | None]) -> None:
    """Run the event loop (uvloop where there is one) and leave with the coroutine's exit code."""
    import anyio

    async def whole() -> int | None:
        return await main

    uvloop = sys.platform != "win32"
    code = anyio.run(whole, backend="asyncio", backend_options={"use_uvloop": uvloop})
    raise typer.Exit(code or 0)


def read_settings(config: Path | None) -> Any:
    """The settings in force."""
    from hotline.settings import load

    default = Path("hotline.toml")
    return load(config or (default if default.exists() else None))


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Answer calls until interrupted."""
    from hotline.commands import serve_line

    run(serve_line(read_settings(config), talk))


@app.command()
def demo(
    config: ConfigOption = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the line running afterwards.")] = False,
    screenshot: Annotated[Path | None, typer.Option(help="Photograph the page during the call.")] = None,
) -> None:
    """Start a line on loopback and place one real call to it."""
    from hotline.demo import run_demo

    run(run_demo(read_settings(config), keep=keep, screenshot=screenshot))


@app.command()
def call(
    file: Annotated[Path, typer.Argument(help="What the caller says: any WAV or FLAC file.")],
    to: Annotated[str, typer.Option("--to", help="Whom to call.")] = "sip:12348@127.0.0.1",
    keys: Annotated[str, typer.Option(help="Keys to press after speaking.")] = "",
    caller: Annotated[str, typer.Option(help="Number to show as the caller's.")] = "13800000000",
    transport: Annotated[str, typer.Option(help="udp, tcp or tls.")] = "udp",
    heard: Annotated[Path | None, typer.Option(help="Write what the caller heard to this WAV file.")] = None,
    srtp: Annotated[bool, typer.Option(help="Protect the sound (SDES-SRTP).")] = False,
    ca: Annotated[Path | None, typer.Option(help="Who may sign the far end's certificate (PEM).")] = None,
) -> None:
    """Place a test call: listen until spoken to, play FILE, stay until the line hangs up."""
    from hotline.caller import CallPlan, read_audio
    from hotline.commands import place_test_call

    pcm = read_audio(file)
    plan = CallPlan(to, pcm, keys, caller, transport, heard=heard, srtp=srtp, ca=ca)
    run(place_test_call(plan, talk))


@app.command()
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.")],
    reference: Annotated[Path | None, typer.Option(help="TSV of file name and text: prints the CER.")] = None,
    forms: Annotated[
        list[str] | None, typer.Option("--format", "-f", help="json, srt, vtt, txt, docx; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder, or a file for one.")] = None,
    speakers: Annotated[int, typer.Option(min=0, max=20, help="Voices in mono files; 0: find out.")] = 1,
    diarizer: Annotated[
        str, typer.Option(help="auto, packaged or pyannote; default: the settings'.", show_default=False)
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="Also what has been transcribed already.")] = False,
    config: ConfigOption = None,
) -> None:
    """Who says what in FILES: JSON lines on stdout, or documents in --output."""
    from hotline.commands import transcribe_files
    from hotline.transcribing import Wishes, checked

    wishes = Wishes(checked(forms or (), output), output, speakers, again, diarizer)
    run(transcribe_files(read_settings(config), files, reference, wishes, talk))


@app.command()
def doctor(config: ConfigOption = None) -> None:
    """Say what is missing on this machine and how to mend it."""
    from hotline.doctor import examine

    failed = False
    for finding in examine(config):
        mark = "ok  " if finding.ok else "FAIL"
        typer.echo(f"{mark}  {finding.what}: {finding.found}")
        if not finding.ok and finding.mend:
            typer.echo(f"      {finding.mend}")
        failed = failed or not finding.ok
    raise typer.Exit(1 if failed else 0)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@flows_app.command("check")
def flows_check(config: ConfigOption = None) -> None:
    """Prove the caller flows sound; prints every problem."""
    from hotline.acd.policy import acd_problems
    from hotline.ivr.check import check_flows
    from hotline.stats.quality_rules import quality_problems
    from hotline.store.retention_rules import retention_problems

    flows = read_settings(config).flows
    problems = check_flows(flows) + acd_problems(flows) + retention_problems(flows)
    problems += quality_problems(flows)
    for problem in problems:
        typer.echo(problem)
    talk("flows are sound" if not problems else f"{len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


@flows_app.command("schema")
def flows_schema() -> None:
    """Print the JSON Schema of a flow file."""
    from hotline.ivr.flow import json_schema

    typer.echo(json_schema(), nl=False)


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this version's tables."""
    from hotline.commands import open_store

    def tell(done: int, total: int) -> None:
        typer.echo(f"\r{done:,} of {total:,} orders", err=True, nl=done == total)

    open_store(read_settings(config), tell)
    talk("database is up to date")


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Print the settings in force, secrets masked."""
    settings = read_settings(config)
    typer.echo(json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2))


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help="agent, supervisor, auditor, admin or unit.")] = "agent",
    unit: Annotated[str, typer.Option(help="Role unit: code of the handling unit.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="Read the password from this file.", exists=True, dir_okay=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Add a person, or set a new password for one, whose role and unit stay; audited."""
    from hotline.commands import add_user

    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").strip()
    else:
        ask = "Password (12 characters or more)"
        password = typer.prompt(ask, hide_input=True, confirmation_prompt=True, err=True)
    held = add_user(read_settings(config), name, role, password, unit)
    talk(f"{name} may sign in as {held.value}")


@users_app.command("reset-code")
def users_reset_code(name: str, config: ConfigOption = None) -> None:
    """Take away the second factor of somebody who has lost it, and end the sessions; audited."""
    from hotline.commands import reset_code

    reset_code(read_settings(config), name)
    talk(f"{name} signs in without a second factor, or sets up another")


EXIT_CODES = {
    "hotline.config": 3,
    "asr.model_unavailable": 4,
    "asr.diarizer_unavailable": 4,
    "hotline.call_refused": 5,
    "hotline.call_aborted": 5,
    "hotline.store": 6,
}
"""Exit code by error code; any other error of ours is 1."""


def main() -> None:
    """Entry point: every expected error becomes a clear line and its exit code."""
    from asr.errors import AsrError
    from hotline.errors import HotlineError
    from workorders.errors import WorkOrderError

    ours = (HotlineError, AsrError, WorkOrderError)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except ours as error:
        fail(error)
    except BaseExceptionGroup as group:
        expected, rest = group.split(ours)
        if expected is None or rest is not None:
            raise  # something nobody expected is among them: show all of it
        fail(first(expected))


def fail(error: Any) -> None:
    """Say what went wrong and leave with the error's exit code."""
    talk(f"error: {error}")
    sys.exit(EXIT_CODES.get(error.code, 1))


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first single error of a group: task groups wrap what is raised inside them, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
