"""The ICE side of one WebRTC peer: a lite agent, which answers checks and never sends any (RFC 8445 §2.5).

The gateway has an address that browsers can reach, so the browser's checks are all that is needed: no
gathering, no timers, one UDP port for every call. Pure.
"""

import secrets
from dataclasses import dataclass

from hotline.gateway import webrtc_stun as stun
from hotline.gateway.webrtc_stun import Address, BindingRequest

CONSENT_S = 30.0
"""Seconds without a good check after which the peer no longer wants our packets (RFC 7675 §5.1)."""
MAX_PATHS = 16
"""Addresses of one peer that are remembered; a browser has a handful."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one side's checks are named and signed with."""

    ufrag: str
    password: str

    @classmethod
    def fresh(cls) -> "Credentials":
        """48 and 144 bits of chance; RFC 8445 §5.3 asks for 24 and 128."""
        return cls(secrets.token_hex(6), secrets.token_hex(18))


class IceLite:
    """Which addresses are the peer's, and to which of them we send."""

    def __init__(self) -> None:
        self.local = Credentials.fresh()
        self._before: Credentials | None = None
        self._remote = ""
        self._paths: dict[Address, None] = {}
        self._target: Address | None = None
        self._nominated = False
        self._checked = 0.0

    @property
    def target(self) -> Address | None:
        """Where to send: the path the peer nominated, until then the first that worked."""
        return self._target

    @property
    def paths(self) -> tuple[Address, ...]:
        """Addresses from which good checks came."""
        return tuple(self._paths)

    @property
    def ufrags(self) -> tuple[str, ...]:
        """Names under which checks for us come: the newest, and the one before a restart."""
        before = () if self._before is None else (self._before.ufrag,)
        return (self.local.ufrag, *before)

    def signal(self, ufrag: str) -> bool:
        """The peer named itself in an offer or answer; True when ICE restarts and our names are new."""
        restart = bool(self._remote) and ufrag != self._remote
        self._remote = ufrag
        if restart:
            self._before, self.local = self.local, Credentials.fresh()
            self._nominated = False
        return restart

    def receive(self, request: BindingRequest, source: Address, now: float) -> bytes | None:
        """Take a check; returns the answer, None when it was not made for us and gets none."""
        ours, _, theirs = request.username.partition(":")
        credentials = next(
            (item for item in (self.local, self._before) if item is not None and item.ufrag == ours), None
        )
        if credentials is None or not request.signed_with(credentials.password):
            return None
        if credentials is self.local and theirs != self._remote:
            return None
        if request.unknown:
            return stun.failure(request, 420, "Unknown Attribute", credentials.password)
        if request.controlled:  # a lite agent is never in control (RFC 8445 §7.3.1.1)
            return stun.failure(request, 487, "Role Conflict", credentials.password)
        if source not in self._paths and len(self._paths) >= MAX_PATHS:
            return None
        self._paths[source] = None
        self._checked = now
        if request.use_candidate and credentials is self.local:
            self._target, self._nominated = source, True
        elif not self._nominated and self._target is None:
            self._target = source
        return stun.success(request, source, credentials.password)

    def consents(self, now: float) -> bool:
        """Whether the peer still checks the path, once it has begun to."""
        return self._target is None or now - self._checked < CONSENT_S
