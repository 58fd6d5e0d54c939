"""Short-lived things kept in memory: tickets for the live WebSocket, and who has just heard a recording."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

TICKET_LIFE = timedelta(seconds=30)
HEARD_AGAIN = timedelta(minutes=10)
"""A player asks for a file in many pieces; one audit row stands for all of them this long."""
CAPACITY = 1_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to open one WebSocket."""

    user: str
    session: str
    """The browser session's token, to end the socket when the session ends."""
    until: datetime


class Tickets:
    """Gives out tickets and takes each back once."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Ticket] = OrderedDict()

    def issue(self, user: str, session: str, now: datetime) -> str:
        """A new ticket; with too many open the oldest lapses."""
        while len(self._open) >= CAPACITY:
            self._open.popitem(last=False)
        key = token_urlsafe(24)
        self._open[key] = Ticket(user, session, now + TICKET_LIFE)
        return key

    def redeem(self, key: str, now: datetime) -> Ticket | None:
        """The ticket, if it is open and in time; it is used up either way."""
        ticket = self._open.pop(key, None)
        return ticket if ticket is not None and now < ticket.until else None


class RecentlyHeard:
    """Remembers which user's listening to which call has been audited."""

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_new(self, user: str, call: str, now: datetime) -> bool:
        """Whether this is to be audited; from now on it counts as audited for a while."""
        key = (user, call)
        until = self._until.get(key)
        if until is not None and now < until:
            return False
        self._until.pop(key, None)
        while len(self._until) >= CAPACITY:
            self._until.popitem(last=False)
        self._until[key] = now + HEARD_AGAIN
        return True
