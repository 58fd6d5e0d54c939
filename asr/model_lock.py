"""What files without a known hash were when they were first fetched: a lock beside the models.

The catalogue holds a SHA-256 only where somebody of ours has had the file. For the rest the operator brings
one, or takes what comes once; from then on the lock holds the file to that.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asr.errors import ModelUnavailable

NAME = "models.lock.json"


@dataclass(frozen=True, slots=True)
class Trust:
    """How far an operator trusts a source for this fetch."""

    given: Mapping[str, str] = field(default_factory=dict)
    """File → SHA-256 that the operator knows of."""
    first_use: bool = False
    """Take files without a hash as they come, and hold them to that."""


def read_lock(folder: Path, name: str) -> dict[str, str]:
    """File → SHA-256 of an entry; empty when it has none. Raises `ModelUnavailable` for a broken lock."""
    entry = _read(folder).get(name, {})
    files = entry.get("files", {}) if isinstance(entry, dict) else None
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise ModelUnavailable(f"{folder / NAME}: {name}: not what this program writes; mend or delete it")
    return files


def write_lock(folder: Path, name: str, files: Mapping[str, str], source: str) -> None:
    """Record an entry's hashes. Raises `OSError` or `ModelUnavailable`."""
    content = _read(folder)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    content[name] = {"source": source, "fetched": when, "files": dict(sorted(files.items()))}
    draft = folder / f".{NAME}.{os.getpid()}"
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(folder / NAME)


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{folder / NAME}: cannot be read; mend or delete it") from error
    if not isinstance(content, dict):
        raise ModelUnavailable(f"{folder / NAME}: not what this program writes; mend or delete it")
    return content
