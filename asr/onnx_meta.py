"""The metadata of an ONNX file, read without loading its weights.

sherpa-onnx ends the whole process when a model lacks what it needs; so a model is looked at first. The file
is a protocol buffer (onnx.proto, `ModelProto`): `metadata_props` is field 14, the graph (field 7) is skipped.
"""

from pathlib import Path
from typing import BinaryIO

from asr.errors import EngineFailed

_PROPERTIES = 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 4 << 20
"""Bytes of one property, at most: normalisation vectors are some tens of kB."""


def read_metadata(path: Path) -> dict[str, str]:
    """Names and values of `metadata_props`. Raises `EngineFailed` for a file that is no ONNX model."""
    found: dict[str, str] = {}
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            while file.tell() < size:
                number, kind = divmod(_varint(file), 8)
                if kind == _BYTES:
                    length = _varint(file)
                    if length > size - file.tell():
                        raise _no_model(path)
                    if number == _PROPERTIES and length <= _LONGEST:
                        found.update(_pair(file.read(length)))
                    else:
                        file.seek(length, 1)
                else:
                    _skip(file, kind, path)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise _no_model(path) from error
    if not size:
        raise _no_model(path)
    return found


def _no_model(path: Path) -> EngineFailed:
    return EngineFailed(f"{path.name}: not an ONNX model, or cut short")


def _skip(file: BinaryIO, kind: int, path: Path) -> None:
    if kind == _VARINT:
        _varint(file)
    elif kind in {_FIXED64, _FIXED32}:
        file.seek(8 if kind == _FIXED64 else 4, 1)
    else:
        raise _no_model(path)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise EOFError


def _pair(data: bytes) -> dict[str, str]:
    """A `StringStringEntryProto`: key is field 1, value is field 2."""
    from io import BytesIO

    file, texts = BytesIO(data), {1: "", 2: ""}
    while file.tell() < len(data):
        number, kind = divmod(_varint(file), 8)
        if kind != _BYTES:
            raise EOFError
        texts[number] = file.read(_varint(file)).decode("utf-8")
    return {texts[1]: texts[2]}
