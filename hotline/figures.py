"""The gateway as the page sees it: figures of every part, and bans."""

from collections.abc import Mapping
from dataclasses import fields

import anyio

from hotline.gateway.defence import Ban, Defence
from hotline.instruments import Source

_LONGEST = 64


class GatewayView:
    """What `hotline.web.gateway` shows."""

    def __init__(self, parts: Mapping[str, Source], defence: Defence) -> None:
        self._parts = parts
        self._defence = defence

    def figures(self) -> dict[str, dict[str, float | str]]:
        """Part → figure → value: numbers, and short words such as a trunk's server."""
        found: dict[str, dict[str, float | str]] = {}
        for part, source in sorted(self._parts.items()):
            said = source()
            rows: dict[str, float | str] = {}
            for each in fields(said):  # type: ignore[arg-type]  # a dataclass, by the type's promise
                value = getattr(said, each.name)
                if isinstance(value, int | float):
                    rows[each.name] = float(value)
                elif isinstance(value, str):
                    rows[each.name] = value[:_LONGEST]
            found[part] = rows
        return found

    def bans(self) -> tuple[Ban, ...]:
        """In force, longest first."""
        return self._defence.bans(anyio.current_time())

    def lift(self, source: str) -> bool:
        """End a ban; False when there was none."""
        return self._defence.lift(source)
