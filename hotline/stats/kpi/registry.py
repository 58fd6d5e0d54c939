"""All figures there are, in the order in which they are shown."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hotline.errors import ConfigError
from hotline.stats.kpi import answering, handling, orders, satisfaction, volume
from hotline.stats.kpi.model import Kpi, Measure

KPIS: dict[str, Kpi] = {
    kpi.key: kpi for part in (volume, answering, handling, satisfaction, orders) for kpi in part.KPIS
}

USUAL = (
    "calls",
    "requests",
    "answered",
    "answer_rate",
    "in_time_15",
    "sl_b_15",
    "abandon_rate",
    "asa",
    "max_wait",
    "talk_time",
    "aht",
    "occupancy",
    "once_rate",
    "satisfaction",
    "response_rate",
    "orders",
    "sign_rate",
    "finish_rate",
    "on_time_rate",
    "visit_rate",
)
"""What a report shows when it is not asked for anything particular."""


def chosen(keys: Iterable[str]) -> tuple[Kpi, ...]:
    """The figures of these keys; the usual ones of none. Raises `ConfigError` for a key that is none."""
    wanted = tuple(dict.fromkeys(keys)) or USUAL
    unknown = [key for key in wanted if key not in KPIS]
    if unknown:
        raise ConfigError([f"{key}: no such figure" for key in unknown])
    return tuple(KPIS[key] for key in wanted)


def measures(kpis: Iterable[Kpi]) -> dict[str, Measure]:
    """What these figures are computed from, by key."""
    return {measure.key: measure for kpi in kpis for measure in kpi.parts.values()}


@cache
def words() -> dict[str, Any]:
    """Everything Chinese about figures."""
    loaded: dict[str, Any] = json.loads(
        Path(__file__).with_name("kpi.zh-CN.json").read_text(encoding="utf-8")
    )
    return loaded


def name_of(key: str, kind: str = "kpis") -> Any:
    """The Chinese of a figure (`kpis`: name, formula, rules) or of a measure (`measures`: a name).

    Those of a number of seconds share one text. Raises `KeyError` for a key without words.
    """
    known = words()[kind]
    if key in known:
        return known[key]
    stem, _, seconds = key.rpartition("_")
    text = known[f"{stem}_T"]
    if isinstance(text, str):
        return text.replace("{T}", seconds)
    return {name: part.replace("{T}", seconds) for name, part in text.items()}
