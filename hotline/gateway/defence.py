"""Rate limits and bans: who has spoken too fast or done too much wrong (pure; times are passed in).

A source is an IPv4 address or an IPv6 /64. What it does wrong adds to a score that halves every minute; past
a threshold it is banned, each time for twice as long. Two things are never done:

- A first 401, a stale nonce and a lost packet count for nothing.
- An address from which somebody has signed in or called in the last hour is a household's or an office's,
  with one bad device perhaps: only that device's user is blocked there, and the address at ten times the
  threshold.

The source of a datagram can be forged, to have somebody else banned: only what came over a stream, whose
handshake proves the address, leads to a ban that is long and grows. All else bans for half a minute. What an
address has proved once says nothing of a datagram that bears it later.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from itertools import islice

from hotline.gateway.sip.guard import Deed, Verdict
from hotline.gateway_settings import DefenceSettings

SOURCES = 20_000
"""Sources remembered; the one not heard of for longest is forgotten first."""
HALF_LIFE_S = 60.0
KNOWN_S = 3_600.0
"""How long a good deed makes an address a known one."""
UNPROVED_BAN_S = 30.0
_USERS = 100
"""User names remembered of one source, failing and blocked each."""
_LOOKED_AT = 64
"""Sources looked at to find one that may be forgotten."""
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
    proof: float = 0.0
    """The part of the score whose sender cannot have been forged."""
    scored_at: float = 0.0
    banned_until: float = float("-inf")
    bans: int = 0
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

    def admits(self, source: str, now: float) -> Verdict:
        """See `Guard.admits`."""
        if not self._settings.enabled:
            return Verdict.PASS
        key, trusted = self._key(source)
        one = self._one(key, now)
        if (one.banned_until <= now or trusted) and self._spend(one, now, trusted):
            return Verdict.PASS
        if trusted:
            self._busy += 1
            return Verdict.BUSY
        self._dropped += 1
        return Verdict.DIALOGS_ONLY if one.calls else Verdict.DROP

    def most_calls(self, source: str) -> int | None:
        """See `Guard.most_calls`."""
        trusted = not self._settings.enabled or self._key(source)[1]
        return None if trusted else self._settings.calls_per_source

    def shuts_out(self, source: str, now: float) -> bool:
        """See `Guard.shuts_out`."""
        key, trusted = self._key(source)
        one = self._sources.get(key)
        return one is not None and one.banned_until > now and not one.calls and not trusted

    def note(self, source: str, deed: Deed, now: float, user: str = "", *, proved: bool = False) -> None:
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
                one.good_at = now
                one.users.pop(user, None)
            case _:
                if not trusted and self._settings.enabled:
                    weight = _WEIGHTS[deed]
                    if deed is Deed.BAD_CREDENTIALS and self._failed(one, now, user):
                        weight = 0.0  # it gets nowhere any more, and its neighbours are not to suffer for it
                    self._count(one, weight, now, proved=proved)

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
        # Its calls go on and must still be known when it is banned again.
        one.banned_until, one.bans, one.score, one.proof = float("-inf"), 0, 0.0, 0.0
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

    def _failed(self, one: _Source, now: float, user: str) -> bool:
        """Wrong credentials: at a known address, block the one user they are of. True when he is already."""
        if one.blocked.get(user, now) > now:
            return True
        if not user or now - one.good_at >= KNOWN_S:
            return False
        if user not in one.users and len(one.users) >= _USERS:
            del one.users[next(iter(one.users))]
        one.users[user] += 1
        if one.users[user] < self._settings.failures:
            return False
        del one.users[user]
        one.blocked.pop(user, None)
        if len(one.blocked) >= _USERS:  # in the order in which they end
            del one.blocked[next(iter(one.blocked))]
        one.blocked[user] = now + self._settings.ban_minutes * 60
        self._blocked += 1
        return False

    def _count(self, one: _Source, weight: float, now: float, *, proved: bool) -> None:
        faded = 0.5 ** (max(0.0, now - one.scored_at) / HALF_LIFE_S)
        one.score = one.score * faded + weight
        one.proof = one.proof * faded + (weight if proved else 0.0)
        one.scored_at = now
        known = now - one.good_at < KNOWN_S
        limit = self._settings.threshold * (_PATIENCE if known else 1.0)
        if one.score >= limit:
            self._ban(one, now, proved=one.proof >= limit)

    def _ban(self, one: _Source, now: float, *, proved: bool) -> None:
        seconds = UNPROVED_BAN_S
        if proved:
            longest = self._settings.max_ban_minutes * 60
            seconds = min(longest, self._settings.ban_minutes * 60 * 2.0 ** min(one.bans, 20))
            one.bans += 1
        one.banned_until = max(one.banned_until, now + seconds)
        one.score = one.proof = 0.0
        self._bans += 1
        self.changed = True

    def _spend(self, one: _Source, now: float, trusted: bool) -> bool:
        """Take a token; False when there is none."""
        rate, burst = self._settings.messages_per_second, float(self._settings.burst)
        if trusted:
            rate = self._settings.trusted_messages_per_second
            burst = max(burst, rate)
        one.tokens = min(burst, one.tokens + (now - one.at) * rate)
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
                self._forget(now)
        else:
            self._sources.move_to_end(key)
        return one

    def _forget(self, now: float) -> None:
        """Let one go that was silent for long: one without call and ban, else one without call."""
        second = None
        for key in list(islice(self._sources, _LOOKED_AT)):
            one = self._sources[key]
            if not one.calls and one.banned_until <= now:
                del self._sources[key]
                return
            if not one.calls and second is None:
                second = key
            self._sources.move_to_end(key)  # so that the next look finds others
        self._sources.pop(second or next(iter(self._sources)))

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
