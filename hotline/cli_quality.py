"""`hotline quality`: checks a day's sample by drawing it again."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

quality_app = typer.Typer(help="Quality inspection: docs/supervisors.md.", no_args_is_help=True)


@quality_app.callback()
def group() -> None:
    """Quality inspection: docs/supervisors.md."""


@quality_app.command("redraw")
def redraw(
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD (Asia/Shanghai).")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
    ] = None,
) -> None:
    """Draw a day's sample again with the seed and the calls that were kept. Exit code 1 unless the same
    calls come out.

    Prints the calls that come out by chance, one a line. Which calls the rules named is taken from the
    sample: marks and flags were those of the moment of the draw.
    """
    from hotline.quality_commands import drawn_again
    from hotline.settings import load

    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise typer.BadParameter("days are written YYYY-MM-DD") from error
    default = Path("hotline.toml")
    found = drawn_again(load(config or (default if default.exists() else None)), wanted)
    for call in found.calls:
        typer.echo(call)
    for line in found.said:
        typer.echo(line, err=True)
    raise typer.Exit(0 if found.same else 1)
