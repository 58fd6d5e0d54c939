"""Speaker embeddings → who is who: average-linkage clustering by cosine, in bounded memory (pure)."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 400
"""Embeddings that are compared all with all; more are first brought together block by block."""
TIGHT = 0.60
"""Cosine over which a block's members are one voice for certain."""
THRESHOLD = 0.40
"""Cosine over which two clusters are one speaker (between same and different voices behind A-law)."""
SMALLEST = 0.05
"""A cluster with a smaller share of the speech is no speaker of its own but joins the nearest."""


def cluster(embeddings: NDArray[np.float32], speakers: int | None = None) -> NDArray[np.int64]:
    """A speaker number for each of (n, d) unit vectors, numbered as they first come.

    With `speakers` exactly so many (or as many as there are vectors), else as many as `THRESHOLD` leaves.
    """
    if not len(embeddings):
        return np.zeros(0, np.int64)
    labels = np.arange(len(embeddings))
    while len(np.unique(labels)) > BLOCK:
        before = len(np.unique(labels))
        labels = _by_blocks(embeddings, labels)
        if len(np.unique(labels)) > 0.9 * before:  # many voices or none: force it
            labels = _by_blocks(embeddings, labels, forced=True)
    labels = _merged(embeddings, labels, THRESHOLD, speakers)
    if speakers is None:
        labels = _without_crumbs(embeddings, labels)
    _, first = np.unique(labels, return_index=True)
    order = {int(labels[at]): n for n, at in enumerate(sorted(first))}
    return np.array([order[int(each)] for each in labels])


def _by_blocks(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], *, forced: bool = False
) -> NDArray[np.int64]:
    out = labels.copy()
    names = np.unique(labels)
    for at in range(0, len(names), BLOCK):
        inside = np.isin(labels, names[at : at + BLOCK])
        most = BLOCK // 2 if forced else None
        out[inside] = _merged(embeddings[inside], labels[inside], TIGHT, most)
    return out


def _merged(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], threshold: float, count: int | None
) -> NDArray[np.int64]:
    """Join the two nearest clusters again and again; similarity is the mean over all pairs of members."""
    names, member = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), embeddings.shape[1]))
    np.add.at(sums, member, embeddings)
    sizes = np.bincount(member, minlength=len(names)).astype(float)
    near = (sums @ sums.T) / np.outer(sizes, sizes)
    np.fill_diagonal(near, -np.inf)
    into, left = np.arange(len(names)), len(names)
    while left > (count or 1):
        a, b = divmod(int(np.argmax(near)), len(names))
        if count is None and near[a, b] < threshold:
            break
        row = (near[a] * sizes[a] + near[b] * sizes[b]) / (sizes[a] + sizes[b])
        sizes[a] += sizes[b]
        near[a], near[:, a] = row, row
        near[a, a], near[b], near[:, b] = -np.inf, -np.inf, -np.inf
        into[into == b] = a
        left -= 1
    merged: NDArray[np.int64] = names[into][member]
    return merged


def _without_crumbs(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    names, counts = np.unique(labels, return_counts=True)
    kept = names[counts >= max(2.0, SMALLEST * len(labels))]
    if not len(kept) or len(kept) == len(names):
        return labels if len(kept) else np.zeros_like(labels)
    centres = np.stack([embeddings[labels == name].mean(axis=0) for name in kept])
    lost = ~np.isin(labels, kept)
    out = labels.copy()
    out[lost] = kept[np.argmax(embeddings[lost] @ centres.T, axis=1)]
    return out
