"""A character n-gram model in numpy arrays: loads, weighs texts, says where it knows nothing.

The table is a trie: an n-gram's key is its prefix's place in the order below times the vocabulary plus its
last character, so that each order is one sorted array and a whole text is looked up order by order at once.
Probabilities are interpolated already; what is missing backs off (Katz 1987 form of Kneser-Ney 1995, Chen
and Goodman 1999). Unknown characters share what the lowest order leaves for `NOMINAL` characters.
"""

import hashlib
import json
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import exp
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from asr.errors import AsrError
from asr.lm.text import prepare

START, END = 0, 1
"""Codes of a sentence's borders; characters follow."""
NOMINAL: Final = 8_000
"""How many characters the language is taken to have: what is kept for unseen ones is shared by as many."""
FORMAT: Final = 1
PACKAGED: Final = Path(__file__).with_name("hotline.npz")

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class BadLanguageModel(AsrError):
    """A model file that is none, is damaged or is of another format."""

    code = "asr.bad_language_model"


@dataclass(frozen=True, slots=True)
class Order:
    """All n-grams of one length."""

    keys: Ints
    """[n] sorted: place of the prefix in the order below × size of the vocabulary + last character."""
    logs: Floats
    """[n] natural logarithm of the probability of the last character after the others."""
    backoffs: Floats
    """[n] logarithm of what is left for characters not seen behind it; 0 when none was."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a model foresees texts."""

    characters: int
    """Sentence ends included."""
    nats: float
    """Minus the natural logarithm of the probability of all of it."""
    unknown: int
    """Characters the model has never seen."""

    @property
    def perplexity(self) -> float:
        """Per character."""
        return exp(self.nats / self.characters) if self.characters else 1.0


class NgramModel:
    """A `Scorer`. Immutable; may be used from several threads."""

    def __init__(self, vocabulary: str, orders: Sequence[Order]) -> None:
        """`vocabulary` holds the characters with the codes from 2 on; `orders[0]` has one row a code.

        Raises `BadLanguageModel` when lengths do not fit.
        """
        size = len(vocabulary) + 2
        whole = all(len(each.keys) == len(each.logs) == len(each.backoffs) for each in orders)
        if not orders or len(orders[0].keys) != size or not whole:
            raise BadLanguageModel("tables and vocabulary do not fit together")
        self.vocabulary = vocabulary
        self.orders = tuple(orders)
        self._size = size
        self._codes = {char: code for code, char in enumerate(vocabulary, START + 2)}
        self._unknown = float(orders[0].logs[START])

    def score(self, text: str) -> float:
        """Natural logarithm of the probability of `text` as one sentence (`Scorer.score`)."""
        return float(self.logs(text).sum())

    def score_many(self, texts: Sequence[str]) -> list[float]:
        """Scores of several texts at once: for short texts several times as fast as one by one."""
        if not texts:
            return []
        prepared = [prepare(text) for text in texts]
        logs = self._look_up(prepared)
        ends = np.cumsum([len(text) + 1 for text in prepared])
        sums = np.concatenate(([0.0], np.cumsum(logs)))
        return [float(each) for each in sums[ends] - sums[np.concatenate(([0], ends[:-1]))]]

    def logs(self, text: str) -> NDArray[np.float64]:
        """[characters + 1] logarithms, one for each character of `prepare(text)` and one for the end."""
        return self._look_up([prepare(text)])

    def fit(self, texts: Iterable[str], batch: int = 1_000) -> Fit:
        """How well texts are foreseen, a sentence each."""
        characters, nats, unknown = 0, 0.0, 0
        prepared = map(prepare, texts)
        while some := list(islice(prepared, batch)):
            characters += sum(len(text) + 1 for text in some)
            nats -= float(self._look_up(some).sum())
            unknown += sum(char not in self._codes for text in some for char in text)
        return Fit(characters, nats, unknown)

    def _look_up(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logarithms of all characters and ends of prepared texts, one text after the other."""
        get = self._codes.get
        codes = np.array(
            [code for text in texts for code in (START, *(get(char, -1) for char in text), END)], np.int64
        )
        unigrams = self.orders[0]
        known, begins = codes >= 0, codes == START
        total = np.where(known, unigrams.logs[codes], self._unknown).astype(np.float64)
        # the place of the n-gram that ends here, -1 where there is none; a start is a place, never said
        places = codes
        for below, order in zip(self.orders, self.orders[1:], strict=False):
            before = np.empty_like(places)
            before[0], before[1:] = -1, places[:-1]
            context = before >= 0
            total += np.where(context, below.backoffs[before], 0.0)
            if not len(order.keys):
                break
            wanted = before * self._size + codes
            at = np.searchsorted(order.keys, wanted)
            at[at == len(order.keys)] = 0
            found = context & known & ~begins & (order.keys[at] == wanted)
            total[found] = order.logs[at[found]]
            places = np.where(found, at, -1)
        said: NDArray[np.float64] = total[~begins]
        return said

    def save(self, path: Path) -> str:
        """Write the model, tables in 256 steps each; returns the file's SHA-256. Raises `OSError`."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for number, order in enumerate(self.orders, 1):
            steps = np.diff(order.keys, prepend=0)
            arrays[f"keys{number}"] = steps.astype(np.uint32 if steps.max(initial=0) < 2**32 else np.uint64)
            for name, values in (("logs", order.logs), ("backoffs", order.backoffs)):
                book = _code_book(values)
                arrays[f"{name}{number}"] = _nearest(book, values)
                arrays[f"{name}{number}_book"] = book
        head = json.dumps({"format": FORMAT, "orders": len(self.orders), "vocabulary": self.vocabulary})
        arrays["head"] = np.frombuffer(head.encode(), np.uint8)
        np.savez_compressed(path, allow_pickle=False, **arrays)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: Path) -> NgramModel:
    """The model of a file. Raises `BadLanguageModel`."""
    try:
        # opened here: np.load leaves a file open that is no archive
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            head = json.loads(bytes(file["head"]))
            if head["format"] != FORMAT:
                raise BadLanguageModel(f"{path.name}: format {head['format']}, this program reads {FORMAT}")
            orders = [
                Order(
                    np.cumsum(file[f"keys{number}"].astype(np.int64)),
                    file[f"logs{number}_book"][file[f"logs{number}"]],
                    file[f"backoffs{number}_book"][file[f"backoffs{number}"]],
                )
                for number in range(1, head["orders"] + 1)
            ]
            return NgramModel(head["vocabulary"], orders)
    except (OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise BadLanguageModel(f"{path.name}: not a language model that can be read: {error}") from error


@cache
def packaged() -> NgramModel:
    """The model beside this module, trained on our own sentences, once checked against its card's hash.

    Raises `BadLanguageModel`.
    """
    try:
        card = tomllib.loads(PACKAGED.with_suffix(".toml").read_text(encoding="utf-8"))
        found = hashlib.sha256(PACKAGED.read_bytes()).hexdigest()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadLanguageModel(f"{PACKAGED.name}: {error}") from error
    if found != card.get("sha256"):
        raise BadLanguageModel(f"{PACKAGED.name}: is not the file that its card describes")
    return load(PACKAGED)


def _code_book(values: Floats) -> Floats:
    """[≤ 256] values that stand for all: the means of as many bins with as many values in each."""
    different = np.unique(values)
    if len(different) <= 256:
        return different
    return np.array(sorted({float(part.mean()) for part in np.array_split(np.sort(values), 256)}), np.float32)


def _nearest(book: Floats, values: Floats) -> NDArray[np.uint8]:
    borders = (book[1:] + book[:-1]) / 2
    return np.searchsorted(borders, values).astype(np.uint8)
