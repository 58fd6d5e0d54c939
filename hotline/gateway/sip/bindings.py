"""Where registered users can be reached (RFC 3261 §10.3, RFC 3327, RFC 5626). Pure; times are passed in."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hotline.errors import HotlineError
from hotline.gateway.sip.grammar import SipUri
from hotline.gateway.sip.transaction import Hop

MAX_USERS = 10_000
"""Users with bindings at once."""


class BindingRefused(HotlineError):
    """A REGISTER that cannot be taken as it is."""

    code = "hotline.binding_refused"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Contact of a REGISTER."""

    uri: str
    expires: int
    """Seconds; 0 takes the binding away."""
    q: float = 1.0
    instance: str = ""
    """+sip.instance (RFC 5626 §4.1), "" when absent."""
    reg_id: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to reach a user."""

    uri: str
    q: float
    expires_at: float
    call_id: str
    cseq: int
    hop: Hop
    """The flow its REGISTER came over."""
    path: tuple[str, ...]
    """Proxies on the way (RFC 3327), first to last."""
    instance: str
    reg_id: int
    behind_nat: bool
    """It names an address it does not come from: it is reached over the flow, which must be kept open."""
    missed: int = 0
    """Keep-alives in a row that had no answer."""

    @property
    def key(self) -> tuple[str, ...]:
        """Where it is kept: by its instance and flow, else by its address."""
        return (self.instance, str(self.reg_id)) if self.instance and self.reg_id else (self.uri,)


@dataclass(frozen=True, slots=True)
class Register:
    """What a REGISTER asks for."""

    call_id: str
    cseq: int
    hop: Hop
    path: tuple[str, ...]
    behind_nat: bool
    contacts: tuple[Wanted, ...]
    everything: bool = False
    """Contact: * with Expires: 0, all bindings go."""


class Bindings:
    """All users' bindings."""

    def __init__(self, most: int) -> None:
        """`most`: bindings a user may have."""
        self._most = most
        self._users: dict[str, dict[tuple[str, ...], Binding]] = {}

    def __len__(self) -> int:
        """Users with a binding, also one that has run out and was not looked at since."""
        return len(self._users)

    def update(self, user: str, asked: Register, now: float) -> tuple[Binding, ...]:
        """Take a REGISTER, all of it or nothing; returns what is bound then. Raises `BindingRefused`."""
        self._expire(user, now)
        held = dict(self._users.get(user, {}))
        for binding in held.values():
            # A request older than what it would change: 500, so that its sender asks anew (§10.3 step 7).
            touched = asked.everything or any(_is(binding, item) for item in asked.contacts)
            if touched and binding.call_id == asked.call_id and asked.cseq <= binding.cseq:
                raise BindingRefused(500, "Out of Order")
        if asked.everything:
            held.clear()
        for item in asked.contacts:
            self._change(held, item, asked, now)
        if len(held) > self._most:
            raise BindingRefused(403, "Too Many Bindings")
        if held and user not in self._users and len(self._users) >= MAX_USERS:
            raise BindingRefused(503, "Service Unavailable")
        self._users[user] = held
        if not held:
            del self._users[user]
        return self.lookup(user, now)

    def lookup(self, user: str, now: float) -> tuple[Binding, ...]:
        """Bindings that hold now, best first, the newest among equals."""
        self._expire(user, now)
        held = self._users.get(user, {}).values()
        return tuple(sorted(held, key=lambda item: (-item.q, -item.expires_at)))

    def all(self, now: float) -> tuple[tuple[str, Binding], ...]:
        """Every user's."""
        for user in list(self._users):
            self._expire(user, now)
        return tuple((user, item) for user, held in self._users.items() for item in held.values())

    def answered(self, user: str, binding: Binding, *, alive: bool) -> None:
        """A keep-alive had an answer, or none."""
        held = self._users.get(user, {})
        if held.get(binding.key) == binding:
            held[binding.key] = replace(binding, missed=0 if alive else binding.missed + 1)

    def drop(self, lost: Callable[[Hop], bool]) -> None:
        """Forget bindings whose flow is lost."""
        for user, held in list(self._users.items()):
            kept = {key: item for key, item in held.items() if not lost(item.hop)}
            self._users[user] = kept
            if not kept:
                del self._users[user]

    @staticmethod
    def _change(held: dict[tuple[str, ...], Binding], item: Wanted, asked: Register, now: float) -> None:
        for key in [key for key, binding in held.items() if _is(binding, item)]:
            del held[key]
        if item.expires == 0:
            return
        made = Binding(
            uri=item.uri,
            q=item.q,
            expires_at=now + item.expires,
            call_id=asked.call_id,
            cseq=asked.cseq,
            hop=asked.hop,
            path=asked.path,
            instance=item.instance,
            reg_id=item.reg_id,
            behind_nat=asked.behind_nat,
        )
        held[made.key] = made

    def _expire(self, user: str, now: float) -> None:
        held = self._users.get(user)
        if held is None:
            return
        for key in [key for key, item in held.items() if item.expires_at <= now]:
            del held[key]
        if not held:
            del self._users[user]


def _is(binding: Binding, item: Wanted) -> bool:
    """The same binding again: by instance and flow (RFC 5626 §6), else by address (RFC 3261 §10.3 step 7)."""
    if item.instance and item.reg_id:
        return (binding.instance, binding.reg_id) == (item.instance, item.reg_id)
    by_flow = bool(binding.instance and binding.reg_id)
    return not by_flow and SipUri.parse(binding.uri).same(SipUri.parse(item.uri))
