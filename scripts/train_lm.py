#!/usr/bin/env python3
"""Train the character language model `asr/lm/hotline.npz` and its card, or one from an operator's texts.

Without options it makes exactly what ships: sentences of our grammar, examples and wordings of our lexicon,
and what our flows say. An operator adds texts (every line of every *.txt, or the first column of *.tsv) and
word lists (`word count` a line; words are drawn by their counts, eight a sentence) and writes elsewhere.

    python scripts/train_lm.py [--text FOLDER] [--words FILE] [--out FILE.npz] [--held-out FILE.csv:COLUMN]
"""

import argparse
import csv
import itertools
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

from asr.finetune.sentences import generate
from asr.lm.ngram import PACKAGED, NgramModel, load
from asr.lm.text import prepare
from asr.lm.train import Recipe, train
from asr.numerals import rows_of

ROOT = Path(__file__).parents[1]
SEED = 12348
HELD_OUT = 20_000
"""Sentences of the grammar that come after those learned from."""
DRAWN = 8
CHINESE = re.compile(r"[\u3400-\u9fff][\u3400-\u9fff\uff0c0-9]*[\u3400-\u9fff]")


def ours() -> Iterator[str]:
    """What the repository itself says in Chinese: wordings and examples of the lexicon, flows, guides."""
    for name, columns in {"sichuan.tsv": (0, 1, 3), "legal_terms.tsv": (0, 3)}.items():
        for row in rows_of(name):
            yield from (row[column] for column in columns if column < len(row))
    for path in [*sorted((ROOT / "ivr_flows").glob("*.yaml")), ROOT / "models/README.md", ROOT / "README.md"]:
        yield from CHINESE.findall(path.read_text(encoding="utf-8"))


def texts(folder: Path) -> Iterator[str]:
    """Lines of an operator's texts."""
    for path in sorted(each for each in folder.rglob("*") if each.suffix in {".txt", ".tsv"}):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            yield from re.split("[\u3002\uff1f\uff01]", line.split("\t")[0])


def drawn(words: Path, count: int) -> Iterator[str]:
    """Words at random by their counts, joined: what a word list knows of how characters follow."""
    rows = [line.split() for line in words.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row) > 1]
    weights = list(itertools.accumulate(float(row[1]) for row in rows))
    chance = random.Random(SEED)
    for _ in range(count):
        yield "".join(row[0] for row in chance.choices(rows, cum_weights=weights, k=DRAWN))


def card(asked: argparse.Namespace, digest: str, model: NgramModel, fits: list[str]) -> str:
    """What the model is, beside its file."""
    sizes = ", ".join(str(len(order.keys)) for order in model.orders)
    sources = ["own grammar, lexicon, flows and guides"] + [
        str(each.name) for each in asked.text + asked.words
    ]
    lines = [
        "# Written by scripts/train_lm.py.",
        f'sha256 = "{digest}"',
        f"sources = {sources}".replace("'", '"'),
        f"sentences = {asked.sentences}",
        f"seed = {SEED}",
        f"prune = {asked.prune}",
        f"ngrams = [{sizes}]",
        *(f"# {fit}" for fit in fits),
    ]
    return "\n".join(lines) + "\n"


def held_out(spec: str) -> list[str]:
    """The texts of a column of a CSV file."""
    path, _, column = spec.rpartition(":")
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def speed(model: NgramModel, sentences: list[str]) -> str:
    """Process time a character, one by one and together."""
    characters = sum(len(prepare(each)) + 1 for each in sentences)
    began = time.process_time()
    for each in sentences:
        model.score(each)
    single = time.process_time() - began
    began = time.process_time()
    for at in range(0, len(sentences), 10):
        model.score_many(sentences[at : at + 10])
    tens = time.process_time() - began
    return f"{single / characters * 1e6:.1f} us a character one by one, {tens / characters * 1e6:.1f} by tens"


def main() -> None:
    """Train, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, action="append", default=[], help="a folder of texts")
    parser.add_argument("--words", type=Path, action="append", default=[], help="a word list with counts")
    parser.add_argument("--sentences", type=int, default=30_000, help="how many of the grammar")
    parser.add_argument("--drawn", type=int, default=100_000, help="sentences drawn from each word list")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--prune", type=float, default=0.7, help="nats that an n-gram must bring")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--held-out", action="append", default=[], help="CSV:COLUMN to measure on")
    asked = parser.parse_args()
    said = generate(asked.sentences + HELD_OUT, SEED)
    more = itertools.chain(
        ours(), *map(texts, asked.text), *(drawn(each, asked.drawn) for each in asked.words)
    )
    model = train(itertools.chain(said[: asked.sentences], more), Recipe(asked.order, asked.prune))
    digest = model.save(asked.out)
    model = load(asked.out)
    fits = []
    for name, sentences in [
        ("grammar", said[asked.sentences :]),
        *((s, held_out(s)) for s in asked.held_out),
    ]:
        fit = model.fit(sentences)
        fits.append(
            f"held out {name.rpartition('/')[2]}: perplexity {fit.perplexity:.2f}, "
            f"{fit.characters} characters, {fit.unknown} unknown"
        )
    asked.out.with_suffix(".toml").write_text(card(asked, digest, model, fits[:1]), encoding="utf-8")
    print("\n".join([f"{asked.out.name}: {asked.out.stat().st_size / 1e6:.2f} MB", *fits]))
    print(speed(model, said[-1_000:]))


if __name__ == "__main__":
    main()
