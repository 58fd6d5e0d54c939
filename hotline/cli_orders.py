"""Orders on the command line: a year's official calendar, tokens of other lines and systems."""

from pathlib import Path
from typing import Annotated, Any

import typer

calendar_app = typer.Typer(help="Working days.", no_args_is_help=True)
exchange_app = typer.Typer(help="Other lines and authorities' systems.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]


def _desk(config: Path | None) -> Any:
    from hotline.order_desk import OrderDesk
    from hotline.settings import load

    default = Path("hotline.toml")
    return OrderDesk(load(config or (default if default.exists() else None)))


@calendar_app.command("import")
def calendar_import(
    file: Annotated[Path, typer.Argument(help="calendar-YYYY.tsv, as in ivr_flows.", exists=True)],
    config: ConfigOption = None,
) -> None:
    """Put a year's calendar in force and count deadlines again; each that moves is written to its order."""
    year, moved = _desk(config).import_calendar(file)
    typer.echo(f"{year.year}\t{year.status}\t{moved} deadlines moved")
    typer.echo("a line that runs takes the calendar over at its next start", err=True)


@calendar_app.command("list")
def calendar_list(config: ConfigOption = None) -> None:
    """The years there are: official or provisional, from a file or imported."""
    for year, status, whence in _desk(config).calendars():
        typer.echo(f"{year}\t{status}\t{whence}")


@exchange_app.command("token")
def exchange_token(
    system: Annotated[str, typer.Argument(help="A system of ivr_flows/exchange.yaml, e.g. 12345.")],
    label: str = "api",
    config: ConfigOption = None,
) -> None:
    """Make a token for a system; it is shown once."""
    typer.echo(_desk(config).make_token(system, label))


@exchange_app.command("tokens")
def exchange_tokens(config: ConfigOption = None) -> None:
    """List the tokens: id, system, label, made, revoked."""
    for each in _desk(config).tokens():
        ended = f"{each.revoked:%Y-%m-%d}" if each.revoked else "-"
        typer.echo(f"{each.id}\t{each.system}\t{each.label}\t{each.created:%Y-%m-%d}\t{ended}")


@exchange_app.command("revoke")
def exchange_revoke(token: int, config: ConfigOption = None) -> None:
    """End a token by its id."""
    if not _desk(config).revoke(token):
        typer.echo("no such token in force", err=True)
        raise typer.Exit(1)
