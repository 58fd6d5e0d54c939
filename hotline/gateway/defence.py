"""Rate limits and bans: who has spoken too fast or done too much wrong (pure; times are passed in).

A source is an IPv4 address or an IPv6 /64. What it does wrong adds to a score that halves every minute; past
a threshold it is banned, each time for twice as long. Two things are never done:

- A first 401, a stale nonce and a lost packet count for nothing.
- An address from which somebody has signed in or called in the last hour is a household's or an office's,
  with one bad device perhaps: only that device's user is blocked there, and the address at ten times the
  threshold.

The source of a datagram can be forged, to have somebody else banned: without proof of the address (a TCP
handshake, an answered challenge) a ban lasts half a minute and never grows.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from hotline.gateway.sip.guard import Deed, Verdict
from hotline.gateway_settings import DefenceSettings

SOURCES = 20_000
"""Sources remembered; the one not heard of for longest is forgotten first."""
HALF_LIFE_S = 60.0
KNOWN_S = 3_600.0
"""How long a good deed makes an address a known one."""
UNPROVED_BAN_S = 30.0
_PATIENCE = 10.0
"""Times the threshold that a known address may reach."""
_WEIGHTS = {
    Deed.MALFORMED: 1.0,
    Deed.UNKNOWN_NUMBER: 2.0,
    Deed.BAD_CREDENTIALS: 3.0,
    Deed.SCANNER: 20.0,
}
_SCANNERS = (
    "friendly-scanner", "sipvicious", "sipcli", "sip-scan", "sundayddr", "iwar", "sipsak", "vaxsipuseragent",
    "pplsip", "smap", "siparmyknife", "eyebeam/0", "gulp",
)  # fmt: skip
"""How scanners call themselves, in part; by no means all do."""


@dataclass(slots=True)
class _Source:
    """What is known of one."""

    tokens: float
    at: float
    score: float = 0.0
    scored_at: float = 0.0
    banned_until: float = float("-inf")
    bans: int = 0
    proved: bool = False
    good_at: float = float("-inf")
    calls: int = 0
    users: Counter[str] = field(default_factory=Counter)
    """Wrong credentials a user."""
    blocked: dict[str, float] = field(default_factory=dict)
    """User → until when nothing is checked for it."""


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban in force."""

    source: str
    seconds: float
    """Left."""
    times: int
    """Bans so far, this one too."""


@dataclass(frozen=True, slots=True)
class DefenceStats:
    """What the defence has done since it was set up."""

    sources: int
    banned: int
    """Now."""
    bans: int
    dropped: int
    """Messages of banned sources, and those over the rate."""
    busy: int
    """Messages of trusted sources that were told to come back later."""
    blocked_users: int


class Defence:
    """A `Guard`."""

    def __init__(self, settings: DefenceSettings) -> None:
        self._settings = settings
        self._trusted = tuple(ip_network(item) for item in settings.trusted)
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._keys: dict[str, tuple[str, bool]] = {}
        self._bans = self._dropped = self._busy = self._blocked = 0
        self.changed = False
        """A ban was made or lifted since this was last set back."""

    # -- Guard --------------------------------------------------------------------------------------------

    def admits(self, source: str, now: float, *, proved: bool = False) -> Verdict:
        """See `Guard.admits`."""
        if not self._settings.enabled:
            return Verdict.PASS
        key, trusted = self._key(source)
        one = self._one(key, now)
        one.proved = one.proved or proved
        if one.banned_until > now and not trusted:
            self._dropped += 1
            return Verdict.DIALOGS_ONLY if one.calls else Verdict.DROP
        if self._spend(one, now):
            return Verdict.PASS
        if trusted:
            self._busy += 1
            return Verdict.BUSY
        self._dropped += 1
        return Verdict.DIALOGS_ONLY if one.calls else Verdict.DROP

    def note(self, source: str, deed: Deed, now: float, user: str = "") -> None:
        """See `Guard.note`."""
        key, trusted = self._key(source)
        one = self._one(key, now)
        match deed:
            case Deed.CALL_BEGUN:
                one.calls += 1
                one.good_at = now
            case Deed.CALL_ENDED:
                one.calls = max(0, one.calls - 1)
            case Deed.GOOD_CREDENTIALS:
                one.good_at, one.proved = now, True
                one.users.pop(user, None)
            case Deed.ADDRESS_PROVED:
                one.proved = True
            case _:
                if not trusted and self._settings.enabled:
                    self._count(one, deed, now, user)

    def blocked(self, source: str, user: str, now: float) -> bool:
        """See `Guard.blocked`."""
        one = self._sources.get(self._key(source)[0])
        return one is not None and one.blocked.get(user, now) > now

    def scanner(self, agent: str) -> bool:
        """See `Guard.scanner`."""
        lower = agent.lower()
        return any(name in lower for name in _SCANNERS)

    # -- for people ---------------------------------------------------------------------------------------

    def bans(self, now: float) -> tuple[Ban, ...]:
        """In force, longest first."""
        found = [
            Ban(key, one.banned_until - now, one.bans)
            for key, one in self._sources.items()
            if one.banned_until > now
        ]
        return tuple(sorted(found, key=lambda ban: -ban.seconds))

    def lift(self, source: str) -> bool:
        """End a ban and forget what led to it; False when there was none."""
        one = self._sources.get(source)
        if one is None or one.banned_until == float("-inf"):
            return False
        del self._sources[source]
        self.changed = True
        return True

    def restore(self, bans: Iterable[Ban], now: float) -> None:
        """Put bans of before a restart in force."""
        for ban in bans:
            one = self._one(ban.source, now)
            one.banned_until, one.bans = now + ban.seconds, ban.times

    def stats(self, now: float) -> DefenceStats:
        """A snapshot."""
        banned = sum(one.banned_until > now for one in self._sources.values())
        return DefenceStats(len(self._sources), banned, self._bans, self._dropped, self._busy, self._blocked)

    # -- inside -------------------------------------------------------------------------------------------

    def _count(self, one: _Source, deed: Deed, now: float, user: str) -> None:
        settings = self._settings
        known = now - one.good_at < KNOWN_S
        if deed is Deed.BAD_CREDENTIALS and known and user:
            one.users[user] += 1
            if one.users[user] >= settings.failures and len(one.blocked) < 1_000:
                one.users.pop(user)
                one.blocked[user] = now + settings.ban_minutes * 60
                self._blocked += 1
        elapsed = max(0.0, now - one.scored_at)
        one.score = one.score * 0.5 ** (elapsed / HALF_LIFE_S) + _WEIGHTS.get(deed, 0.0)
        one.scored_at = now
        if one.score >= settings.threshold * (_PATIENCE if known else 1.0):
            self._ban(one, now)

    def _ban(self, one: _Source, now: float) -> None:
        seconds = UNPROVED_BAN_S
        if one.proved:
            longest = self._settings.max_ban_minutes * 60
            seconds = min(longest, self._settings.ban_minutes * 60 * 2.0 ** min(one.bans, 20))
            one.bans += 1
        one.banned_until = now + seconds
        one.score = 0.0
        self._bans += 1
        self.changed = True

    def _spend(self, one: _Source, now: float) -> bool:
        """Take a token; False when there is none."""
        rate, burst = self._settings.messages_per_second, self._settings.burst
        one.tokens = min(float(burst), one.tokens + (now - one.at) * rate)
        one.at = now
        if one.tokens < 1.0:
            return False
        one.tokens -= 1.0
        return True

    def _one(self, key: str, now: float) -> _Source:
        one = self._sources.get(key)
        if one is None:
            one = self._sources[key] = _Source(float(self._settings.burst), now)
            if len(self._sources) > SOURCES:
                self._forget()
        else:
            self._sources.move_to_end(key)
        return one

    def _forget(self) -> None:
        """Let the one go that was silent for longest, but no call and no ban."""
        for key, one in self._sources.items():
            if not one.calls and one.banned_until == float("-inf"):
                del self._sources[key]
                return
        self._sources.popitem(last=False)

    def _key(self, source: str) -> tuple[str, bool]:
        """The source an address belongs to, and whether it is trusted; remembered for the busiest ones."""
        found = self._keys.get(source)
        if found is None:
            if len(self._keys) >= SOURCES:
                self._keys.clear()
            found = self._keys[source] = self._look(source)
        return found

    def _look(self, source: str) -> tuple[str, bool]:
        try:
            address = ip_address(source.partition("%")[0])
        except ValueError:
            return source, False
        trusted = any(address in network for network in self._trusted)
        if address.version == 6:
            return str(ip_network((address, 64), strict=False)), trusted
        return str(address), trusted
