"""A PyTorch checkpoint of tensors → numpy arrays, without PyTorch and without running what it may carry."""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import EngineFailed

_TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}
"""Storage classes that a checkpoint of weights holds, and what their numbers are."""


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Tensors by name from the zip format that `torch.save` writes (PyTorch ≥ 1.6), CPU or not.

    Only the handful of names that tensors need are resolved: a pickle that asks for anything else is refused,
    so nothing in the file is ever run. Raises `EngineFailed`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inner = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = inner.removesuffix("data.pkl") + "data/"
            read = _Tensors(io.BytesIO(archive.read(inner)), lambda key: archive.read(folder + key))
            content = read.load()
    except (OSError, zipfile.BadZipFile, StopIteration, KeyError) as error:
        raise EngineFailed(f"{path.name}: not a checkpoint that can be read") from error
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise EngineFailed(f"{path.name}: holds more than tensors: {error}") from error
    if not isinstance(content, dict):
        raise EngineFailed(f"{path.name}: no named tensors in it")
    return {str(name): each for name, each in content.items() if isinstance(each, np.ndarray)}


class _Tensors(pickle.Unpickler):
    """Resolves tensors and the dictionary around them, nothing else."""

    def __init__(self, file: io.BytesIO, storage: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """A storage's number format, the function that makes tensors, or a refusal."""
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, saved_id: Any) -> NDArray[Any]:
        """The numbers of a storage: `("storage", type, key, device, length)`."""
        _, kind, key, _, length = saved_id
        return np.frombuffer(self._storage(str(key)), kind, count=int(length))


def _tensor(storage: NDArray[Any], offset: int, size: Sequence[int], stride: Sequence[int], *_: Any) -> Any:
    """A tensor from its place in a storage; sizes and strides count elements. Raises `ValueError`."""
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((*size, *stride, offset, 0)) < 0 or (0 not in size and last >= len(storage)):
        raise ValueError("a tensor outside its storage")
    view = np.lib.stride_tricks.as_strided(
        storage[offset:], tuple(size), tuple(step * storage.itemsize for step in stride)
    )
    return np.array(view)
