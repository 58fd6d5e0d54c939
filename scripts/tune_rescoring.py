"""How much the language model and hot words should weigh when one of the beam's readings is chosen.

Every utterance is read once; then each pair of weights chooses, and the character error rates are shown. The
clips are a manifest as for `hotline models evaluate`; weights chosen on clips are not to be reported on them.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.channel import through_alaw
from asr.clips import Clip, load_clips
from asr.detectors import SileroDetectors
from asr.evaluate import errors
from asr.files import endpointing, read_blocks, utterances
from asr.lm.ngram import packaged
from asr.repair import repairs
from asr.rescoring import Candidate, Rescorer, Weights
from asr.settings import VAD
from hotline.settings import Settings

LANGUAGE = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
HOT = (0.0, 0.1, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip behind one channel, with the readings of its utterances."""

    split: str
    condition: str
    reference: str
    utterances: tuple[tuple[Candidate, ...], ...]


def main() -> None:
    """Read, choose, show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", action="append", default=[])
    asked = parser.parse_args()
    settings = Settings()
    from asr.engines.whisper_batch import WhisperEngine, WhisperOptions

    options = settings.asr.engine
    if not isinstance(options, WhisperOptions):
        raise SystemExit("the configured engine gives one reading only")
    engine = WhisperEngine(options, settings.models / options.model, 1)
    detectors = SileroDetectors(settings.models / VAD)
    rules = endpointing(settings.asr)
    heard: list[Heard] = []
    clips = [(split, clip) for split in asked.split or [""] for clip in load_clips(asked.manifest, split)]
    for split, clip in track(clips, "reading", console=Console(stderr=True)):
        heard += list(both(engine, detectors, rules, split, clip))
    table = Table("language", "hot", *(f"{s} {c}" for s, c in groups(heard)))
    for language in LANGUAGE:
        for hot in HOT:
            rescorer = Rescorer(Weights(language, hot), packaged(), tuple(repairs().group))
            rates = [rate(rescorer, heard, *group) for group in groups(heard)]
            table.add_row(f"{language}", f"{hot}", *(f"{value:.1f}" for value in rates))
    Console().print(table)


def both(engine, detectors, rules, split: str, clip: Clip):  # type: ignore[no-untyped-def]
    """The clip as it is, and behind a telephone."""
    clean = b"".join(read_blocks(clip.file))
    for condition, pcm in (("16k", clean), ("A-law", through_alaw(clean))):
        found = tuple(engine.readings([each])[0] for each in utterances(clip.id, [pcm], detectors, rules))
        yield Heard(split, condition, clip.reference, found)


def groups(heard: list[Heard]) -> list[tuple[str, str]]:
    """Columns of the table."""
    return list(dict.fromkeys((each.split, each.condition) for each in heard))


def rate(rescorer: Rescorer, heard: list[Heard], split: str, condition: str) -> float:
    """Character error rate in percent."""
    wrong = length = 0
    for each in heard:
        if (each.split, each.condition) == (split, condition):
            text = "".join(row[rescorer.best(row)].text for row in each.utterances)
            off, size = errors(each.reference, text)
            wrong, length = wrong + off, length + size
    return 100 * wrong / max(1, length)


if __name__ == "__main__":
    main()
