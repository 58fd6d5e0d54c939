"""Fit what an engine's probabilities mean: the share of characters that are right, on clips with text.

    python scripts/fit_confidence.py ../shared/data/speech/manifest.tsv --split dev --check control [--write]

Each character that was recognised is right when the alignment with the reference (longest common blocks
first) pairs it with itself. Shown: the expected calibration error before and after, on the clips it was
fitted on and on others.
"""

import argparse
import tomllib
from difflib import SequenceMatcher
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.channel import through_alaw
from asr.clips import load_clips
from asr.confidence import TABLE, Platt, calibration_error, fit
from asr.detectors import SileroDetectors
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.evaluate import fold
from asr.files import endpointing, read_blocks, utterances
from asr.settings import VAD
from hotline.settings import Settings

Verdicts = tuple[list[float], list[bool]]


def judged(engine: WhisperEngine, settings: Settings, manifest: Path, split: str) -> Verdicts:
    """Every recognised character's probability, and whether it is right; at 16 kHz and behind A-law."""
    detectors, rules = SileroDetectors(settings.models / VAD), endpointing(settings.asr)
    chances: list[float] = []
    right: list[bool] = []
    for clip in track(load_clips(manifest, split), split, console=Console(stderr=True)):
        clean = b"".join(read_blocks(clip.file))
        for pcm in (clean, through_alaw(clean)):
            found = [
                (fold(word.text), word.confidence or 0.0)
                for segment in utterances(clip.id, [pcm], detectors, rules)
                for word in engine.transcribe([segment])[0].words
            ]
            found = [(text, chance) for text, chance in found if len(text) == 1]
            said = "".join(text for text, _ in found)
            same = [False] * len(said)
            for block in SequenceMatcher(
                None, said, fold(clip.reference), autojunk=False
            ).get_matching_blocks():
                same[block.a : block.a + block.size] = [True] * block.size
            chances += [chance for _, chance in found]
            right += same
    return chances, right


def main() -> None:
    """Read, fit, show, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", default="dev", help="fitted on")
    parser.add_argument("--check", default="control", help="only looked at")
    parser.add_argument("--model", default="", help="entry of models/manifest.toml; default: the line's")
    parser.add_argument("--write", action="store_true", help=f"into {TABLE.name}")
    asked = parser.parse_args()
    settings = Settings()
    options = WhisperOptions(**({"model": asked.model} if asked.model else {}))
    engine = WhisperEngine(options, settings.models / options.model, 1, calibrate=Platt())
    groups = {split: judged(engine, settings, asked.manifest, split) for split in (asked.split, asked.check)}
    chances, right = groups[asked.split]
    found = fit(chances, right)
    table = Table("clips", "characters", "right", "error before", "error after")
    for split, (chances, right) in groups.items():
        before = calibration_error(chances, right)
        after = calibration_error([found(each) for each in chances], right)
        table.add_row(
            split, str(len(right)), f"{sum(right) / len(right):.1%}", f"{before:.3f}", f"{after:.3f}"
        )
    Console().print(table, f"{options.model}: slope {found.slope:.3f}, offset {found.offset:.3f}")
    if asked.write:
        write(options.model, found)


def write(model: str, found: Platt) -> None:
    """Put the numbers into the table, whose first lines are comments."""
    text = TABLE.read_text(encoding="utf-8")
    rows = tomllib.loads(text) | {model: {"slope": round(found.slope, 3), "offset": round(found.offset, 3)}}
    comments = [line for line in text.splitlines() if line.startswith("#")]
    lines = [
        f'["{name}"]\nslope = {row["slope"]}\noffset = {row["offset"]}\n'
        for name, row in sorted(rows.items())
    ]
    TABLE.write_text("\n".join([*comments, "", *lines]), encoding="utf-8")


if __name__ == "__main__":
    main()
