"""What the web part needs of the rest of the line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from hotline.bus import InProcessBus
from hotline.call.line import utc_now
from hotline.metrics import Metrics
from hotline.settings import Settings
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.tokens import UnitTokens
from hotline.store.users import UserStore
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the line can take calls."""

    ready: bool
    problems: tuple[str, ...] = ()
    """Why it cannot; English, no personal data."""


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
    service: WorkOrderService
    health: Callable[[], Health]
    metrics: Metrics = field(default_factory=Metrics)
    now: Callable[[], datetime] = utc_now
