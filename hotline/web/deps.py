"""What the web part needs of the rest of the line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hotline.bus import InProcessBus
from hotline.call.line import utc_now
from hotline.gateway.web_door import WebDoor
from hotline.metrics import Metrics
from hotline.settings import Settings
from hotline.stats.statistics import Statistics
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.exchange_tokens import ExchangeTokens
from hotline.store.tokens import UnitTokens
from hotline.store.users import UserStore
from hotline.web.staffing import Staffing
from hotline.web.unit_parts import UnitParts
from workorders.case_queries import CaseQueries
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService
from workorders.similar import SimilarOrders


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the line can take calls."""

    ready: bool
    problems: tuple[str, ...] = ()
    """Why it cannot; English, no personal data."""


class BanView(Protocol):
    """One ban in force."""

    @property
    def source(self) -> str:
        """Who."""

    @property
    def seconds(self) -> float:
        """Left."""

    @property
    def times(self) -> int:
        """Bans so far."""


class Gateway(Protocol):
    """The gateway as the page shows it."""

    def figures(self) -> dict[str, dict[str, float | str]]:
        """Part → figure → value."""

    def bans(self) -> Sequence[BanView]:
        """In force, longest first."""

    def lift(self, source: str) -> bool:
        """End a ban; False when there was none."""


class NoGateway:
    """For a web part that runs without one."""

    def figures(self) -> dict[str, dict[str, float | str]]:
        """None."""
        return {}

    def bans(self) -> Sequence[BanView]:
        """None."""
        return ()

    def lift(self, source: str) -> bool:
        """There is none."""
        del source
        return False


@dataclass(frozen=True, slots=True)
class FlagNote:
    """What a flag on a call or an order means."""

    label: str
    basis: str
    """The law or rule it rests on; Chinese, as a person reads it."""


@dataclass(frozen=True, slots=True)
class WebDeps:
    """Everything the handlers call."""

    settings: Settings
    bus: InProcessBus
    calls: CallStore
    users: UserStore
    audit: AuditStore
    tokens: UnitTokens
    orders: OrderQueries
    cases: CaseQueries
    similar: SimilarOrders
    partners: ExchangeTokens
    labels: Mapping[str, str]
    """Every matter and service code and its Chinese name."""
    services: Sequence[str]
    """Codes of services among them."""
    service: WorkOrderService
    units: UnitParts
    health: Callable[[], Health]
    metrics: Metrics = field(default_factory=Metrics)
    gateway: Gateway = field(default_factory=NoGateway)
    web_door: WebDoor | None = None
    """Where the page `/call` rings; None in a web part without a line."""
    staffing: Staffing | None = None
    """Who answers; None in a web part without a line."""
    stats: Statistics | None = None
    """None in a web part without statistics."""
    flags: Mapping[str, FlagNote] = field(default_factory=dict)
    """By code."""
    now: Callable[[], datetime] = utc_now
