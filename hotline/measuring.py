"""What `hotline models evaluate` does: engines by name, clips by manifest or corpus → figures."""

from dataclasses import dataclass
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from asr.catalog import Catalog
from asr.clips import load_clips
from asr.detectors import SileroDetectors
from asr.lines import PLAIN, Line
from asr.registry import EngineOptions, engine_names, read_options
from asr.scoreboard import as_json, as_svg, as_table
from asr.settings import VAD, AsrSettings
from asr.trial import Contestant, Results, Rules, hold_trial
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.wiring import manifest_path


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is asked for."""

    source: Path
    """A manifest, or the folder of a corpus."""
    split: str = ""
    models: tuple[str, ...] = ()
    """Entries of the catalogue, or engines that need none."""
    loss: float = 0.0
    noise_db: float | None = None
    turns: int = 1
    delayed: int = 0
    most: int = 0
    """Clips taken, spread evenly over all; 0: all."""

    def lines(self) -> tuple[Line, ...]:
        """What lies between voice and recogniser."""
        if not self.loss and self.noise_db is None:
            return PLAIN
        return (*PLAIN, Line(telephone=True, loss=self.loss, noise_db=self.noise_db))


def measure(settings: Settings, wanted: Measurement) -> Results:
    """Raises `ConfigError`, `ModelUnavailable`, `EngineFailed`, `BadManifest` or `UnreadableAudio`."""
    catalog = Catalog.load(manifest_path(), settings.models)
    contestants = [contestant(settings, catalog, name) for name in wanted.models]
    clips = load_clips(wanted.source, wanted.split)
    if 0 < wanted.most < len(clips):
        clips = [clips[number * len(clips) // wanted.most] for number in range(wanted.most)]
    detectors = SileroDetectors(catalog.path(VAD))
    rules = Rules(wanted.lines(), wanted.turns, wanted.delayed)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        delays = min(len(clips), rules.delayed) * len(contestants)
        bar = bars.add_task("measuring", total=len(clips) * len(rules.lines) * rules.turns + delays)
        return anyio.run(
            hold_trial, contestants, clips, detectors, settings.asr, rules, lambda: bars.advance(bar)
        )


def contestant(settings: Settings, catalog: Catalog, name: str) -> Contestant:
    """The engine of a name: an entry of the catalogue, or an engine; the settings' options go for their own.

    Raises `ConfigError`, `ModelUnavailable`.
    """
    mine = settings.asr.engine
    if name in engine_names():
        options = mine if mine.engine == name else read_options({"engine": name})
    elif (engine := catalog.entry(name).engine) == mine.engine:
        options = mine.model_copy(update={"model": name})
    else:
        options = _options(engine, name)
    weights = options.weights()
    return Contestant(name, options, Path() if weights is None else catalog.path(weights))


def _options(engine: str, model: str) -> EngineOptions:
    try:
        return AsrSettings.model_validate({"engine": {"engine": engine, "model": model}}).engine
    except ValueError as error:
        raise ConfigError([f"--model: {model} does not recognise speech"]) from error


def told(results: Results, plot: Path | None, *, json: bool) -> str:
    """The figures as text; the picture goes into a file. Raises `OSError`."""
    if plot is not None:
        plot.write_text(as_svg(results), encoding="utf-8")
    return as_json(results) if json else as_table(results)
