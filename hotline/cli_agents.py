"""The commands of `hotline agents`: the roster, and the log of queue and agents."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

agents_app = typer.Typer(help="People who answer calls.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]
FormatOption = Annotated[str, typer.Option("--format", "-f", help="table, csv or json.")]


@agents_app.command("list")
def agents_list(form: FormatOption = "table", config: ConfigOption = None) -> None:
    """Print the roster; as CSV it can be imported again."""
    from hotline.roster import Roster

    roster = Roster(_settings(config))
    profiles = roster.store.all()
    match form:
        case "csv":
            typer.echo(roster.csv(profiles), nl=False)
        case "json":
            typer.echo(json.dumps(roster.rows(profiles), ensure_ascii=False, indent=2))
        case "table":
            for line in roster.table(profiles):
                typer.echo(line)
        case _:
            raise typer.BadParameter("must be table, csv or json", param_hint="--format")


@agents_app.command("set")
def agents_set(
    name: Annotated[str, typer.Argument(help="The user name that the agent signs in with.")],
    display: Annotated[str | None, typer.Option(help="What colleagues read.")] = None,
    skills: Annotated[str | None, typer.Option(help="Codes or labels of acd.yaml, by comma.")] = None,
    phone: Annotated[str | None, typer.Option(help="User of the desk phone; '' for none.")] = None,
    phone_only: Annotated[
        bool | None,
        typer.Option(
            "--phone-only/--with-page", help="On duty by itself while the desk phone is registered."
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Lawyer's licence number; '' for none.")] = None,
    licence_until: Annotated[str | None, typer.Option(help="Its last day, YYYY-MM-DD.")] = None,
    shifts: Annotated[
        str | None, typer.Option(help="Duty hours: 'mon-fri 09:00-17:30; sat 9:00-12:00'.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Put an agent on the roster or change what is on record. A running line takes it over within seconds."""
    from hotline.roster import Roster

    said = {
        "display": display,
        "skills": skills,
        "phone": phone,
        "licence": licence,
        "licence_until": licence_until,
        "shifts": shifts,
    }
    changes = {column: text for column, text in said.items() if text is not None}
    Roster(_settings(config)).change(name, changes, phone_only)
    _talk(f"{name} is on the roster")


@agents_app.command("remove")
def agents_remove(name: str, config: ConfigOption = None) -> None:
    """Take an agent off the roster; what the agent did stays on record."""
    from hotline.roster import Roster

    if not Roster(_settings(config)).remove(name):
        _talk(f"{name} is not on the roster")
        raise typer.Exit(1)
    _talk(f"{name} is off the roster")


@agents_app.command("import")
def agents_import(
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8 or GB 18030.", exists=True, dir_okay=False)],
    instead: Annotated[bool, typer.Option("--replace", help="Forget everyone whom the file lacks.")] = False,
    config: ConfigOption = None,
) -> None:
    """Take over a roster, all of it or nothing; every problem is named with its line and column."""
    from hotline.roster import Roster

    count = Roster(_settings(config)).take(file.read_bytes(), file.name, instead=instead)
    _talk(f"{count} agents imported")


@agents_app.command("log")
def agents_log(
    since: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (Asia/Shanghai).")],
    until: Annotated[str, typer.Option("--to", help="Last day.")],
    form: Annotated[str, typer.Option("--format", "-f", help="csv, xlsx, jsonl or queue_log.")] = "csv",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Export every state change of queued calls and agents, exact to the millisecond."""
    from hotline.roster import export_log

    try:
        days = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError as error:
        raise typer.BadParameter("days are written YYYY-MM-DD") from error
    settings = _settings(config)
    if output is None:
        rows = export_log(settings, sys.stdout.buffer, form, days)
        sys.stdout.buffer.flush()
    else:
        with output.open("wb") as stream:
            rows = export_log(settings, stream, form, days)
    _talk(f"{rows} lines written")


def _settings(config: Path | None) -> Any:
    from hotline.cli import read_settings

    return read_settings(config)


def _talk(text: str) -> None:
    typer.echo(text, err=True)
