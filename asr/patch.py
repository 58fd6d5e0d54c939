"""A fine-tuned model as a small file on top of packaged weights: what training changed, a byte a number.

Differences are tiny beside the weights: 8 bits with a scale for each row lose nothing that can be measured.
The file is a NumPy archive without pickles: `name` holds int8 differences, `name:scale` float32 row scales.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.weights import BadWeights, Tensor, read_weights, replaced

SCALE = ":scale"
LEVELS = 127
EPOCH = (1980, 1, 1, 0, 0, 0)
"""A fixed date in the archive: the same weights give the same bytes."""


def make_patch(base: Path, tuned: Mapping[str, Tensor], share: float = 1.0) -> bytes:
    """What to add to the model.bin `base` to get `share` of the way to the tuned weights.

    A share below 1 averages both models' weights, which keeps more of what the base knew (Wortsman et al.
    2022, "Robust fine-tuning of zero-shot models"). Raises `BadWeights`, `OSError`.
    """
    known = read_weights(base)
    arrays: dict[str, NDArray[Any]] = {}
    for name in sorted(tuned):
        if name not in known or known[name].shape != tuned[name].shape:
            raise BadWeights(f"the base has no {name} of this shape")
        change = (tuned[name].astype(np.float32) - known[name].astype(np.float32)) * np.float32(share)
        if not change.any():
            continue
        rows = change.reshape(change.shape[0], -1) if change.ndim > 1 else change.reshape(1, -1)
        scale = np.abs(rows).max(axis=1) / LEVELS
        scale[scale == 0] = 1.0
        arrays[name] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(change.shape)
        arrays[name + SCALE] = scale.astype(np.float32)
    return _archive(arrays)


def apply_patch(base: bytes, patch: bytes, strength: float = 1.0) -> bytes:
    """The tuned model.bin; the same bytes on every machine.

    `strength` goes on along the same line, or stops before its end: of a patch made with a share of 0.3,
    2 makes the weights of a share of 0.6. Raises `BadWeights`.
    """
    try:
        with np.load(io.BytesIO(patch), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadWeights("not a patch of weights") from error
    known = read_weights(base)
    changed: dict[str, Tensor] = {}
    for name, change in arrays.items():
        if name.endswith(SCALE):
            continue
        scale = arrays.get(name + SCALE)
        if scale is None or name not in known or change.shape != known[name].shape:
            raise BadWeights(f"the patch does not fit the base at {name}")
        steps = scale.astype(np.float32) * np.float32(strength)
        rows = change.reshape(len(scale), -1).astype(np.float32) * steps[:, None]
        changed[name] = known[name].astype(np.float32) + rows.reshape(change.shape)
    return replaced(base, changed)


def _archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """np.savez_compressed with a fixed date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            raw = io.BytesIO()
            np.lib.format.write_array(raw, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, raw.getvalue())
    return out.getvalue()
