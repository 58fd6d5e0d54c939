"""Error rates at other shares of the shipped patch: how far to go from the base to what training learnt.

    python scripts/score_shares.py ../shared/data/speech/manifest.tsv --split dev --readings 4 [--share 0.5 …]

The patch's file holds 0.3 of the way, and the catalogue says how often it is added; here it is added other
times, and all of them read the same clips in one run.
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from rich.console import Console
from rich.progress import Progress

from asr.clips import load_clips
from asr.detectors import SileroDetectors
from asr.engines.whisper_batch import WhisperOptions
from asr.lines import PLAIN
from asr.patch import apply_patch
from asr.scoreboard import as_json, as_table
from asr.settings import VAD
from asr.trial import Contestant, Rules, hold_trial
from hotline.settings import Settings

PATCH = Path(__file__).parents[1] / "models" / "whisper-base-sichuan.npz"
PATCHED = 0.3
"""Share of the training that stands in the file."""
WEIGHTS = "model.bin"


def weights(models: Path, share: float, folder: Path) -> Contestant:
    """The model at a share, in a folder."""
    base = models / "whisper-base"
    folder.mkdir()
    for path in base.iterdir():
        if path.name != WEIGHTS:
            shutil.copyfile(path, folder / path.name)
    made = apply_patch((base / WEIGHTS).read_bytes(), PATCH.read_bytes(), share / PATCHED)
    (folder / WEIGHTS).write_bytes(made)
    return Contestant(f"share {share:g}", WhisperOptions(), folder)


def main() -> None:
    """Make the weights, read, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--share", type=float, action="append", default=[])
    parser.add_argument("--readings", type=int, default=4)
    parser.add_argument("--json", type=Path, help="every reading, into this file")
    asked = parser.parse_args()
    settings = Settings()
    clips = load_clips(asked.manifest, asked.split)
    shares = asked.share or [0.0, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0]
    with TemporaryDirectory(prefix="shares-") as name, Progress(console=Console(stderr=True)) as bars:
        contestants = [weights(settings.models, each, Path(name) / f"{each:g}") for each in shares]
        bar = bars.add_task("reading", total=len(clips) * len(PLAIN) * asked.readings)
        found = anyio.run(
            hold_trial,
            contestants,
            clips,
            SileroDetectors(settings.models / VAD),
            settings.asr,
            Rules(PLAIN, asked.readings),
            lambda: bars.advance(bar),
        )
    print(as_table(found))
    if asked.json:
        asked.json.write_text(as_json(found), encoding="utf-8")


if __name__ == "__main__":
    main()
