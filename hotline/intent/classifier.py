"""A linear text classifier at run time: hashed character n-grams, TF-IDF, softmax, in numpy alone.

Trained and written by `scripts/train_router.py`; the weights hold no training text.
"""

import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hotline.errors import ConfigError

FILE = "router_weights.npz"
LONGEST_GRAM = 3


def features(text: str, size: int) -> Counter[int]:
    """Counts of the text's character 1- to 3-grams by hash bucket; `size` buckets."""
    plain = "".join(char for char in text if char.isalnum())
    return Counter(
        zlib.crc32(plain[at : at + length].encode("utf-8", "replace")) % size
        for length in range(1, LONGEST_GRAM + 1)
        for at in range(len(plain) - length + 1)
    )


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of the classifier: n labels, m buckets."""

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    """Shape (n, m)."""
    bias: NDArray[np.float32]
    """Shape (n,)."""
    idf: NDArray[np.float32]
    """Shape (m,)."""
    temperature: float
    """Divides the scores, so that probabilities match how often the answer is right."""

    @classmethod
    def load(cls, path: Path) -> "Classifier":
        """The weights in an npz file. Raises `ConfigError` when they cannot be read."""
        try:
            with np.load(path, allow_pickle=False) as file:
                made = cls(
                    labels=tuple(str(label) for label in file["labels"]),
                    weights=file["weights"].astype(np.float32),
                    bias=file["bias"].astype(np.float32),
                    idf=file["idf"].astype(np.float32),
                    temperature=float(file["temperature"]),
                )
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise ConfigError([f"{path}: no classifier weights: {type(error).__name__}"]) from error
        count = len(made.labels)
        if made.weights.shape != (count, made.idf.size) or made.bias.shape != (count,):
            raise ConfigError([f"{path}: classifier weights do not fit together"])
        return made

    def probabilities(self, text: str) -> dict[str, float]:
        """How likely each label is, summing to 1."""
        counts = features(text, self.idf.size)
        if not counts:
            return dict.fromkeys(self.labels, 1 / len(self.labels))
        buckets = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        values = 1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
        values = values * self.idf[buckets]
        values /= np.linalg.norm(values)
        scores = (self.weights[:, buckets] @ values + self.bias) / self.temperature
        spread = np.exp(scores - scores.max())
        return dict(zip(self.labels, (spread / spread.sum()).tolist(), strict=True))
