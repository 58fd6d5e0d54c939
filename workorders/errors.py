"""Errors of the workorders package.

WorkOrderError
├── UnknownOrder        no order of that number
├── ForbiddenMove       the order's state does not allow this command
│   └── NotPermitted    this role may not do it
├── StaleOrder          somebody changed the order since it was read (retryable after reading again)
├── RoutingError        no unit for this place and category, or the routing data is wrong
└── DeliveryFailed      a unit could not be reached (retryable)
"""

from typing import ClassVar


class WorkOrderError(Exception):
    """Root of the package's errors."""

    code: ClassVar[str] = "order.error"
    retryable: ClassVar[bool] = False


class UnknownOrder(WorkOrderError):
    """No order of that number."""

    code = "order.unknown"


class ForbiddenMove(WorkOrderError):
    """The order's state does not allow this command."""

    code = "order.forbidden_move"


class NotPermitted(ForbiddenMove):
    """The rules do not let this role do it."""

    code = "order.not_permitted"


class StaleOrder(WorkOrderError):
    """Somebody changed the order since it was read."""

    code = "order.stale"
    retryable = True


class RoutingError(WorkOrderError):
    """No unit for this place and category, or the routing data is wrong."""

    code = "order.routing"


class DeliveryFailed(WorkOrderError):
    """A unit could not be reached."""

    code = "order.delivery_failed"
    retryable = True

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        """What the unit's system answered, where it did."""
        super().__init__(message)

    @property
    def told(self) -> str:
        """Code and status, for the outbox row."""
        return self.code if self.status is None else f"{self.code} {self.status}"
