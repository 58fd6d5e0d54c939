"""Whisper weights for Chinese only: the same model with a sixteenth of its vocabulary.

The decoder ends in a product with every token's row: in Whisper base 51,865 rows of 512, as many numbers as
all its layers together, read again for each token written. Chinese text needs some 3,000 of them. Rows are
left out, nothing else changes: the kept tokens weigh against each other as before.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.errors import EngineFailed
from asr.whisper.vocabulary import is_chinese, kept

CONTROLS = frozenset(
    f"<|{name}|>"
    for name in (
        "endoftext",
        "startoftranscript",
        "zh",
        "translate",
        "transcribe",
        "startoflm",
        "startofprev",
        "nospeech",
        "nocaptions",
        "notimestamps",
    )
)
"""Control tokens of reading Chinese without time stamps."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A CTranslate2 Whisper in memory."""

    files: dict[str, bytes]
    """model.bin, config.json and vocabulary.json."""
    vocabulary: tuple[str, ...]
    """Content of vocabulary.json."""


def read_model(folder: Path, *, chinese_only: bool) -> ModelFiles:
    """The model in `folder`, whole or for Chinese only. Raises `EngineFailed`."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        spelled: list[str] = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        data = (folder / "model.bin").read_bytes()
        if chinese_only:
            numbers = kept(spelled, CONTROLS, is_chinese)
            data = _with_rows(data, len(spelled), numbers)
            config = _renumbered(config, numbers)
            spelled = [spelled[number] for number in numbers]
    except (OSError, ValueError, IndexError, KeyError, TypeError, struct.error) as error:
        raise EngineFailed(f"whisper: {type(error).__name__}") from error
    files = {
        "model.bin": data,
        "config.json": json.dumps(config).encode(),
        "vocabulary.json": json.dumps(spelled).encode(),
    }
    return ModelFiles(files, tuple(spelled))


def _renumbered(config: dict[str, Any], numbers: list[int]) -> dict[str, Any]:
    """The model's settings with the new numbers of tokens that are still there."""
    new = {old: number for number, old in enumerate(numbers)}
    lists = ("lang_ids", "suppress_ids", "suppress_ids_begin")
    return config | {
        name: [new[old] for old in config[name] if old in new] for name in lists if name in config
    }


def _with_rows(data: bytes, rows: int, numbers: list[int]) -> bytes:
    """model.bin with only those rows of each tensor that has one a token.

    Layout as ctranslate2 4.x writes it (`specs/model_spec.py`, `_serialize`): version, name, revision, then
    tensors (name, shape, type, bytes), then aliases; strings are length-prefixed and end with NUL.
    """
    at = 4
    at += 2 + struct.unpack_from("<H", data, at)[0] + 4
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    out = bytearray(data[:at])
    for _ in range(count):
        began = at
        at += 2 + struct.unpack_from("<H", data, at)[0]
        (rank,) = struct.unpack_from("<B", data, at)
        shape = struct.unpack_from(f"<{rank}I", data, at + 1)
        head = at + 1 + 4 * rank
        kind, size = struct.unpack_from("<BI", data, head)
        body = head + 5
        at = body + size
        if at > len(data):
            raise ValueError("tensor cut short")
        if not shape or shape[0] != rows:
            out += data[began:at]
            continue
        width = size // rows
        out += data[began : head - 4 * rank]
        out += struct.pack(f"<{rank}I", len(numbers), *shape[1:])
        out += struct.pack("<BI", kind, width * len(numbers))
        for number in numbers:
            out += data[body + number * width : body + (number + 1) * width]
    return bytes(out + data[at:])
