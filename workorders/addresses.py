"""Which addresses an order may be sent to."""

from ipaddress import ip_address
from urllib.parse import urlsplit


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
