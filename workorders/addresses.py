"""Which addresses an order may be sent to."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

IpAddress = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where a name may lead. The public internet, the networks named here, and this machine by its own name.

    What a name resolves to is judged just before connecting, and that address is connected to: a name that is
    made to point inside later gets nowhere.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Private networks that units' systems stand in, e.g. the government's."""

    @classmethod
    def of(cls, networks: Sequence[str]) -> "AddressPolicy":
        """From `10.1.0.0/16` and the like. Raises `ValueError`."""
        return cls(tuple(ip_network(each) for each in networks))

    def permits(self, host: str, address: str) -> bool:
        """Whether a host name may be reached at what it resolved to."""
        found = _plain(ip_address(address.partition("%")[0]))
        if found.is_loopback:
            return _is_loopback(host)
        if any(found in network for network in self.networks if network.version == found.version):
            return True
        return found.is_global and not found.is_multicast


def _plain(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_allowed(address: str) -> bool:
    """https anywhere, or http to this machine; no user name or password in the address."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
