"""What an agent's page is shown of its seat, the talk, the colleagues, and of a call that rings."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hotline.acd.duty import hindrance
from hotline.acd.model import Agent
from hotline.acd.ports import Offer, Seat
from hotline.store.users import User
from hotline.web.shapes import call_row_json, mask_contact
from hotline.web.sight import sight_of
from hotline.web.site import Site
from hotline.web.staffing import Staffing

Json = dict[str, Any]

ABSENT_EVERY = timedelta(seconds=15)
"""How often is looked who should be on duty: the roster is read no more often."""
EARLIER = 3
"""Earlier calls that ring with a new one."""


class ConsoleState:
    """Of one console."""

    def __init__(self, staffing: Staffing, seat: Seat, now: Callable[[], datetime]) -> None:
        self._staffing = staffing
        self._seat = seat
        self._now = now
        self._absent: list[Agent] = []
        self._looked: datetime | None = None

    def frame(self, watching: dict[str, str] | None) -> Json:
        """Everything, as a `state` frame."""
        seat, staffing = self._seat, self._staffing
        return {
            "type": "state",
            "agent": seat.agent.name,
            "presence": seat.presence.value,
            "reason": seat.reason,
            "since": seat.since.isoformat(timespec="milliseconds"),
            "call": seat.call,
            "talk": self._talk(),
            "calling": staffing.back.of_agent(seat.agent.name),
            "watching": watching,
            "waiting": len(staffing.acd.waiting),
            "colleagues": self._colleagues(),
            "absent": self._missing(),
            "busy": dict(staffing.busy),
            "busy_by_itself": dict(staffing.busy_by_itself),
            "numbers": dict(staffing.numbers),
            "skills": dict(staffing.policy.skills),
        }

    def _talk(self) -> Json | None:
        name, floor = self._seat.agent.name, self._staffing.floor
        found = floor.of_agent(name) or floor.of_guest(name)
        if found is None:
            return None
        call, talk = found
        return {
            "call": call,
            "guest": name in talk.guests,
            "on_hold": talk.on_hold,
            "muted": talk.muted,
            "parties": sorted(kind.value for kind in talk.parties.values()),
        }

    def _colleagues(self) -> list[Json]:
        seats = sorted(self._staffing.acd.seats.values(), key=lambda each: each.agent.display)
        return [
            {
                "name": each.agent.name,
                "display": each.agent.display,
                "presence": each.presence.value,
                "reason": each.reason,
                "skills": sorted(each.agent.skills),
            }
            for each in seats
            if each.agent.name != self._seat.agent.name
        ]

    def _missing(self) -> list[str]:
        """Display names of those who have duty hours now and are not signed in."""
        now = self._now()
        if self._looked is None or now - self._looked >= ABSENT_EVERY:
            self._looked = now
            roster = self._staffing.roster().values()
            self._absent = [each for each in roster if each.shifts and hindrance(each, now) is None]
        seats = self._staffing.acd.seats
        return sorted(each.display for each in self._absent if each.name not in seats)


async def offer_json(site: Site, staffing: Staffing, user: User, offer: Offer) -> Json:
    """A call that rings: who, why, and what they called about before, as far as the user may see it; numbers
    masked."""
    call = offer.wanted.call
    view = await site.ask(site.deps.calls.get, call)
    earlier = await site.ask(site.deps.calls.earlier, call, sight=sight_of(site, user))
    queue = staffing.policy.queues.get(offer.wanted.queue)
    return {
        "type": "offer",
        "offer": offer.id,
        "call": call,
        "caller": mask_contact(view.row.remote) if view is not None else "",
        "queue": offer.wanted.queue,
        "queue_label": queue.label if queue is not None else "",
        "reasons": list(offer.wanted.reasons),
        "until": offer.until.isoformat(),
        "calls_before": len(earlier),
        "earlier": [call_row_json(row) for row in earlier[:EARLIER]],
    }
