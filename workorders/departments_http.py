"""Hands orders to units' own systems: a signed JSON POST to an address of `routing.yaml`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import ClassVar

import anyio
import httpx

from workorders.addresses import is_allowed
from workorders.errors import DeliveryFailed, RoutingError
from workorders.ports import Parcel
from workorders.signature import DELIVERY_HEADER, SIGNATURE_HEADER, sign

CONNECT_S = 5.0
TOTAL_S = 15.0
"""A unit that has not answered by then is tried again later."""
HOPELESS = frozenset({400, 410, 413, 415, 422})
"""Answers that say the same order will never be taken."""


class DeliveryRefused(DeliveryFailed):
    """The unit's system will never take this delivery."""

    code = "order.delivery_refused"
    retryable: ClassVar[bool] = False


class HttpDepartments:
    """POSTs parcels. Only https, or http to this machine; follows no redirect and uses no proxy."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        secret: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        total_s: float = TOTAL_S,
    ) -> None:
        """`addresses`: unit code → URL. Raises `RoutingError` naming units whose address is not allowed."""
        bad = sorted(unit for unit, address in addresses.items() if not is_allowed(address))
        if bad:
            raise RoutingError(f"webhooks must be https, or http to loopback: {', '.join(bad)}")
        self._addresses = dict(addresses)
        self._secret = secret.encode()
        self._clock = clock
        self._total_s = total_s

    def serves(self, unit: str) -> bool:
        """Whether the unit has an address."""
        return unit in self._addresses

    async def deliver(self, parcel: Parcel) -> None:
        """POST; returns on 2xx. Raises `DeliveryFailed`, `DeliveryRefused`. Cancelling hangs up."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "hotline12348",
            DELIVERY_HEADER: parcel.delivery_id,
            SIGNATURE_HEADER: sign(self._secret, parcel.delivery_id, parcel.body, self._clock()),
        }
        timeout = httpx.Timeout(self._total_s, connect=CONNECT_S)
        try:
            # A client each time: deliveries are rare, and a connection kept to a dead system fails slowly.
            with anyio.fail_after(self._total_s):
                async with (
                    httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client,
                    client.stream(
                        "POST", self._addresses[parcel.unit], content=parcel.body, headers=headers
                    ) as answer,
                ):
                    status = answer.status_code  # the body is not read: its size is not ours to trust
        except TimeoutError:
            raise DeliveryFailed("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryFailed(f"no answer ({type(error).__name__})") from None
        if status in HOPELESS:
            raise DeliveryRefused(f"refused with {status}")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")
