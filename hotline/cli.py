"""The command line: parse arguments, call one function, print. stdout is data, stderr is talk.

Exit codes: 0 done, 1 something checked is not right, 2 wrong usage, 3 configuration, 4 weights missing or not
to be had, 5 the far end refused the call, 6 the database, 130 interrupted.
"""

import json
import sys
from collections.abc import Coroutine
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from hotline import __version__
from hotline.cli_agents import agents_app

app = typer.Typer(
    name="hotline",
    help="The 12348 voice hotline: SIP call in, transcript and dispatched work order out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
flows_app = typer.Typer(help="Caller flows.", no_args_is_help=True)
models_app = typer.Typer(help="Speech weights.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
stats_app = typer.Typer(help="Statistics and exports.", no_args_is_help=True)
config_app = typer.Typer(help="Settings.", no_args_is_help=True)
users_app = typer.Typer(help="People who may sign in.", no_args_is_help=True)
units_app = typer.Typer(help="Handling units.", no_args_is_help=True)
for name, group in (
    ("flows", flows_app),
    ("models", models_app),
    ("db", db_app),
    ("stats", stats_app),
    ("config", config_app),
    ("users", users_app),
    ("units", units_app),
    ("agents", agents_app),
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
    again: Annotated[bool, typer.Option("--again", help="Also what has been transcribed already.")] = False,
    config: ConfigOption = None,
) -> None:
    """Who says what in FILES: JSON lines on stdout, or documents in --output."""
    from hotline.commands import transcribe_files
    from hotline.transcribing import Wishes, checked

    wishes = Wishes(checked(forms or (), output), output, speakers, again)
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

    flows = read_settings(config).flows
    problems = check_flows(flows) + acd_problems(flows)
    for problem in problems:
        typer.echo(problem)
    talk("flows are sound" if not problems else f"{len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


@flows_app.command("schema")
def flows_schema() -> None:
    """Print the JSON Schema of a flow file."""
    from hotline.ivr.flow import json_schema

    typer.echo(json_schema(), nl=False)


@models_app.command("list")
def models_list(config: ConfigOption = None) -> None:
    """List the catalogue and what is there."""
    from hotline.commands import list_models

    for line in list_models(read_settings(config)):
        typer.echo(line)


@models_app.command("fetch")
def models_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Entries; default: what the line needs.")] = None,
    for_tests: Annotated[bool, typer.Option("--for-tests", help="Also what only the tests need.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="Take the files from this folder instead.")
    ] = None,
    sha256: Annotated[
        list[str] | None, typer.Option(metavar="FILE=HEX", help="A hash that the catalogue lacks.")
    ] = None,
    first_use: Annotated[
        bool,
        typer.Option("--trust-on-first-use", help="Take files without a hash, and hold them to it after."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Fetch weights by name, from their source, and verify them by hash."""
    from hotline.commands import fetch_models, trust_of

    trust = trust_of(sha256 or (), first_use=first_use)
    fetch_models(read_settings(config), tuple(names or ()), for_tests=for_tests, trust=trust, source=source)


@models_app.command("verify")
def models_verify(config: ConfigOption = None) -> None:
    """Hash everything fetched and compare with the catalogue."""
    from hotline.commands import verify_models

    problems = verify_models(read_settings(config))
    for problem in problems:
        typer.echo(problem)
    raise typer.Exit(1 if problems else 0)


@models_app.command("evaluate")
def models_evaluate(
    manifest: Annotated[Path, typer.Argument(help="TSV with id, file and transcript.")],
    name: Annotated[str, typer.Option("--model", help="Entry of the catalogue.")] = "whisper-base-sichuan",
    split: Annotated[str, typer.Option(help="Only clips of this split.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """CER by character on named clips, at 16 kHz and through an 8 kHz A-law channel."""
    from hotline.commands import evaluate_model

    typer.echo(evaluate_model(read_settings(config), name, manifest, split, as_json=as_json))


@models_app.command("synthesize")
def models_synthesize(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for clips and manifest.tsv.")],
    texts: Annotated[
        Path | None, typer.Argument(help="Dialect sentences, one a line; default: the hotline's own grammar.")
    ] = None,
    hours: Annotated[float, typer.Option(help="Speech that the folder is to hold.")] = 1.0,
    standard: Annotated[
        Path | None, typer.Option(help="Sentences in standard wording, for the Mandarin share.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    rules: Annotated[bool, typer.Option(help="Sichuan phonology.")] = True,
    config: ConfigOption = None,
) -> None:
    """Make Sichuan training speech from text with the offline voice; goes on where it was stopped."""
    from hotline.training import SynthesisPlan, synthesize

    plan = SynthesisPlan(output, hours, texts, standard, seed, rules)
    synthesize(read_settings(config), plan, talk)


@models_app.command("finetune")
def models_finetune(
    manifests: Annotated[list[str], typer.Argument(help="Clips to learn from: FILE or FILE=WEIGHT.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoint and weights.")],
    base: Annotated[str, typer.Option(help="Whisper entry of the catalogue to begin with.")] = "whisper-base",
    steps: Annotated[int, typer.Option(min=1)] = 1_500,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 3e-5,
    batch_seconds: Annotated[float, typer.Option(min=1, help="Audio of a batch.")] = 64.0,
    lora_rank: Annotated[int, typer.Option(min=0, help="0: train every weight.")] = 0,
    share: Annotated[
        list[float] | None, typer.Option(help="How far to go from the base to what was learnt; may repeat.")
    ] = None,
    watch: Annotated[list[Path] | None, typer.Option(help="Clips to tell the loss on; may repeat.")] = None,
    config: ConfigOption = None,
) -> None:
    """Fine-tune Whisper and write it as a patch; the same command goes on after an interruption."""
    from hotline.training import FinetunePlan, finetune, weighted

    shares, watched = tuple(share or (1.0,)), tuple(watch or ())
    plan = FinetunePlan(
        weighted(manifests), output, base, steps, rate, batch_seconds, lora_rank, shares, watched
    )
    finetune(read_settings(config), plan, talk)


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this version's tables."""
    from hotline.commands import open_store

    open_store(read_settings(config))
    talk("database is up to date")


@stats_app.command("export")
def stats_export(
    to_file: Annotated[Path, typer.Argument(help="Where to write.")],
    since: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (Asia/Shanghai).")],
    until: Annotated[str, typer.Option("--to", help="Last day.")],
    what: Annotated[str, typer.Option(help="calls or orders.")] = "calls",
    by: Annotated[str, typer.Option(help="A summary instead: day, category, department or outcome.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Do not mask. Needs --reason; audited.")] = False,
    reason: Annotated[str, typer.Option(help="Why unmasked data is needed.")] = "",
    config: ConfigOption = None,
) -> None:
    """Export calls, orders or a summary as CSV or XLSX, by the file's ending."""
    from hotline.commands import export

    if raw and not reason:
        raise typer.BadParameter("unmasked export needs --reason")
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError as error:
        raise typer.BadParameter("days are written YYYY-MM-DD") from error
    rows = export(read_settings(config), to_file, by or what, (first, last), reason if raw else None)
    talk(f"{rows} rows written to {to_file}")


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Print the settings in force, secrets masked."""
    settings = read_settings(config)
    typer.echo(json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2))


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help="agent, supervisor, auditor, …")] = "agent",
    password_file: Annotated[
        Path | None, typer.Option(help="Read the password from this file.", exists=True, dir_okay=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Add a person, or set a new password for one."""
    from hotline.commands import add_user

    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").strip()
    else:
        ask = "Password (12 characters or more)"
        password = typer.prompt(ask, hide_input=True, confirmation_prompt=True, err=True)
    add_user(read_settings(config), name, role, password)
    talk(f"{name} may sign in as {role}")


@units_app.command("token")
def units_token(unit: str, label: str = "api", config: ConfigOption = None) -> None:
    """Make an API token for a handling unit; it is shown once."""
    from hotline.commands import make_unit_token

    typer.echo(make_unit_token(read_settings(config), unit, label))


EXIT_CODES = {
    "hotline.config": 3,
    "asr.model_unavailable": 4,
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
