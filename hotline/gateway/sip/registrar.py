"""The registrar for agents' phones (RFC 3261 §10): who is who, and where they can be rung."""

import logging
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil

from hotline.gateway.sip.auth import Authenticator, Verdict
from hotline.gateway.sip.bindings import Binding, BindingRefused, Bindings, Register, Wanted
from hotline.gateway.sip.credentials import check_all
from hotline.gateway.sip.grammar import NameAddr, SipSyntaxError, SipUri, param
from hotline.gateway.sip.guard import Guard
from hotline.gateway.sip.message import Request
from hotline.gateway.sip.transaction import Hop
from hotline.gateway_settings import RegistrarSettings

log = logging.getLogger(__name__)

Answer = tuple[int, str, list[tuple[str, str]]]
"""Status, reason, further fields."""
MISSES = 3
"""Keep-alives without answer after which a phone is not rung any more."""


@dataclass(frozen=True, slots=True)
class RegistrarStats:
    """How the registrar is doing."""

    users: int
    """With at least one binding."""
    bindings: int
    unreachable: int
    """Bindings that answer no keep-alive."""
    accepted: int
    refused: int
    """With wrong credentials, or for another user."""


class Registrar:
    """Takes REGISTER requests. Bindings live in memory: phones register again within their time anyway."""

    def __init__(self, settings: RegistrarSettings) -> None:
        """Raises `ConfigError` when the users file is wrong."""
        self._settings = settings
        self._users = (
            Authenticator.load(
                settings.users_file, settings.realm, "registrar.users_file", settings.algorithms, settings.qop
            )
            if settings.users_file is not None
            else Authenticator(settings.realm, {})
        )
        self.bindings = Bindings(settings.max_contacts)
        self._accepted = self._refused = 0

    def stats(self, now: float) -> RegistrarStats:
        """A snapshot."""
        held = self.bindings.all(now)
        dead = sum(binding.missed >= MISSES for _, binding in held)
        return RegistrarStats(len({user for user, _ in held}), len(held), dead, self._accepted, self._refused)

    def lookup(self, user: str, now: float) -> tuple[Binding, ...]:
        """Where a user can be rung, best first."""
        return tuple(item for item in self.bindings.lookup(user, now) if item.missed < MISSES)

    def receive(self, request: Request, hop: Hop, now: float, guard: Guard) -> Answer:
        """Judge a REGISTER. Raises `SipSyntaxError` for fields that cannot be read.

        An unknown user costs the same work and gets the same answers as a wrong password.
        """
        of = SipUri.parse(NameAddr.parse(request.headers.get("To") or "").uri)
        if of.scheme not in {"sip", "sips"}:
            raise SipSyntaxError("who registers is a sip: address")
        user = of.user
        verdicts = check_all(self._users, request, hop, guard, now)
        good = verdicts.get(Verdict.GOOD)
        if good is None:
            stale = Verdict.STALE in verdicts
            self._refused += bool(verdicts) and not stale
            challenges = self._users.challenges(now, hop.host, stale=stale)
            return 401, "Unauthorized", [("WWW-Authenticate", value) for value in challenges]
        if good != user:
            self._refused += 1
            return 403, "Forbidden", []
        return self._bind(user, request, hop, now)

    def _bind(self, user: str, request: Request, hop: Hop, now: float) -> Answer:
        asked = self._read(request, hop)
        least = self._settings.min_expires_s
        if any(0 < item.expires < least for item in asked.contacts):
            return 423, "Interval Too Brief", [("Min-Expires", str(least))]
        if not asked.contacts and not asked.everything:  # a question (§10.3 step 6)
            return 200, "OK", self._fields(self.bindings.lookup(user, now), request, now)
        try:
            bound = self.bindings.update(user, asked, now)
        except BindingRefused as error:
            return error.status, error.reason, []
        self._accepted += 1
        return 200, "OK", self._fields(bound, request, now)

    def _read(self, request: Request, hop: Hop) -> Register:
        head, headers = request.head, request.headers
        path = headers.all("Path")
        contacts = headers.all("Contact")
        common = _seconds(headers.get("Expires"))
        if "*" in contacts:
            if len(contacts) > 1 or common != 0:
                raise SipSyntaxError("Contact: * stands alone and with Expires: 0")
            return Register(head.call_id, head.cseq, hop, path, False, (), everything=True)
        wanted = tuple(self._wanted(value, common) for value in contacts)
        nat = hop.reliable or any(_elsewhere(item.uri, hop) for item in wanted)
        return Register(head.call_id, head.cseq, hop, path, nat and not path, wanted)

    def _wanted(self, value: str, common: int | None) -> Wanted:
        address = NameAddr.parse(value)
        if SipUri.parse(address.uri).scheme not in {"sip", "sips"}:
            raise SipSyntaxError("a phone is reached by sip:")
        own = _seconds(param(address.params, "expires"))
        seconds = own if own is not None else common
        if seconds is None:
            seconds = self._settings.max_expires_s
        try:
            q = min(1.0, max(0.0, float(param(address.params, "q") or 1)))
            reg_id = int(param(address.params, "reg-id") or 0)
        except ValueError as error:
            raise SipSyntaxError("bad q or reg-id") from error
        instance = param(address.params, "+sip.instance") or ""
        return Wanted(address.uri, min(seconds, self._settings.max_expires_s), q, instance, reg_id)

    @staticmethod
    def _fields(bound: tuple[Binding, ...], request: Request, now: float) -> list[tuple[str, str]]:
        fields = [("Date", formatdate(usegmt=True))]
        for item in bound:
            instance = f';+sip.instance="{item.instance}";reg-id={item.reg_id}' if item.instance else ""
            seconds = ceil(item.expires_at - now)
            fields.append(("Contact", f"<{item.uri}>;expires={seconds};q={item.q:g}{instance}"))
        fields += [("Path", value) for value in request.headers.all("Path")]
        if any(item.instance and item.reg_id for item in bound):
            fields.append(("Require", "outbound"))
        return fields


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    text = text.strip()
    # §20.19: what cannot be read counts as an hour.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 3600


def _elsewhere(uri: str, hop: Hop) -> bool:
    """Whether a phone names another address than it comes from."""
    contact = SipUri.parse(uri)
    return (contact.host, contact.port or 5060) != (hop.host, hop.port)
