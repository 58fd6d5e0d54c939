"""The commands of `hotline stats`: exports, reports, definitions, counting anew."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

stats_app = typer.Typer(help="Statistics and exports.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]


@stats_app.command("export")
def stats_export(
    to_file: Annotated[Path, typer.Argument(help="Where to write: .csv, .xlsx or .parquet.")],
    since: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (Asia/Shanghai).")],
    until: Annotated[str, typer.Option("--to", help="Last day.")],
    what: Annotated[str, typer.Option(help="calls or orders.")] = "calls",
    by: Annotated[
        str, typer.Option(help="A report instead: day, month, agent, place, matter, … (docs/statistics.md).")
    ] = "",
    kpi: Annotated[list[str] | None, typer.Option(help="Figure of the report; may repeat.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME=CODE", help="Narrow the report; may repeat.")
    ] = None,
    compare: Annotated[list[str] | None, typer.Option(help="previous or year; may repeat.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Do not mask. Needs --reason; audited.")] = False,
    reason: Annotated[str, typer.Option(help="Why unmasked data is needed.")] = "",
    config: ConfigOption = None,
) -> None:
    """Export calls, orders or a report, by the file's ending."""
    from hotline.stats_commands import Wanted, export

    if raw and not reason:
        raise typer.BadParameter("unmasked export needs --reason")
    wanted = Wanted(
        to_file, _days(since, until), what, by, tuple(kpi or ()), tuple(only or ()), tuple(compare or ())
    )
    rows = export(_settings(config), wanted, reason if raw else None)
    typer.echo(f"{rows} rows written to {to_file}", err=True)


@stats_app.command("rebuild")
def stats_rebuild(config: ConfigOption = None) -> None:
    """Compute the tables of statistics anew from calls, orders and the log; harmless at any time."""
    from hotline.stats_commands import rebuild

    typer.echo(f"{rebuild(_settings(config))} calls and orders counted", err=True)


@stats_app.command("kpis")
def stats_kpis(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print what every figure means, as docs/kpi.md has it."""
    from hotline.stats_commands import definitions

    sys.stdout.write(definitions(as_json=as_json))


def _days(since: str, until: str) -> tuple[date, date]:
    try:
        return date.fromisoformat(since), date.fromisoformat(until)
    except ValueError as error:
        raise typer.BadParameter("days are written YYYY-MM-DD") from error


def _settings(config: Path | None) -> Any:
    from hotline.settings import load

    default = Path("hotline.toml")
    return load(config or (default if default.exists() else None))
