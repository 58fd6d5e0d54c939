#!/usr/bin/env python3
"""Train the router's classifier on labelled questions and write `ivr_flows/router_weights.npz`.

Needs the `train` extra and a TSV with the columns text, label and label_kind (an optional folder of
evaluation data has one). Only rows of kind `gold` are used: labels guessed from keywords make the figures
worse. Rows of the test part of `tests/data/legal_labels.tsv` are left out, so that it stays unseen; a row of
its dev part is learned with its own label where that was found acceptable, else with the best one checked.
Printed figures are 5-fold, against those labels: no row is judged by weights that have seen it.

    python scripts/train_router.py [../shared/data/legal/train.tsv] [--out ivr_flows/router_weights.npz]
"""

import argparse
import csv
from hashlib import sha256
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from asr.normalize import normalize
from hotline.intent.classifier import FILE, features
from hotline.intent.policy import read_policy

BUCKETS = 1 << 15
CHECKED = Path("tests/data/legal_labels.tsv")
STRENGTH = 30.0
"""Inverse of the regularisation strength."""
SEED = 12348


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--out", type=Path, default=Path("ivr_flows") / FILE)
    options = parser.parse_args()
    texts, labels = read(options.data)
    names, answers = np.unique(labels, return_inverse=True)
    print(f"{len(texts)} rows, {len(names)} labels")

    counts = matrix(texts)
    scores = cross_validated(counts, answers, len(names))
    temperature = fit_temperature(scores, answers)
    report(scores, answers, temperature)

    tfidf = transformer().fit(counts)
    model = classifier().fit(tfidf.transform(counts), answers)
    np.savez_compressed(
        options.out,
        labels=names,
        weights=model.coef_.astype(np.float16),
        bias=model.intercept_.astype(np.float32),
        idf=tfidf.idf_.astype(np.float16),
        temperature=np.float32(temperature),
    )
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} KiB, temperature {temperature:.2f}")


def read(path: Path) -> tuple[list[str], list[str]]:
    """Normalised texts and labels of the gold and the checked rows, without the test part."""
    checked, classes = checked_rows(), classes_of_matters()
    texts: list[str] = []
    labels: list[str] = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            part, matters = checked.pop(sha256(row["text"].encode()).hexdigest()[:16], ("", []))
            found = {label for code in matters for label in classes.get(code.split(".")[0], [])}
            gold = row["label_kind"] == "gold"
            if part == "test" or not (gold or found):
                continue
            best = classes.get(matters[0].split(".")[0], []) if matters else []
            label = row["label"] if gold and (not found or row["label"] in found) else (best or [""])[0]
            if label:
                texts.append(normalize(row["text"]).text)
                labels.append(label)
    return texts, labels


def checked_rows() -> dict[str, tuple[str, list[str]]]:
    """Part and acceptable matters of the checked questions, by digest of their text."""
    lines = CHECKED.read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {row[0]: (row[1], row[2].split(",")) for row in rows}


def classes_of_matters() -> dict[str, list[str]]:
    """Classes that stand for each matter and its kinds."""
    found: dict[str, list[str]] = {}
    for matter in read_policy(Path("ivr_flows")).matters:
        found.setdefault(matter.code.split(".")[0], []).extend(matter.classes)
    return found


def matrix(texts: list[str]) -> csr_matrix:
    """Bucket counts, one row a text; exactly what the classifier sees at run time."""
    rows, columns, values = [], [], []
    for number, text in enumerate(texts):
        for bucket, count in features(text, BUCKETS).items():
            rows.append(number)
            columns.append(bucket)
            values.append(float(count))
    return csr_matrix((values, (rows, columns)), shape=(len(texts), BUCKETS))


def transformer() -> TfidfTransformer:
    return TfidfTransformer(sublinear_tf=True)


def classifier() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=500)


def cross_validated(counts: csr_matrix, answers: np.ndarray, labels: int) -> np.ndarray:
    """Scores of every row from weights trained on the other folds."""
    scores = np.zeros((len(answers), labels))
    for seen, unseen in StratifiedKFold(5, shuffle=True, random_state=SEED).split(counts, answers):
        tfidf = transformer().fit(counts[seen])
        model = classifier().fit(tfidf.transform(counts[seen]), answers[seen])
        scores[unseen] = model.decision_function(tfidf.transform(counts[unseen]))
    return scores


def probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    spread: np.ndarray = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    shares: np.ndarray = spread / spread.sum(axis=1, keepdims=True)
    return shares


def fit_temperature(scores: np.ndarray, answers: np.ndarray) -> float:
    """The temperature at which held-out probabilities lose least (log loss)."""

    def loss(temperature: float) -> float:
        chosen = probabilities(scores, temperature)[np.arange(len(answers)), answers]
        return float(-np.log(chosen + 1e-12).mean())

    return float(minimize_scalar(loss, bounds=(0.2, 10.0), method="bounded").x)


def report(scores: np.ndarray, answers: np.ndarray, temperature: float) -> None:
    order = np.argsort(-scores, axis=1)
    top = order[:, 0] == answers
    top3 = (order[:, :3] == answers[:, None]).any(axis=1)
    sure = probabilities(scores, temperature).max(axis=1)
    print(f"5-fold top-1 {top.mean():.3f}, top-3 {top3.mean():.3f}")
    bins = np.minimum((sure * 5).astype(int), 4)
    error = sum(
        abs(sure[bins == b].mean() - top[bins == b].mean()) * (bins == b).mean()
        for b in range(5)
        if (bins == b).any()
    )
    print(f"expected calibration error {error:.3f} (5 bins)")
    for share in (0.25, 0.5, 0.75):
        surest = np.argsort(-sure)[: int(len(sure) * share)]
        print(f"surest {share:.0%}: top-1 {top[surest].mean():.3f}")


if __name__ == "__main__":
    main()
