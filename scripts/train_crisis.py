#!/usr/bin/env python3
"""Train the emergency classifier and write `ivr_flows/crisis_weights.npz`.

Needs the `train` extra. It learns from the invented sentences of `tests/data/crisis_train.yaml`, from the dev
parts of `crisis.yaml`, `dialogues.yaml` and `services.yaml`, each once as written and once with a tenth of
the characters misheard, the emergencies also with a fifth, and, where the optional TSV of evaluation data is
there, from questions of its dev part as ordinary wording. A caller says several things in one breath, so that
pairs of the training file's sentences are learned, too. Nothing of any test part is learned. Printed figures
are 4-fold over the dev part of `crisis.yaml`, as written, misheard and beside a complaint, and over the dev
part of `complaints.yaml`: no sentence is judged by weights that have seen it.

    python scripts/train_crisis.py [../shared/data/legal/train.tsv] [--out ivr_flows/crisis_weights.npz]
"""

import argparse
import csv
import random
import re
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from asr.normalize import normalize
from hotline.intent.classifier import features
from hotline.intent.danger import FILE, NONE, spoken_and_sounded
from hotline.yaml_file import read_yaml
from scripts.score_router import DATA, ROOT, SEED, misheard, part_of

BUCKETS = 1 << 16
STRENGTH = 20.0
"""Inverse of the regularisation strength."""
QUESTIONS_MAX = 2000
CLAUSES_MAX = 4000
FRAMED = 800
PAIRS = 600
"""So many pairs of harmless sentences, and so many of an emergency beside a harmless one."""
PAIRED_MAX = 24
"""Characters of a sentence that is paired: a pair must be no longer than what the line judges at once."""
CLAUSE = re.compile(r"[^\uff0c\u3002\uff1f\uff01,?!. ]{3,}")
COMMA = "\uff0c"
HARMLESS, MISHEARD, PAIRED, ORDINARY = 0.7, 0.6, 0.6, 0.2
"""What a harmless sentence, a misheard one, a pair and ordinary wording count for beside an emergency."""
FOLDS = 4

Row = tuple[str, str, float]
"""Normalised text, label, weight."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--out", type=Path, default=Path("ivr_flows") / FILE)
    options = parser.parse_args()
    told = labelled(DATA / "crisis.yaml", part="dev")
    trained = labelled(DATA / "crisis_train.yaml")
    always = rows(trained) + pairs(trained) + ordinary(options.data)
    print(f"{len(told)} sentences judged in turn, {len(always)} rows always learned")
    report(told, always)
    tfidf, model = fit(rows(told) + always)
    np.savez_compressed(
        options.out,
        labels=model.classes_,
        weights=model.coef_.astype(np.float16),
        bias=model.intercept_.astype(np.float32),
        idf=tfidf.idf_.astype(np.float16),
        temperature=np.float32(1.0),
    )
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} KiB")


def labelled(path: Path, part: str | None = None) -> list[tuple[str, str]]:
    """Sentences and their kinds of emergency; those of one part, or all."""
    data = read_yaml(path)
    told = [(said, kind) for kind, group in data["crisis"].items() for said in group]
    told += [(said, NONE) for said in data["harmless"]]
    return [each for each in told if part is None or part_of(each[0]) == part]


def rows(told: list[tuple[str, str]]) -> list[Row]:
    """What is learned of sentences: as they are written, and misheard; emergencies misheard worse, too."""
    noise, loud = misheard(0.1), misheard(0.2)
    made: list[Row] = []
    for said, kind in told:
        weight = HARMLESS if kind == NONE else 1.0
        made.append((normalize(said).text, kind, weight))
        made.append((normalize(noise(said)).text, kind, weight * MISHEARD))
        if kind != NONE:
            made.append((normalize(loud(said)).text, kind, weight * MISHEARD))
    return made


def pairs(told: list[tuple[str, str]]) -> list[Row]:
    """Two sentences in one breath: an emergency beside a harmless one stays one."""
    dice = random.Random(SEED)
    short = [each for each in told if len(each[0]) < PAIRED_MAX]
    harmless = [said for said, kind in short if kind == NONE]
    grave = [each for each in short if each[1] != NONE]
    made = [(COMMA.join(dice.sample(harmless, 2)), NONE, HARMLESS * PAIRED) for _ in range(PAIRS)]
    for _ in range(PAIRS):
        said, kind = dice.choice(grave)
        made.append((beside(said, dice.choice(harmless), dice), kind, PAIRED))
    return [(normalize(said).text, kind, weight) for said, kind, weight in made]


def beside(said: str, other: str, dice: random.Random) -> str:
    """Two sentences as one, in either order."""
    return COMMA.join(dice.sample([said, other], 2))


def ordinary(data: Path) -> list[Row]:
    """Calls, wishes for services and questions, as far as they are of the dev part."""
    said: list[str] = []
    turns: list[str] = []
    for call in read_yaml(DATA / "dialogues.yaml")["dialogues"]:
        if part_of(call["say"][0]) == "dev" and call["matters"][0] != "family.violence":
            turns += call["say"]
            said.append(COMMA.join(call["say"]))
    for group in read_yaml(DATA / "services.yaml")["services"].values():
        turns += [each for each in group if part_of(each) == "dev"]
    if data.is_file():
        with data.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
        asked = [text for text in texts if 8 < len(text) < 80 and part_of(text) == "dev"][:QUESTIONS_MAX]
        said += asked
        said += [clause for text in asked for clause in CLAUSE.findall(text)][:CLAUSES_MAX]
    turns += framed(FRAMED)
    made = [(normalize(each).text, NONE, ORDINARY) for each in said]
    return made + [(normalize(each).text, NONE, HARMLESS) for each in turns]


def framed(count: int) -> list[str]:
    """Ordinary turns: the frames of the training file with places, names and numbers put in."""
    dice = random.Random(SEED)
    frames = read_yaml(DATA / "crisis_train.yaml")["frames"]
    lines = (ROOT / "ivr_flows/places.tsv").read_text("utf-8").splitlines()
    fields = [line.split("\t") for line in lines if line.startswith("county")]
    places = [
        name
        for _, _, full, strong, weak in fields
        for name in (full, *strong.split(","), *weak.split(","))
        if name
    ]
    names = read_yaml(ROOT / "ivr_flows/slots.yaml")["name"]
    given = [char for char in names["surnames"] if char not in names["common"]]
    digits = list(read_yaml(ROOT / "ivr_flows/slots.yaml")["people"]["digits"])[:10]

    def put(kind: str) -> str:
        if kind == "digits":
            return "".join(dice.choices(digits, k=dice.randint(3, 11)))
        kinds = {"place": places, "surname": names["common"], "given": given, "n": digits}
        return str(dice.choice(kinds[kind]))

    return [re.sub(r"{(\w+)}", lambda match: put(match[1]), dice.choice(frames)) for _ in range(count)]


def matrix(texts: list[str]) -> csr_matrix:
    """Bucket counts, one row a text; exactly what the classifier sees at run time."""
    found = [features(spoken_and_sounded(text), BUCKETS) for text in texts]
    places = [(number, bucket) for number, counts in enumerate(found) for bucket in counts]
    values = [float(count) for counts in found for count in counts.values()]
    return csr_matrix((values, tuple(zip(*places, strict=True))), shape=(len(texts), BUCKETS))


def fit(learned: list[Row]) -> tuple[TfidfTransformer, LogisticRegression]:
    counts = matrix([text for text, _, _ in learned])
    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
    model = LogisticRegression(C=STRENGTH, max_iter=300)
    model.fit(tfidf.transform(counts), [kind for _, kind, _ in learned], [w for _, _, w in learned])
    return tfidf, model


def report(told: list[tuple[str, str]], always: list[Row]) -> None:
    """Recall and false alarms of the classifier alone at several thresholds."""
    groups = read_yaml(DATA / "complaints.yaml")["complaints"]
    complaints = [said for group in groups.values() for said in group if part_of(said) == "dev"]
    noise, dice = misheard(0.1), random.Random(SEED)
    spoken = [
        [said for said, _ in told],
        [noise(said) for said, _ in told],
        [beside(said, dice.choice(complaints), dice) for said, _ in told],
    ]
    fold_of = np.random.default_rng(SEED).integers(FOLDS, size=len(told))
    scores, ordinary_scores = np.zeros((len(spoken), len(told))), np.zeros((FOLDS, len(complaints)))
    for fold in range(FOLDS):
        model = fit(rows([each for each, f in zip(told, fold_of, strict=True) if f != fold]) + always)
        mine = np.flatnonzero(fold_of == fold)
        for number, texts in enumerate(spoken):
            scores[number, mine] = gravity(model, [texts[at] for at in mine])
        ordinary_scores[fold] = gravity(model, complaints)
    grave = np.array([kind != NONE for _, kind in told])
    for enough in (0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.2, 0.3, 0.4, 0.5):
        over = scores >= enough
        text, heard, long = over[:, grave].mean(axis=1)
        print(
            f"from {enough}: recall {text:.3f}, misheard {heard:.3f}, beside a complaint {long:.3f},"
            f" false alarms {over[0, ~grave].mean():.3f}, complaints {(ordinary_scores >= enough).mean():.3f}"
        )


def gravity(fitted: tuple[TfidfTransformer, LogisticRegression], told: list[str]) -> np.ndarray:
    """How probably each of these is an emergency of any kind."""
    tfidf, model = fitted
    shares = model.predict_proba(tfidf.transform(matrix([normalize(said).text for said in told])))
    grave: np.ndarray = 1 - shares[:, list(model.classes_).index(NONE)]
    return grave


if __name__ == "__main__":
    main()
