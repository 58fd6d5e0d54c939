"""`hotline audit`: keys, verification, signing and export of the audit chain."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

audit_app = typer.Typer(help="The audit chain: docs/audit.md.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]
SinceOption = Annotated[str, typer.Option("--from", help="First day of sealing, YYYY-MM-DD (Asia/Shanghai).")]
UntilOption = Annotated[str, typer.Option("--to", help="Last day, inclusive.")]


@audit_app.command("keygen")
def keygen(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; the public one beside it.")],
) -> None:
    """Make the key that signs the daily roots. Nothing is overwritten."""
    from hotline.audit.roots import key_name, make_key, read_public

    public = make_key(path)
    typer.echo(key_name(read_public(public)))
    typer.echo(f"set audit.key to {path}; give {public} to those who verify", err=True)


@audit_app.command("verify")
def verify(
    since: SinceOption = "",
    until: UntilOption = "",
    roots: Annotated[
        Path | None, typer.Option(help="Folder of signed roots kept elsewhere; default: the database's own.")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="Checks the roots' signatures.")] = None,
    recordings: Annotated[bool, typer.Option(help="Also read and hash every recording.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Compare the chain with everything it has sealed; names what is broken. Exit code 1 if anything is."""
    from hotline.commands_audit import Question, described, verify_chain

    question = Question(_day(since), _day(until), roots, public_key, recordings)
    report = verify_chain(_settings(config), question)
    if as_json:
        typer.echo(json.dumps(described(report), ensure_ascii=False, indent=2))
    else:
        for line in described(report)["lines"]:
            typer.echo(line)
    raise typer.Exit(0 if report.sound else 1)


@audit_app.command("sign")
def sign(config: ConfigOption = None) -> None:
    """Sign the chain's head as it is now, besides the daily roots; prints the signed root."""
    from hotline.commands_audit import sign_head

    typer.echo(sign_head(_settings(config)))


@audit_app.command("export")
def export(
    to_file: Annotated[Path | None, typer.Argument(help="Where to write; default: stdout.")] = None,
    since: SinceOption = "",
    until: UntilOption = "",
    config: ConfigOption = None,
) -> None:
    """Write the chain as JSON lines, the audit log's content with it."""
    from hotline.commands_audit import export_chain

    settings = _settings(config)
    if to_file is None:
        export_chain(settings, sys.stdout.buffer, (_day(since), _day(until)))
        return
    with to_file.open("wb") as out:
        count = export_chain(settings, out, (_day(since), _day(until)))
    typer.echo(f"{count} entries written to {to_file}", err=True)


def _settings(config: Path | None) -> Any:
    from hotline.cli import read_settings

    return read_settings(config)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter("days are written YYYY-MM-DD") from error
