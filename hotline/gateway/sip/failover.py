"""Which of several servers is tried first, and when again (RFC 2782, RFC 3263 §4.3, RFC 5626 §4.5). Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hotline.gateway_settings import TrunkServer

BASE_S, LONGEST_S = 30.0, 1800.0
"""Wait after all servers have failed: doubles from the first to the second, half to whole at random."""
RETRY_STATUS = frozenset({408, 480, 500, 502, 503, 504})
"""Failures after which another server may do better; a 4xx or 6xx of another kind is everyone's answer."""


def order(servers: Sequence[TrunkServer], chance: random.Random) -> list[TrunkServer]:
    """By priority; among equals by weight at random (RFC 2782)."""
    found: list[TrunkServer] = []
    for priority in sorted({item.priority for item in servers}):
        left = [item for item in servers if item.priority == priority]
        while left:
            point = chance.uniform(0, sum(item.weight for item in left))
            for item in left:
                point -= item.weight
                if point <= 0:
                    break
            left.remove(item)
            found.append(item)
    return found


def wait_after(failures: int, chance: random.Random) -> float:
    """Seconds to wait when every server has failed `failures` times in a row."""
    ceiling = min(LONGEST_S, BASE_S * 2.0 ** max(0, failures - 1))
    return chance.uniform(ceiling / 2, ceiling)


def refresh_after(expires: int, chance: random.Random) -> float:
    """Seconds after which a registration is made anew: well before its end, not all at once."""
    return expires * chance.uniform(0.75, 0.9)


@dataclass(slots=True)
class Health:
    """Whether a server answers, with hysteresis: two misses make it down, two answers up."""

    up: bool = True
    streak: int = 0
    round_trip_ms: float | None = None
    rests_until: float = 0.0
    """It has asked not to be bothered before."""

    def note(self, *, answered: bool) -> bool:
        """One question more; True when the verdict has changed."""
        if answered == self.up:
            self.streak = 0
            return False
        self.streak += 1
        if self.streak < 2:
            return False
        self.up, self.streak = answered, 0
        return True
