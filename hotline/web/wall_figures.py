"""The wallboard's figures of the day as they were last counted, for everyone who looks."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio

from hotline.acd.tally import Tally
from workorders.similar import Cluster


@dataclass(slots=True)
class Gathered:
    """Parties that many call about, as they were last looked for; `lock` is held by who looks."""

    at: datetime | None = None
    clusters: list[Cluster] = field(default_factory=list)
    lock: anyio.Lock = field(default_factory=anyio.Lock)


@dataclass(slots=True)
class Counted:
    """Of one web part; `lock` is held by who counts."""

    at: datetime | None = None
    """When; None: to be counted anew."""
    figures: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    """Callers who hung up and were not spoken to since; masked."""
    recent: Tally | None = None
    """Of the last half hour."""
    lock: anyio.Lock = field(default_factory=anyio.Lock)
