"""Ports for tests: free when asked, and out of the way of each other, of the lines and of the system."""

import random
import re
import socket
from collections import deque
from pathlib import Path

PEERS = range(10_000, 20_000)
"""For whoever calls a line or is called by it. Lines have what is above 20,000, `hotline call` too."""
LINES = range(24_000, 32_000)
"""For the sound of lines under test; they pass over a port that is taken."""
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: deque[int] = deque(maxlen=400)
"""Given out lately: their new owner may not have bound them yet."""
_NOT_BOUND = re.compile(r"unable to bind|address already in use|errno (= )?98", re.IGNORECASE)


def free_port(kind: socket.SocketKind | None = None) -> int:
    """A port of loopback that nobody has at the moment, by TCP and UDP or by one of them.

    Not one of those that the system gives to sockets which ask for none: those come and go all the time.
    """
    return free_run(1, (kind,) if kind is not None else (socket.SOCK_STREAM, socket.SOCK_DGRAM))


def free_run(count: int, kinds: tuple[socket.SocketKind, ...] = (socket.SOCK_DGRAM,)) -> int:
    """The first of `count` free ports in a row; a multiple of 4, which sound and picture with RTCP want."""
    low, high = _ephemeral()
    for _ in range(1_000):
        first = random.randrange(PEERS.start, PEERS.stop - count, 4)
        run = range(first, first + count)
        if any(low <= port <= high for port in run) and (low > PEERS.start or high < PEERS.stop):
            continue
        if not set(run) & set(_given) and all(_is_free(port, kind) for port in run for kind in kinds):
            _given.extend(run)
            return first
    raise AssertionError(f"no {count} free ports in a row in {PEERS}")


def line_ports(pairs: int) -> tuple[int, int]:
    """First and last RTP port for a line with so many legs, and some more as a few may be taken."""
    width = 4 * pairs
    low = random.randrange(LINES.start, LINES.stop - width, 2)
    return low, low + width


def sipp_ports() -> list[str]:
    """Options that give sipp a signalling port and a media port whose neighbours are free too."""
    return ["-p", str(free_port()), "-mp", str(free_run(6))]


def not_bound(said: str) -> bool:
    """Whether a program ended since somebody else had come to have its port."""
    return _NOT_BOUND.search(said) is not None


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:  # as servers do: what only lingers there is in nobody's way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def _ephemeral() -> tuple[int, int]:
    try:
        low, high = _RANGE.read_text().split()
    except (OSError, ValueError):
        return 32_768, 60_999
    return int(low), int(high)
