#!/usr/bin/env python3
"""How far the rules of pronunciation agree with what others wrote down of Chengdu; no sound is made.

    python scripts/score_phonology.py --text ../shared/data/text [--without erhua,doubling] [--wrong 20]

Three sources: DiaMoE-TTS's table of characters (each as a word of its own), its table of syllables (the
suffix's rimes), and a digitised dictionary of Chengdu (AlienKevin/sichuanhua), whose spelling tells a
syllable with the suffix from one beside it and, behind an arrow, the tones of connected speech. Words that
dialect/raised.tsv took from that dictionary are left out.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from asr.finetune.connected import connect
from asr.finetune.phonology import Accent, Speaker, Syllable, parse
from asr.finetune.rhotic import SUFFIX, rhotic
from asr.finetune.rules import chosen
from asr.finetune.synthesis import HAN, readings
from asr.finetune.tables import BadPronunciation, marked

ACCENT = Accent(literary=0.0)
SEED: Final = 0
SPELT = re.compile("[a-z\u00fc_]+[1-4]")
ARROW = "\u2192"
ROUND = "\u028a"
MEDIALS = {"j": "i", "w": "u", ROUND: "u", "\u0265": "v"}


@dataclass
class Tally:
    """Syllables that agree, of so many."""

    words: int = 0
    counted: int = 0
    """Words with as many syllables as the source has."""
    syllables: int = 0
    tones: int = 0
    segments: int = 0
    wrong: list[str] = field(default_factory=list)


def spelt(text: str, *, dictionary: bool) -> Syllable:
    """A syllable in a source's spelling, in ours. Raises `BadPronunciation`."""
    body, tone = text[:-1].replace("\u00fc", "v").replace("_", ""), text[-1]
    suffix = len(body) > 2 and body.endswith("r")
    body = body.removesuffix("r") if suffix else body
    if dictionary:  # n for what may be said n or l, gn for the palatal
        body = "l" + body[1:] if re.match("n(?!g)", body) else body
        body = body.replace("gn", "n", 1) if body.startswith("gn") else body
    body = re.sub("^([jqx]|y)uo$", lambda found: found[1] + ("o" if found[1] == "y" else "io"), body)
    body = re.sub("^rz", "r", body)
    syllable = parse(body + tone)
    return rhotic(syllable) if suffix else syllable


def alike(syllable: Syllable) -> tuple[str, str]:
    """Initial and final, without what the sources leave open: n or l, one spelling for one sound."""
    initial, final = syllable.initial, syllable.final
    initial = {"zh": "z", "ch": "c", "sh": "s"}.get(initial, initial)
    if initial == "n" and final[0] not in "iv":
        initial = "l"
    return initial, {"vo": "io"}.get(final, final)


def said(word: str, rules: frozenset[str]) -> list[Syllable]:
    """Our syllables."""
    plain = Speaker(ACCENT, SEED).say(word, readings(word, sandhi=False))
    return [each.syllable for each in connect(word, plain, ACCENT, SEED, rules)]


def add(tally: Tally, word: str, ours: list[Syllable], theirs: list[Syllable]) -> None:
    """Count a word; one with another number of syllables agrees in none."""
    tally.words += 1
    tally.syllables += len(theirs)
    if len(ours) != len(theirs):
        tally.wrong.append(f"{word}: {' '.join(map(str, ours))} / {' '.join(map(str, theirs))}")
        return
    tally.counted += 1
    tones = sum(a.tone == b.tone for a, b in zip(ours, theirs, strict=True))
    segments = sum(alike(a) == alike(b) for a, b in zip(ours, theirs, strict=True))
    tally.tones += tones
    tally.segments += segments
    if tones + segments < 2 * len(theirs):
        tally.wrong.append(f"{word}: {' '.join(map(str, ours))} / {' '.join(map(str, theirs))}")


def entries(folder: Path) -> Iterator[tuple[str, list[Syllable]]]:
    """The dictionary's words of Chinese characters alone, once each, as they are said."""
    groups = json.loads((folder / "fangyan_alienkevin.json").read_text(encoding="utf-8"))
    done = set()
    for entry in (entry for group in groups.values() for entry in group):
        word, spelling = entry["word"], entry["pinyin"].split(ARROW)[-1]
        if HAN.search(word) or len(word) < 2 or (word, spelling) in done or any(marked(word, "raised.tsv")):
            continue  # what was read off this dictionary proves nothing against it
        done.add((word, spelling))
        try:
            syllables = [spelt(each, dictionary=True) for each in SPELT.findall(spelling)]
        except BadPronunciation:
            continue  # a slip of the source's pen
        suffixed = sum(each[-2] == "r" and len(each) > 3 for each in SPELT.findall(spelling))
        if len(syllables) + suffixed == len(word):
            yield word, syllables


def table(folder: Path, name: str) -> list[tuple[str, ...]]:
    """The rows of one of DiaMoE's tables, empty cells as empty texts."""
    import openpyxl

    sheet = openpyxl.load_workbook(folder / name, read_only=True).worksheets[0]
    rows = sheet.iter_rows(min_row=2, values_only=True)
    return [tuple("" if cell is None else str(cell) for cell in row) for row in rows]


def characters(folder: Path) -> Iterator[tuple[str, list[Syllable]]]:
    """DiaMoE's characters that have one reading."""
    rows = [row for row in table(folder, "diamoe_chengdu_hanzi.xlsx") if row[0] and row[2]]
    readings_of = Counter(row[0] for row in rows)
    for char, _, spelling, *_ in rows:
        if readings_of[char] == 1 and not HAN.search(char):
            try:
                yield char, [spelt(spelling, dictionary=False)]
            except BadPronunciation:
                continue


def medial(heard: str) -> str:
    """The medial of a syllable with the suffix, from its IPA."""
    if "j" in heard and ROUND in heard:
        return "v"
    return next((MEDIALS[each] for each in heard if each in MEDIALS), "")


def rimes(folder: Path) -> tuple[int, int, list[str]]:
    """Of DiaMoE's syllables with the suffix: how many rimes have the medial that ours have."""
    right, total, wrong = 0, 0, []
    for spelling, heard, *_ in table(folder, "diamoe_chengdu_syllable.xlsx"):
        if not spelling.endswith("r1") or spelling.endswith(("_r1", "eer1")) or len(spelling) < 4:
            continue
        try:
            ours = spelt(spelling, dictionary=False).final
        except BadPronunciation:
            continue
        total += 1
        if ours == medial(heard) + "er":
            right += 1
        else:
            wrong.append(f"{spelling}: {ours} / {heard}")
    return right, total, wrong


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="folder with the three sources")
    parser.add_argument("--without", default="", help="rules to leave out")
    parser.add_argument("--wrong", type=int, default=0, help="disagreements of each kind to show")
    asked = parser.parse_args()
    rules = chosen([each for each in asked.without.split(",") if each])
    tallies: dict[str, Tally] = {}
    for char, theirs in characters(asked.text):
        try:
            add(tallies.setdefault("characters (DiaMoE)", Tally()), char, said(char, rules), theirs)
        except BadPronunciation:
            continue
    for word, theirs in entries(asked.text):
        same = any(a == b for a, b in pairwise(word))
        kind = "words, suffix" if SUFFIX in word else "words, doubled" if same else "words, other"
        ours = said(word, rules)
        for name in (f"{kind} (dictionary)", "words, all (dictionary)"):
            add(tallies.setdefault(name, Tally()), word, ours, theirs)
    out = sys.stdout.write
    out("| | words | same number of syllables | tones right | segments right |\n|---|---|---|---|---|\n")
    for name, tally in sorted(tallies.items()):
        tone, segment = (100 * each / tally.syllables for each in (tally.tones, tally.segments))
        count = f"{tally.words} | {tally.counted}"
        out(f"| {name} | {count} | {tone:.1f} % of {tally.syllables} | {segment:.1f} % |\n")
    right, total, wrong = rimes(asked.text)
    out(f"\nsuffixed rimes (DiaMoE's syllables): {right} of {total} with the same medial\n")
    for name, lines in (*((name, tally.wrong) for name, tally in tallies.items()), ("rimes", wrong)):
        if asked.wrong:
            out(f"\n{name}\n" + "".join(f"  {line}\n" for line in lines[: asked.wrong]))


if __name__ == "__main__":
    main()
