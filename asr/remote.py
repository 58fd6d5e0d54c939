"""What engines that ask another machine share: which addresses are allowed, TLS, secrets, time and patience.

Callers' voices leave this machine there, so an address in the clear is refused beyond loopback unless the
operator says otherwise, certificates are checked, and proxies of the environment are not used.
"""

import os
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from asr.errors import EngineFailed

SECURE = {"wss", "https"}
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 4.0
"""Seconds before the second try, and the most before any."""


class Broken(Exception):
    """The connection is lost or the server talks nonsense: another try may help. Never leaves an engine."""


def checked_url(name: str, url: str, schemes: tuple[str, ...], *, clear: bool) -> str:
    """The address, when it may be used. Raises `EngineFailed` saying why not; never repeats its user part."""
    try:
        parts: SplitResult = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise EngineFailed(f"{name}: url is no address") from error
    if parts.scheme not in schemes or not host:
        raise EngineFailed(f"{name}: url must begin with {' or '.join(each + '://' for each in schemes)}")
    if parts.username or parts.password:
        raise EngineFailed(f"{name}: url must hold no user and no password")
    if parts.scheme not in SECURE and not clear and not _is_loopback(host):
        raise EngineFailed(
            f"{name}: {parts.scheme}://{host} would send callers' voices in the clear; "
            "use TLS, or set clear = true for a closed network"
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(name: str, ca: Path | None, *, verify: bool) -> ssl.SSLContext:
    """Checks certificates against `ca`, or against what the system trusts. Raises `EngineFailed`."""
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise EngineFailed(f"{name}: ca: no certificates can be read from that file") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def read_secret(name: str, variable: str, file: Path | None) -> str:
    """A key from a file, else from an environment variable; empty when neither is set.

    Raises `EngineFailed` for a file that cannot be read and for a key that cannot stand in a header.
    """
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EngineFailed(f"{name}: key_file cannot be read") from error
    else:
        key = os.environ.get(variable, "").strip() if variable else ""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EngineFailed(f"{name}: the key holds characters that no key has")
    return key


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock by which everything must be done."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds that are left; never below nought."""
        return max(0.0, self.at - time.monotonic())

    def rest(self, attempt: int, asked: float | None = None) -> bool:
        """Wait before the next try, longer each time or as long as was asked; False when no time is left."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) if asked is None else max(0.0, asked)
        if pause >= self.left:
            return False
        time.sleep(pause)
        return True
