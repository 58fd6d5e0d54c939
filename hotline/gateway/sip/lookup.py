"""Servers' names as addresses, looked up now and then; only for names that settings give."""

from ipaddress import ip_address

import anyio

from hotline.gateway.sip.grammar import SipUri, host_literal

FRESH_S = 60.0
"""An address is asked for anew after so long."""
STALE_S = 3_600.0
"""And used for so long while nobody can tell a newer one: a dead resolver must not cut a trunk."""
LOOKUP_S = 3.0


class Lookup:
    """Remembers addresses; there are as many as settings name servers."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}

    async def resolve(self, uri: str) -> SipUri:
        """A server's URI with an address in the place of a name.

        Raises `OSError` for a name nobody knows, or that nobody tells in time.
        """
        parsed = SipUri.parse(uri)
        try:
            ip_address(parsed.host)
        except ValueError:
            address = await self._address(parsed.host, parsed.port or 5060)
        else:
            return parsed
        port = "" if parsed.port is None else f":{parsed.port}"
        return SipUri.parse(f"{parsed.scheme}:{host_literal(address)}{port};transport={parsed.transport}")

    async def _address(self, name: str, port: int) -> str:
        now = anyio.current_time()
        address, asked = self._known.get(name, ("", float("-inf")))
        if now - asked < FRESH_S:
            return address
        try:
            with anyio.fail_after(LOOKUP_S):
                found = await anyio.getaddrinfo(name, port)
            address = str(found[0][4][0])
        except OSError:  # a time-out is one
            if now - asked > STALE_S:
                raise
            return address
        self._known[name] = (address, now)
        return address
