"""Hides the names of persons and addresses below the county in text, keeping its length (pure).

Numbers are hidden by `hotline.redact`; this goes over what it leaves. A name can only be hidden where it is
known: from the order's form, or from what the router has understood. Which words make an address, and which
tell what somebody is and not who, is data: `personal.zh-CN.json`.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hotline.redact import STAR, mask_name, mask_text

NAME_FIELDS = frozenset({"caller_name", "counterparty"})
"""Fields whose value is a person's name."""
MIN_NAME = 2
"""A surname alone is left: it is any word's first character."""


def hide_names(text: str, names: Iterable[str]) -> str:
    """The text with every whole name down to its first character; the longest names first."""
    for name in sorted({each.strip() for each in names}, key=len, reverse=True):
        if len(name) >= MIN_NAME:
            text = text.replace(name, mask_person(name))
    return text


def mask_person(name: str) -> str:
    """A person's name with only its first character left; what somebody is, such as the boss, is no name."""
    return name if name in _roles() else mask_name(name)


def hide_addresses(text: str) -> str:
    """The text with what is said of an address below its county hidden, and house numbers."""
    below, house = _patterns()
    text = below.sub(lambda found: found["county"] + STAR * len(found["rest"]), text)
    return house.sub(lambda found: STAR * len(found[0]), text)


def hide(text: str, names: Iterable[str] = ()) -> str:
    """Everything: numbers, the names that are known, addresses."""
    return hide_addresses(hide_names(mask_text(text), names))


def _data(part: str) -> Any:
    return json.loads(Path(__file__).with_name("personal.zh-CN.json").read_text(encoding="utf-8"))[part]


@cache
def _roles() -> frozenset[str]:
    return frozenset(_data("roles"))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    data = _data("address")
    rest = "|".join(f"(?:{part})" for part in data["parts"])
    return re.compile(f"(?P<county>{data['after']})(?P<rest>(?:{rest})+)"), re.compile(data["house"])
