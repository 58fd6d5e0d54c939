"""Which lines and systems outside there are, and what referrals go by; read from `exchange.yaml`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workorders.addresses import is_allowed
from workorders.errors import RoutingError

EXCHANGE_FILE = "exchange.yaml"
OUTSIDE = "outside-"
"""Codes of outside systems begin so, where others have a unit's code."""
TRANSFER = "transfer"
"""What another line takes, and the source of an order that came from one."""
TAKES = (TRANSFER, "enforcement", "reconsideration")
EXPORTS = TAKES[1:]
"""Referrals that go to a system outside as JSON."""
_CODE_LENGTH = 24


def is_outside(code: str) -> bool:
    """Whether a code means a system outside and no unit."""
    return code.startswith(OUTSIDE)


@dataclass(frozen=True, slots=True)
class OutsideSystem:
    """Another line, or another authority's system."""

    code: str
    """With `OUTSIDE` in front."""
    name: str
    takes: tuple[str, ...]
    """Some of `TAKES`."""
    address: str = ""
    """Where orders and news are POSTed; empty: it fetches them itself."""


@dataclass(frozen=True, slots=True)
class AidBasis:
    """Why somebody gets legal aid without a look at his means."""

    id: str
    label: str
    law: str
    effect: str
    """`no_check`: means are not examined; `no_limit`: means do not matter."""
    flags: tuple[str, ...]
    """Flags of an order that suggest it; a person confirms."""


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """Everything of `exchange.yaml`."""

    systems: Mapping[str, OutsideSystem] = field(default_factory=dict)
    bases: tuple[AidBasis, ...] = ()
    materials: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a notary's client brings, by kind of deed."""

    def system(self, code: str) -> OutsideSystem:
        """The system of a code. Raises `RoutingError` when there is none."""
        found = self.systems.get(code)
        if found is None:
            raise RoutingError(f"no system outside {code[:64]!r}")
        return found

    def taker(self, kind: str) -> OutsideSystem:
        """The system that takes an export of a kind. Raises `RoutingError` when there is none."""
        found = next((each for each in self.systems.values() if kind in each.takes), None)
        if found is None:
            raise RoutingError(f"no system outside takes {kind}")
        return found

    def basis(self, code: str) -> AidBasis | None:
        """The basis of an id."""
        return next((each for each in self.bases if each.id == code), None)

    @property
    def addresses(self) -> dict[str, str]:
        """Where news are POSTed to, by code; systems without an address are left out."""
        return {code: each.address for code, each in self.systems.items() if each.address}


class ExchangeReader:
    """Turns the parsed file into `ExchangeRules`; what is wrong is told to `problem(where, what)`."""

    def __init__(self, problem: Callable[[str, str], None]) -> None:
        self._problem = problem

    def read(self, data: Any) -> ExchangeRules:
        """The rules; with problems the result must not be used."""
        top = self._mapping(data, "file")
        self._only(top, "file", ("notice", "systems", "aid_bases", "notary_materials"))
        systems: dict[str, OutsideSystem] = {}
        for code, value in self._mapping(top.get("systems", {}), "systems").items():
            made = self._system(code, value)
            systems[made.code] = made
        bases = tuple(
            self._basis(item, f"aid_bases[{index}]")
            for index, item in enumerate(self._list(top.get("aid_bases", []), "aid_bases"))
        )
        if len({each.id for each in bases}) != len(bases):
            self._problem("aid_bases", "each needs an id of its own")
        materials = {
            deed: self._texts(items, f"notary_materials.{deed}")
            for deed, items in self._mapping(top.get("notary_materials", {}), "notary_materials").items()
        }
        return ExchangeRules(systems, bases, materials)

    def _system(self, code: str, value: Any) -> OutsideSystem:
        where = f"systems.{code}"
        data = self._mapping(value, where)
        self._only(data, where, ("name", "takes", "address"))
        takes = self._texts(data.get("takes", []), where)
        address, name = str(data.get("address") or ""), str(data.get("name", ""))
        if not (code.isascii() and code.isalnum() and len(code) <= _CODE_LENGTH):
            self._problem(where, "a code is letters and digits")
        if not name:
            self._problem(where, "needs a name")
        if not takes or any(each not in TAKES for each in takes):
            self._problem(where, f"takes must be some of {', '.join(TAKES)}")
        if address and not is_allowed(address):
            self._problem(where, "the address must be https, or http to loopback")
        return OutsideSystem(OUTSIDE + code, name, takes, address)

    def _basis(self, value: Any, where: str) -> AidBasis:
        data = self._mapping(value, where)
        self._only(data, where, ("id", "label", "law", "effect", "flags"))
        code, effect = str(data.get("id", "")), str(data.get("effect", ""))
        if not 0 < len(code) <= 32:
            self._problem(where, "needs an id of at most 32 characters")
        if effect not in ("no_check", "no_limit"):
            self._problem(where, "effect must be no_check or no_limit")
        for key in ("label", "law"):
            if not data.get(key):
                self._problem(where, f"needs a {key}")
        flags = self._texts(data.get("flags", []), where)
        return AidBasis(code, str(data.get("label", "")), str(data.get("law", "")), effect, flags)

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        self._problem(where, "must be a mapping with text keys")
        return {}

    def _list(self, value: Any, where: str) -> list[Any]:
        if isinstance(value, list):
            return value
        self._problem(where, "must be a list")
        return []

    def _texts(self, value: Any, where: str) -> tuple[str, ...]:
        return tuple(str(item) for item in self._list(value, where))

    def _only(self, data: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
        for key in data:
            if key not in known:
                self._problem(where, f"{key} is unknown")
