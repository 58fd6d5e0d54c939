"""The commands of `hotline models`: fetching weights, measuring them, training them."""

from pathlib import Path
from typing import Annotated, Any

import typer

models_app = typer.Typer(help="Speech weights.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: hotline.toml.", envvar="HOTLINE_CONFIG"),
]


@models_app.command("list")
def models_list(config: ConfigOption = None) -> None:
    """List the catalogue and what is there."""
    from hotline.commands import list_models

    for line in list_models(_settings(config)):
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
    fetch_models(_settings(config), tuple(names or ()), for_tests=for_tests, trust=trust, source=source)


@models_app.command("verify")
def models_verify(config: ConfigOption = None) -> None:
    """Hash everything fetched and compare with the catalogue."""
    from hotline.commands import verify_models

    problems = verify_models(_settings(config))
    for problem in problems:
        typer.echo(problem)
    raise typer.Exit(1 if problems else 0)


@models_app.command("evaluate")
def models_evaluate(
    source: Annotated[Path, typer.Argument(help="TSV with id, file and transcript, or a corpus's folder.")],
    model: Annotated[
        str, typer.Option(help="Entry of the catalogue, or an engine.")
    ] = "whisper-base-sichuan",
    peer: Annotated[
        list[str] | None, typer.Option(help="Another, measured on the same clips; may repeat.")
    ] = None,
    split: Annotated[str, typer.Option(help="Only clips of this split, or part of the corpus.")] = "",
    loss: Annotated[float, typer.Option(min=0, max=0.5, help="Also with this share of packets lost.")] = 0.0,
    noise: Annotated[
        float | None, typer.Option(min=-10, max=60, help="Also with line noise, so many dB below speech.")
    ] = None,
    readings: Annotated[
        int, typer.Option(min=1, max=20, help="Read each clip so often, ever so little changed.")
    ] = 1,
    delays: Annotated[int, typer.Option(min=0, help="Measure delays on so many clips.")] = 25,
    most: Annotated[int, typer.Option(min=0, help="Take so many clips, evenly; 0: all.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (SVG) here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """CER by character, cost and delays on named clips, at 16 kHz and behind a telephone line."""
    from hotline.measuring import Measurement, measure, told

    names = tuple(dict.fromkeys((model, *(peer or ()))))
    wanted = Measurement(source, split, names, loss, noise, readings, delays, most)
    typer.echo(told(measure(_settings(config), wanted), plot, json=as_json))


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
    without: Annotated[
        str,
        typer.Option(
            help="Rules of connected speech to leave out: erhua,unwritten,doubling,raised,particles,pairs."
        ),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Make Sichuan training speech from text with the offline voice; goes on where it was stopped."""
    from hotline.training import SynthesisPlan, synthesize

    left_out = tuple(each.strip() for each in without.split(",") if each.strip())
    plan = SynthesisPlan(output, hours, texts, standard, seed, rules, left_out)
    synthesize(_settings(config), plan, _talk)


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
    finetune(_settings(config), plan, _talk)


def _settings(config: Path | None) -> Any:
    from hotline.cli import read_settings

    return read_settings(config)


def _talk(text: str) -> None:
    """Say something to the person at the terminal."""
    typer.echo(text, err=True)
