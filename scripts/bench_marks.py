#!/usr/bin/env python3
"""F1 of the marks put into legal questions, against their own, with pauses simulated by chance.

The questions' marks are taken out. A pause follows a comma in 70 of 100 places (log-normal, median 380 ms),
the end of a sentence in 95 (median 800 ms); every other word border has one of median 250 ms in 6 of 100, as
speakers hesitate. The numbers are assumptions, not measured on callers. The last mark of a question counts.
*pauses alone*: a comma from 220 ms, a full stop from 700 ms and at the end, nothing else.

    python scripts/bench_marks.py [../shared/data/legal/train.tsv] [--most 2000]
"""

import argparse
import csv
import random
import time
from pathlib import Path

from asr.audio import SAMPLE_RATE
from asr.edits import Edit
from asr.punctuate import find_marks, marks
from asr.wordscore import word_scorer

SEED = 12348


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--most", type=int, default=2000)
    options = parser.parse_args()
    with options.data.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    rules = marks()
    endings = rules.stop + rules.ask
    texts = [text for text in texts if text[-1] in endings and rules.comma in text][-options.most :]
    chance = random.Random(SEED)
    cases = [case(text, chance) for text in texts]
    find_marks(*cases[0][:2])
    started = time.process_time()
    ours = [find_marks(plain, pauses) for plain, pauses, _ in cases]
    spent = (time.process_time() - started) / len(cases)
    silent = [find_marks(plain, {}) for plain, _, _ in cases]
    alone = [by_pauses(plain, pauses) for plain, pauses, _ in cases]
    print(f"{len(cases)} questions with a comma, {spent * 1e3:.2f} ms of CPU each")
    for name, found in (("pauses and words", ours), ("words alone", silent), ("pauses alone", alone)):
        scores = "  ".join(
            f"{mark} {f1(found, cases, mark):.1%}" for mark in (rules.stop, rules.ask, rules.comma)
        )
        print(f"{name}: {scores}")


def case(text: str, chance: random.Random) -> tuple[str, dict[int, int], dict[int, str]]:
    """A question without marks, the samples of silence after its characters, and its own marks."""
    rules = marks()
    plain, own, pauses = "", {}, {}
    for char in text:
        if char in rules.stop + rules.ask + rules.comma:
            if plain:
                own[len(plain) - 1] = char
        elif char.isalnum():
            plain += char
    for at in range(len(plain) - 1):
        mark = own.get(at)
        likely, median = (0.06, 250) if mark is None else (0.7, 380) if mark == rules.comma else (0.95, 800)
        inside = mark is None and plain[at : at + 2] in word_scorer().costs
        if not inside and chance.random() < likely:
            pauses[at] = round(chance.lognormvariate(0, 0.4) * median) * SAMPLE_RATE // 1000
    return plain, pauses, own


def by_pauses(plain: str, pauses: dict[int, int]) -> list[Edit]:
    rules = marks()
    found = [
        Edit(at, at + 1, plain[at] + (rules.stop if pause >= rules.stop_samples else rules.comma))
        for at, pause in pauses.items()
        if pause >= rules.comma_samples
    ]
    return [*found, Edit(len(plain) - 1, len(plain), plain[-1] + rules.stop)]


def f1(found: list[list[Edit]], cases: list[tuple[str, dict[int, int], dict[int, str]]], mark: str) -> float:
    right = said = true = 0
    for edits, (_, _, own) in zip(found, cases, strict=True):
        ours = {edit.start for edit in edits if edit.text[-1] == mark}
        theirs = {at for at, each in own.items() if each == mark}
        right, said, true = right + len(ours & theirs), said + len(ours), true + len(theirs)
    return 2 * right / (said + true) if said + true else 0.0


if __name__ == "__main__":
    main()
