"""Texts → a folder of synthetic speech with its manifest; goes on where it was stopped."""

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.audio import SAMPLE_RATE
from asr.errors import VoiceFailed
from asr.finetune.rules import ALL
from asr.finetune.synthesis import HAN, Guise, Kind, Synthesizer
from asr.finetune.tables import BadPronunciation

COLUMNS = ("id", "file", "transcript", "kind", "seconds")
LONGEST_TEXT, SHORTEST_TEXT = 32, 4
"""Characters of one clip: longer texts are cut, shorter ones left out."""
SHARES: dict[Kind, float] = {"sichuan": 0.72, "accented": 0.12, "mandarin": 0.16}


@dataclass(frozen=True, slots=True)
class Line:
    """A clip to be made."""

    id: str
    text: str
    kind: Kind
    seed: int


def lines(
    texts: Sequence[str], standard: Sequence[str], seed: int, *, sichuan_only: bool = False
) -> Iterator[Line]:
    """An endless plan, the same for the same seed: dialect `texts` in Sichuan, `standard` ones in Mandarin.

    Raises `VoiceFailed` when there is nothing that can be said.
    """
    texts = [part for text in texts for part in pieces(text, seed)]
    standard = [part for text in standard for part in pieces(text, seed)] or texts
    if not texts:
        raise VoiceFailed("no text that can be spoken")
    draw, number = random.Random(seed), 0  # noqa: S311 -- a plan, not a secret
    kinds = ("sichuan",) if sichuan_only else tuple(SHARES)
    while True:
        order = draw.sample(range(len(texts)), len(texts))
        for place in order:
            kind: Kind = draw.choices(kinds, [SHARES[each] for each in kinds])[0]
            text = texts[place] if kind == "sichuan" or draw.random() < 0.3 else draw.choice(standard)
            yield Line(f"s{seed}-{number:06d}", text, kind, seed * 1_000_003 + number)
            number += 1


def pieces(text: str, seed: int) -> list[str]:
    """Cut a text where it pauses, or anywhere, into pieces of some seconds."""
    draw, found = random.Random(f"{seed} {text}"), []  # noqa: S311
    for part in HAN.split(text):
        rest = part
        while len(rest) > LONGEST_TEXT:
            at = draw.randint(8, LONGEST_TEXT - 4)
            found.append(rest[:at])
            rest = rest[at:]
        found.append(rest)
    joined: list[str] = []
    for part in found:
        if joined and len(joined[-1]) + len(part) <= LONGEST_TEXT and draw.random() < 0.6:
            joined[-1] += "\uff0c" + part
        else:
            joined.append(part)
    return [part for part in joined if len(HAN.sub("", part)) >= SHORTEST_TEXT]


def render_corpus(
    voice: Path,
    folder: Path,
    plan: Iterator[Line],
    hours: float,
    step: Callable[[float], None],
    *,
    rules: bool = True,
    connected: frozenset[str] = ALL,
) -> int:
    """Render until the folder holds so many hours; `step` gets each clip's seconds. Returns clips made now.

    The manifest gets a line only when its file is whole, so that a stopped run goes on behind the last line.
    Raises `VoiceFailed` when the voice is absent, `OSError` when the disk is full.
    """
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.tsv"
    known = done_seconds(manifest)
    synthesizer, total, made = Synthesizer(voice), sum(known.values()), 0
    if not known:
        manifest.write_text("\t".join(COLUMNS) + "\n", encoding="utf-8")
    for line in plan:
        if total >= hours * 3600:
            break
        if line.id in known:
            continue
        try:
            guise = Guise.drawn(line.kind, line.seed, rules=rules, connected=connected)
            audio = synthesizer.render(line.text, guise)
        except (VoiceFailed, BadPronunciation):
            continue  # a character without a sound in it: there are other texts
        name = f"{line.id}.flac"
        soundfile.write(folder / name, audio, SAMPLE_RATE)
        seconds = len(audio) / SAMPLE_RATE
        with manifest.open("a", encoding="utf-8") as file:
            file.write(f"{line.id}\t{name}\t{line.text}\t{line.kind}\t{seconds:.2f}\n")
        total, made = total + seconds, made + 1
        step(seconds)
    return made


def done_seconds(manifest: Path) -> dict[str, float]:
    """Seconds of each clip that is in the manifest already, by id."""
    if not manifest.exists():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["id"]: float(row["seconds"]) for row in rows if row.get("seconds")}
