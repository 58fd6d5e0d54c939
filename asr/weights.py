"""CTranslate2's model.bin: read, changed and written back tensor by tensor.

The layout is what ctranslate2 4.x writes (`python/ctranslate2/specs/model_spec.py`, `_serialize`): version,
name, revision, tensors (name, shape, type, bytes), aliases; strings are length-prefixed and end with NUL.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import AsrError

Tensor = NDArray[Any]

TYPES: tuple[type[np.generic], ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By the number that stands in the file."""
TENSORS_MAX = 10_000
DIMENSIONS_MAX = 8


class BadWeights(AsrError):
    """A weights file that is not laid out as expected."""

    code = "asr.bad_weights"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor's numbers lie in the file."""

    name: str
    shape: tuple[int, ...]
    kind: type[np.generic]
    start: int
    size: int


class _Cursor:
    """Reads numbers and strings on end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, code: str) -> int:
        value: int = struct.unpack_from(f"<{code}", self.data, self.at)[0]
        self.at += struct.calcsize(code)
        return value

    def string(self) -> str:
        length = self.number("H")
        raw = self.data[self.at : self.at + length - 1]
        self.at += length
        return raw.decode("utf-8")


def _places(data: bytes) -> Iterator[_Place]:
    """The tensors in file order. Raises `BadWeights`."""
    cursor = _Cursor(data)
    try:
        cursor.number("I")
        cursor.string()
        cursor.number("I")
        count = cursor.number("I")
        if count > TENSORS_MAX:
            raise BadWeights("too many tensors")
        for _ in range(count):
            name, rank = cursor.string(), cursor.number("B")
            if rank > DIMENSIONS_MAX:
                raise BadWeights(f"{name}: too many dimensions")
            shape = tuple(cursor.number("I") for _ in range(rank))
            kind, size = TYPES[cursor.number("B")], cursor.number("I")
            if cursor.at + size > len(data) or size != int(np.prod(shape)) * np.dtype(kind).itemsize:
                raise BadWeights(f"{name}: size does not fit its shape")
            yield _Place(name, shape, kind, cursor.at, size)
            cursor.at += size
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise BadWeights("not a CTranslate2 model") from error


def read_weights(source: Path | bytes) -> dict[str, Tensor]:
    """Tensors by CTranslate2's own names, of a file or its bytes. Raises `BadWeights`, `OSError`."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    return {
        each.name: np.frombuffer(data[each.start : each.start + each.size], each.kind).reshape(each.shape)
        for each in _places(data)
    }


def replaced(data: bytes, tensors: Mapping[str, Tensor]) -> bytes:
    """The same file with some tensors' numbers changed; the result depends on nothing else.

    Raises `BadWeights` for a tensor that the file has not, has in another shape, or quantised.
    """
    out, left = bytearray(data), dict(tensors)
    for each in _places(data):
        new = left.pop(each.name, None)
        if new is None:
            continue
        if new.shape != each.shape or each.kind not in (np.float16, np.float32):
            raise BadWeights(f"{each.name}: another shape or type than in the base")
        out[each.start : each.start + each.size] = new.astype(each.kind).tobytes()
    if left:
        raise BadWeights(f"the base has no {min(left)}")
    return bytes(out)
