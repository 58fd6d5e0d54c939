"""`hotline keys`: the key that opens secrets in the database."""

from pathlib import Path
from typing import Annotated

import typer

keys_app = typer.Typer(
    help="The key that opens secrets in the database: docs/privacy.md.", no_args_is_help=True
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]


@keys_app.command("rotate")
def rotate(config: ConfigOption = None) -> None:
    """Seal every second factor anew under a new key, and forget the old one. The line may be in service."""
    from hotline.cli import read_settings
    from hotline.secrets_key import rotate_key

    for line in rotate_key(read_settings(config)):
        typer.echo(line)


@keys_app.command("check")
def check(config: ConfigOption = None) -> None:
    """Say what is wrong with the key file, and whose second factor it does not open. Exit code 1 then."""
    from hotline.cli import read_settings
    from hotline.secrets_key import problems
    from hotline.wiring import open_database

    settings = read_settings(config)
    found = list(problems(settings, open_database(settings)))
    for line in found or ["every second factor can be opened"]:
        typer.echo(line)
    raise typer.Exit(1 if found else 0)
