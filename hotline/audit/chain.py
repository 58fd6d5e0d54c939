"""The arithmetic of the chain: rows to digests, digests to linked entries (pure, no I/O).

A row's digest is the SHA-256 of its canonical JSON: UTF-8, keys sorted, no spaces, times in UTC with six
decimals and `Z`. An entry's hash is the SHA-256 of the canonical JSON list
`[prev, seq, source, row, digest]`. Anybody can compute both from an export with a dozen lines of any
language; docs/audit.md has them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

GENESIS = "0" * 64
"""What the first entry has as `prev`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link."""

    seq: int
    """1, 2, 3, …"""
    source: str
    """The table the row is in."""
    row: int
    """The row's id there."""
    digest: str
    prev: str
    """The hash of the entry before."""
    hash: str
    sealed_at: datetime
    """UTC; says when, proves nothing: it is not part of the hash."""


def canonical(value: Any) -> bytes:
    """The one way to write a value down. Raises `TypeError` for what JSON and `_plain` do not know."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    ).encode("utf-8", "surrogatepass")


def digest_of(row: Mapping[str, Any]) -> str:
    """The digest of a row without its id: rows that have changed places are told from altered ones."""
    return hashlib.sha256(canonical(row)).hexdigest()


def link(prev: str, seq: int, source: str, row: int, digest: str) -> str:
    """The hash of an entry."""
    return hashlib.sha256(canonical([prev, seq, source, row, digest])).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")
