"""Puts the examples in Chinese, which lie in a data file, into an OpenAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("api_examples.zh-CN.json")


def give_examples(document: dict[str, Any]) -> None:
    """Adds them where the document has none: `Schema.property`, and `?name` for parameters."""
    examples: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    for name, schema in document["components"]["schemas"].items():
        for field, property_ in schema.get("properties", {}).items():
            if f"{name}.{field}" in examples:
                property_.setdefault("examples", [examples[f"{name}.{field}"]])
    for parameter in _parameters(document):
        if f"?{parameter['name']}" in examples:
            parameter["schema"].setdefault("examples", [examples[f"?{parameter['name']}"]])


def _parameters(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation.get("parameters", ())
