"""Who can serve which call at one moment; worked out once for all waiting calls."""

from collections.abc import Iterable

from hotline.acd.model import Wanted
from hotline.acd.queue import SkillRules
from hotline.acd.seat import StaffSeat

MEMORY = 1_000
"""Different wishes remembered from one look to the next."""


class Round:
    """A look at all seats. Good until any of them changes, or duty hours do."""

    def __init__(self, seats: Iterable[StaffSeat], rules: SkillRules, before: "Round | None" = None) -> None:
        """`before`: an earlier look; what it found holds while the same people serve with the same skills."""
        self._rules = rules
        self._serving = {seat.agent.name: seat for seat in seats if seat.serving}
        self._on_duty = [seat.agent.skills for seat in self._serving.values()]
        self._who = [(seat, seat.agent) for seat in self._serving.values()]
        self._able: dict[tuple[frozenset[str], int], list[StaffSeat]] = {}
        if before is not None and len(before._able) < MEMORY and before._who == self._who:
            self._able = before._able

    def able(self, wanted: Wanted, steps: int) -> list[StaffSeat]:
        """Who may get the call, now or after a pause, when it has been relaxed by so many steps."""
        if wanted.agent is not None:
            named = self._serving.get(wanted.agent)
            return [named] if named is not None else []
        key = wanted.skills, min(steps, len(wanted.skills))
        if (known := self._able.get(key)) is None:
            needed = self._rules.needed(*key, self._on_duty)
            known = [seat for seat in self._serving.values() if needed <= seat.agent.skills]
            self._able[key] = known
        return known

    def free(self) -> list[StaffSeat]:
        """Who can be rung now, the one idle for longest first."""
        found = [seat for seat in self._serving.values() if seat.free]
        return sorted(found, key=lambda seat: (seat.idle_since, seat.agent.name))
