"""Handling units on the command line: tokens, webhook secrets, deliveries that did not get through."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

units_app = typer.Typer(help="Handling units.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]
Days = Annotated[int, typer.Option(min=1, max=1_096, help="Valid for so many days.")]
FORMAT = "%Y-%m-%d %H:%M"


def _desk(config: Path | None) -> Any:
    from hotline.settings import load
    from hotline.unit_desk import UnitDesk

    default = Path("hotline.toml")
    return UnitDesk(load(config or (default if default.exists() else None)))


@units_app.command("token")
def units_token(
    unit: str,
    label: str = "api",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, act, attach, feed, caller; may repeat."),
    ] = None,
    days: Days = 365,
    config: ConfigOption = None,
) -> None:
    """Make an API token for a handling unit; it is shown once."""
    typer.echo(_desk(config).make_token(unit, label, tuple(scope or ("read", "act")), timedelta(days=days)))


@units_app.command("channel")
def units_channel(
    channel: Annotated[str, typer.Argument(help="web, wechat, tv, visit or 12345.")],
    label: str = "api",
    days: Days = 365,
    config: ConfigOption = None,
) -> None:
    """Make a token with which another channel files orders; it is shown once."""
    typer.echo(_desk(config).make_channel_token(channel, label, timedelta(days=days)))


@units_app.command("tokens")
def units_tokens(config: ConfigOption = None) -> None:
    """List the tokens: whose, what for, until when, last used."""
    for token in _desk(config).tokens():
        typer.echo(
            "\t".join(
                (
                    str(token.id),
                    token.unit or f"channel:{token.channel}",
                    token.label,
                    ",".join(token.scopes),
                    "revoked" if token.revoked else f"{token.expires:{FORMAT}}" if token.expires else "-",
                    f"{token.last_used:{FORMAT}}" if token.last_used else "never",
                )
            )
        )


@units_app.command("revoke")
def units_revoke(token_id: int, config: ConfigOption = None) -> None:
    """End a token at once."""
    raise typer.Exit(0 if _desk(config).revoke(token_id) else 1)


@units_app.command("secret")
def units_secret(
    unit: str,
    renew: Annotated[bool, typer.Option("--renew", help="Make a new one.")] = False,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="The old one counts so long.")] = 24,
    config: ConfigOption = None,
) -> None:
    """Print the secret that a unit's webhooks are signed with."""
    desk = _desk(config)
    overlap = timedelta(hours=overlap_hours)
    typer.echo(desk.renew_secret(unit, overlap) if renew else desk.secret(unit))


@units_app.command("dead")
def units_dead(config: ConfigOption = None) -> None:
    """List deliveries that were given up or keep failing."""
    for letter in _desk(config).letters():
        state = "dead" if letter.dead else f"next {letter.next_at:{FORMAT}}"
        typer.echo(
            "\t".join(
                (letter.delivery_id, letter.number, letter.unit, state, str(letter.attempts), letter.problem)
            )
        )


@units_app.command("resend")
def units_resend(
    deliveries: Annotated[list[str] | None, typer.Argument(help="Delivery ids.")] = None,
    unit: Annotated[str, typer.Option(help="Instead: every dead letter of this unit.")] = "",
    config: ConfigOption = None,
) -> None:
    """Send dead letters again; their ids stay, so that nobody takes an order twice."""
    count = _desk(config).resend(tuple(deliveries or ()), unit)
    typer.echo(f"{count} queued", err=True)
    raise typer.Exit(0 if count else 1)
