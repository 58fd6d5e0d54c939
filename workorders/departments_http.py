"""Hands orders to units' own systems: a signed JSON POST to an address of `routing.yaml`."""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import anyio
import anyio.to_thread
import httpx

from workorders.addresses import AddressPolicy, is_allowed
from workorders.errors import DeliveryFailed, RoutingError
from workorders.ports import Parcel
from workorders.signature import DELIVERY_HEADER, SIGNATURE_HEADER, sign

CONNECT_S = 5.0
TOTAL_S = 15.0
"""A unit that has not answered by then is tried again later."""
MAX_ADDRESSES = 3
HOPELESS = frozenset({400, 410, 413, 415, 422})
"""Answers that say the same order will never be taken."""
Secrets = Callable[[str, datetime], Sequence[bytes]]
"""(unit, now) → its secrets; may block."""


class DeliveryRefused(DeliveryFailed):
    """The unit's system will never take this delivery."""

    code = "order.delivery_refused"
    retryable: ClassVar[bool] = False


class DeliveryTimedOut(DeliveryFailed):
    """The unit's system did not answer in time."""

    code = "order.delivery_timeout"


class DeliveryRedirected(DeliveryFailed):
    """The unit's system pointed elsewhere; orders go only where an operator has written."""

    code = "order.delivery_redirected"


class AddressRefused(DeliveryFailed):
    """The name leads to an address that is not allowed."""

    code = "order.delivery_address"
    retryable: ClassVar[bool] = False


class HttpDepartments:
    """POSTs parcels. Only https, or http to this machine; follows no redirect and uses no proxy."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        secrets: Secrets,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        total_s: float = TOTAL_S,
        policy: AddressPolicy | None = None,
        authority: Path | None = None,
    ) -> None:
        """`addresses`: unit code → URL. `authority`: a PEM file of who else may sign units' certificates.

        Raises `RoutingError` naming units whose address is not allowed, `OSError` for an unreadable file.
        """
        bad = sorted(unit for unit, address in addresses.items() if not is_allowed(address))
        if bad:
            raise RoutingError(f"webhooks must be https, or http to loopback: {', '.join(bad)}")
        self._addresses = dict(addresses)
        self._secrets = secrets
        self._clock = clock
        self._total_s = total_s
        self._policy = policy or AddressPolicy()
        self._tls: ssl.SSLContext | bool = True
        if authority is not None:
            self._tls = ssl.create_default_context()
            self._tls.load_verify_locations(authority)

    def serves(self, unit: str) -> bool:
        """Whether the unit has an address."""
        return unit in self._addresses

    async def deliver(self, parcel: Parcel) -> None:
        """POST; returns on 2xx. Raises `DeliveryFailed` or one of its kinds. Cancelling hangs up."""
        now = self._clock()
        secrets = await anyio.to_thread.run_sync(partial(self._secrets, parcel.unit, now))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "hotline12348",
            DELIVERY_HEADER: parcel.delivery_id,
            SIGNATURE_HEADER: sign(secrets, parcel.delivery_id, parcel.body, now),
        }
        try:
            with anyio.fail_after(self._total_s):
                status = await self._post(httpx.URL(self._addresses[parcel.unit]), parcel.body, headers)
        except (TimeoutError, httpx.TimeoutException):
            raise DeliveryTimedOut("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"no answer ({type(error).__name__})") from None
        if status in HOPELESS:
            raise DeliveryRefused(f"refused with {status}", status)
        if 300 <= status < 400:
            raise DeliveryRedirected(f"answered {status}", status)
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}", status)

    async def _post(self, url: httpx.URL, body: bytes, headers: dict[str, str]) -> int:
        """The answer's status. Tries the name's addresses in turn."""
        addresses = await self._resolve(url)
        for address in addresses[:-1]:
            try:
                return await self._post_to(address, url, body, headers)
            except httpx.ConnectError:
                continue
        return await self._post_to(addresses[-1], url, body, headers)

    async def _post_to(self, address: str, url: httpx.URL, body: bytes, headers: dict[str, str]) -> int:
        timeout = httpx.Timeout(self._total_s, connect=CONNECT_S)
        # A client each time: deliveries are rare, and a connection kept to a dead system fails slowly.
        async with (
            httpx.AsyncClient(
                timeout=timeout, follow_redirects=False, trust_env=False, verify=self._tls
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={**headers, "Host": url.netloc.decode()},
                extensions={"sni_hostname": url.host},
            ) as answer,
        ):
            return answer.status_code  # the body is not read: its size is not ours to trust

    async def _resolve(self, url: httpx.URL) -> list[str]:
        """The addresses to connect to, judged; connecting by name would ask the name service once more."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await anyio.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        allowed = [entry[4][0] for entry in found if self._policy.permits(url.host, entry[4][0])]
        if not allowed:
            raise AddressRefused("the name leads to an address that is not allowed")
        return allowed[:MAX_ADDRESSES]
