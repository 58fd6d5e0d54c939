#!/usr/bin/env python3
"""How often phonetic repair mends a homophone put into a legal question, and how often it spoils a clean one.

Into each question that has a term of `asr/lexicon/repair.tsv`, one character of one term is replaced by a
character of the same sound to Sichuan ears (a common one, drawn by chance with a fixed seed). *Repaired*: the
term is back and nothing else changed. *Noise elsewhere*: the same done to a character of no term; every
change to such a question that is not the right one is damage, as is every change to a clean question.

    python scripts/bench_repair.py [../shared/data/legal/train.tsv] [--most 2000] [--show 20]
"""

import argparse
import csv
import random
import time
from collections import defaultdict
from pathlib import Path

from asr.edits import Edit
from asr.repair import find_misheard, repairs
from asr.syllables import sound
from asr.wordscore import counts

SEED = 12348
COMMON = 2000
"""Characters counted at least this often are drawn as homophones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    with options.data.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")][-options.most :]
    chance = random.Random(SEED)
    alike = homophones()
    started = time.process_time()
    clean(texts, options.show)
    spent = (time.process_time() - started) / len(texts)
    texts = [mended(text) for text in texts]  # what askers themselves misspelt shall not count below
    in_terms(texts, alike, chance, options.show)
    elsewhere(texts, alike, chance, options.show)
    print(f"{spent * 1e3:.2f} ms of CPU a question")


def homophones() -> dict[str, list[str]]:
    """Common characters by sound."""
    alike: dict[str, list[str]] = defaultdict(list)
    for word, count in counts().items():
        if len(word) == 1 and count >= COMMON:
            alike[sound(word)].append(word)
    return alike


def mended(text: str) -> str:
    return applied(text, find_misheard(text))


def applied(text: str, edits: list[Edit]) -> str:
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def clean(texts: list[str], show: int) -> None:
    changed = [(text, find_misheard(text)) for text in texts]
    changed = [(text, edits) for text, edits in changed if edits]
    print(f"clean: {len(changed)} of {len(texts)} questions changed ({len(changed) / len(texts):.2%})")
    for text, edits in changed[:show]:
        for edit in edits:
            around = text[max(0, edit.start - 6) : edit.end + 6]
            print(f"   {text[edit.start : edit.end]} -> {edit.text}   {around}")


def spoilt(text: str, at: int, alike: dict[str, list[str]], chance: random.Random) -> str | None:
    others = [char for char in alike.get(sound(text[at]), []) if char != text[at]]
    return text[:at] + chance.choice(others) + text[at + 1 :] if others else None


def in_terms(texts: list[str], alike: dict[str, list[str]], chance: random.Random, show: int) -> None:
    terms = sorted(repairs().group, key=len, reverse=True)
    tried = good = wrong = 0
    for text in texts:
        places = [(text.index(term), term) for term in terms if term in text]
        if not places:
            continue
        start, term = chance.choice(places)
        noisy = spoilt(text, start + chance.randrange(len(term)), alike, chance)
        if noisy is None:
            continue
        tried += 1
        after = mended(noisy)
        good += after == text
        wrong += after not in {text, noisy}
        if after != text and show > 0:
            show -= 1
            print(f"   {noisy[max(0, start - 6) : start + len(term) + 6]} ({term}) -> {after == noisy}")
    print(f"terms: {tried} spoilt, {good} repaired ({good / tried:.1%}), ", end="")
    print(f"{wrong} made wrong ({wrong / tried:.2%})")


def elsewhere(texts: list[str], alike: dict[str, list[str]], chance: random.Random, show: int) -> None:
    tried = wrong = 0
    for text in texts:
        noisy = spoilt(text, chance.randrange(len(text)), alike, chance)
        if noisy is None:
            continue
        tried += 1
        after = mended(noisy)
        bad = after not in {noisy, text}
        wrong += bad
        if bad and show > 0:
            show -= 1
            print(f"   elsewhere: {[(noisy[e.start : e.end], e.text) for e in find_misheard(noisy)]}")
    print(f"noise elsewhere: {tried} spoilt, {wrong} made worse ({wrong / tried:.2%})")


if __name__ == "__main__":
    main()
