"""Sentences → a character n-gram model: interpolated modified Kneser-Ney, pruned (pure, numpy).

Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", §3.2: three
discounts an order, lower orders counted by how many different characters stand before an n-gram. Pruning is
the weighted difference of Seymore and Rosenfeld 1996; what a pruned n-gram had goes to its context's backoff,
so that every context still sums to one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.lm.ngram import END, NOMINAL, START, BadLanguageModel, Floats, Ints, NgramModel, Order
from asr.lm.text import prepare

Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made."""

    order: int = 4
    """Longest n-gram, in characters."""
    prune: float = 0.0
    """N-grams from three characters on go when, by count × gain in nats, they bring no more than this."""
    rare: int = 1
    """Characters seen less often are unknown."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """All n-grams of one length that occur."""

    keys: Ints
    """[n] sorted, as in `Order`."""
    raw: Reals
    """[n] how often."""
    adjusted: Reals
    """[n] how often, or after how many different characters, below the longest order."""
    prefix: Ints
    """[n] place of the n-gram without its last character in the order below."""
    suffix: Ints
    """[n] place of the n-gram without its first character in the order below."""


def train(texts: Iterable[str], recipe: Recipe) -> NgramModel:
    """The model of texts, a sentence each. Raises `BadLanguageModel` when there is nothing to learn from."""
    sentences = [said for said in map(prepare, texts) if said]
    if not sentences or recipe.order < 1:
        raise BadLanguageModel("a model needs sentences and an order of at least 1")
    seen = Counter(char for sentence in sentences for char in sentence)
    vocabulary = "".join(sorted(char for char, count in seen.items() if count >= recipe.rare))
    counted = _count(_codes(sentences, vocabulary), len(vocabulary) + 2, recipe.order)
    kept = [np.ones(len(each.keys), bool) for each in counted]
    logs, backoffs = _smooth(counted, kept)
    if recipe.prune > 0:
        kept = _worth(counted, logs, backoffs, recipe.prune)
        logs, backoffs = _smooth(counted, kept)
    return NgramModel(vocabulary, _packed(counted, kept, logs, backoffs, len(vocabulary) + 2))


def _codes(sentences: Sequence[str], vocabulary: str) -> Ints:
    """All sentences in codes, each between its borders; -1 for unknown characters."""
    get = {char: code for code, char in enumerate(vocabulary, START + 2)}.get
    return np.fromiter(
        (code for each in sentences for code in (START, *(get(char, -1) for char in each), END)), np.int64
    )


def _count(codes: Ints, size: int, order: int) -> list[_Counted]:
    """N-grams up to an order. None reaches over a sentence's border or holds an unknown character."""
    unigrams = np.bincount(codes[codes >= 0], minlength=size).astype(float)
    unigrams[START] = 0.0
    nothing = np.zeros(size, np.int64)
    counted = [_Counted(np.arange(size), unigrams, unigrams, nothing, nothing)]
    places = codes
    for _ in range(1, order):
        before = np.concatenate(([-1], places[:-1]))
        valid = np.flatnonzero((before >= 0) & (codes != START) & (codes >= 0))
        keys, first, which, raw = np.unique(
            before[valid] * size + codes[valid], return_index=True, return_inverse=True, return_counts=True
        )
        suffix = places[valid[first]]
        # n-grams that begin a sentence have nothing before them: their own counts stay
        below = counted[-1]
        spread = np.bincount(suffix, minlength=len(below.keys)).astype(float)
        counted[-1] = _Counted(
            below.keys, below.raw, np.where(spread > 0, spread, below.raw), below.prefix, below.suffix
        )
        counted.append(_Counted(keys, raw.astype(float), raw.astype(float), keys // size, suffix))
        places = np.full(len(codes), -1)
        places[valid] = which
    return counted


def _discounts(adjusted: Reals) -> tuple[float, float, float]:
    """What n-grams seen once, twice and more often give away (Chen and Goodman, equation 26)."""
    n1, n2, n3, n4 = (float(np.count_nonzero(adjusted == times)) for times in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return 0.5, 0.75, 1.0
    share = n1 / (n1 + 2 * n2)
    found = (1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3)
    one, two, more = (
        float(np.clip(each, 0.1, most)) for each, most in zip(found, (0.95, 1.9, 2.9), strict=True)
    )
    return one, two, more


def _smooth(counted: Sequence[_Counted], kept: Sequence[Bools]) -> tuple[list[Reals], list[Reals]]:
    """Logarithms of probability, and of backoff, of every n-gram counted; those not kept have backed off."""
    unigrams = counted[0]
    d1, d2, d3 = _discounts(unigrams.adjusted)
    total = unigrams.adjusted.sum()
    taken = np.select([unigrams.adjusted == n for n in (0, 1, 2)], [0.0, d1, d2], d3)
    share = taken.sum() / max(NOMINAL, 2 * len(taken))
    probability = (unigrams.adjusted - taken + share) / total
    # the start is never said; its row serves the unknown
    probability[START] = share / total
    logs, backoffs = [np.log(probability)], list[Reals]()
    for below, here, keep in zip(counted, counted[1:], kept[1:], strict=False):
        d1, d2, d3 = _discounts(here.adjusted)
        taken = np.select([~keep, here.adjusted == 1, here.adjusted == 2], [here.adjusted, d1, d2], d3)
        taken = np.minimum(taken, here.adjusted)
        size = len(below.keys)
        all_of = np.bincount(here.prefix, here.adjusted, size)
        given = np.bincount(here.prefix, taken, size)
        left = np.where(all_of > 0, given / np.maximum(all_of, 1e-12), 1.0)
        lower = np.exp(logs[-1][here.suffix])
        probability = (here.adjusted - taken) / all_of[here.prefix] + left[here.prefix] * lower
        logs.append(np.log(probability))
        backoffs.append(np.log(left))
    backoffs.append(np.zeros(len(counted[-1].keys)))
    return logs, backoffs


def _worth(
    counted: Sequence[_Counted], logs: Sequence[Reals], backoffs: Sequence[Reals], least: float
) -> list[Bools]:
    """Which n-grams to keep: all up to two characters, what brings enough, and the prefixes of those."""
    kept = [np.ones(len(each.keys), bool) for each in counted]
    for n in range(len(counted) - 1, 1, -1):
        here = counted[n]
        without = backoffs[n - 1][here.prefix] + logs[n - 1][here.suffix]
        kept[n] = here.raw * (logs[n] - without) > least
        if n + 1 < len(counted):
            above = counted[n + 1]
            kept[n][above.prefix[kept[n + 1]]] = True
    return kept


def _packed(
    counted: Sequence[_Counted],
    kept: Sequence[Bools],
    logs: Sequence[Reals],
    backoffs: Sequence[Reals],
    size: int,
) -> list[Order]:
    """The tables of a model: kept n-grams, numbered anew."""
    orders, places = [], np.arange(size)
    for n, (here, keep) in enumerate(zip(counted, kept, strict=True)):
        keys = here.keys[keep] if n == 0 else places[here.prefix[keep]] * size + here.keys[keep] % size
        orders.append(Order(keys, _single(logs[n][keep]), _single(backoffs[n][keep])))
        places = np.cumsum(keep) - 1
    return orders


def _single(values: Reals) -> Floats:
    return values.astype(np.float32)
