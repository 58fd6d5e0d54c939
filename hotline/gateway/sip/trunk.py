"""Trunks: registered with the telephone company, watched, and dialled through (RFC 3261 §10.2, RFC 3263)."""

import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio

from hotline.errors import CallAborted, ConfigError, HotlineError
from hotline.gateway.outbound_policy import Decision
from hotline.gateway.sip.client import CallRefused, Credentials, Ident, Reply, retry_after
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.failover import RETRY_STATUS, Health, order, refresh_after, wait_after
from hotline.gateway.sip.grammar import NameAddr, SipSyntaxError, SipUri, host_literal, param
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.lookup import Lookup
from hotline.gateway.sip.message import Response
from hotline.gateway.sip.transport import Unroutable, hop_of
from hotline.gateway_settings import TrunkServer, TrunkSettings

log = logging.getLogger(__name__)

TRIES = 6
"""REGISTERs in a row: too short an interval, and challenges of a proxy and of the registrar."""
REFUSED_S = 600.0
"""A trunk that says that we may not register is asked again after so long: somebody must mend it."""


class NotPermitted(HotlineError):
    """No policy names this call."""

    code = "hotline.not_permitted"


@dataclass(frozen=True, slots=True)
class TrunkStats:
    """How a trunk is doing."""

    name: str
    registered: bool
    server: str
    """In use now, without user; "" before the first."""
    last_status: int
    """Of the last REGISTER or OPTIONS; 0 when nobody answered."""
    up: int
    """Servers that answer."""
    failovers: int
    round_trip_ms: float
    """0 when not known."""


class Trunk:
    """One trunk. `run` keeps it registered and watched."""

    def __init__(
        self, settings: TrunkSettings, sip: SipEndpoint, chance: random.Random | None = None
    ) -> None:
        """Raises `ConfigError` when the password's file cannot be read."""
        self._settings = settings
        self._sip = sip
        self._chance = chance or random.SystemRandom()
        self._credentials = _credentials(settings)
        self._ident = secrets.token_hex(16)
        self._cseq = 0
        self._health = {item.uri: Health() for item in settings.servers}
        self._current: TrunkServer | None = None
        self._registered = False
        self._granted_s = settings.expires_s
        self._status = 0
        self._failovers = 0
        self._asked_to_wait = 0.0
        self._lookup = Lookup()

    @property
    def name(self) -> str:
        """As settings have it."""
        return self._settings.name

    @property
    def stats(self) -> TrunkStats:
        """A snapshot."""
        current = self._current
        where = "" if current is None else SipUri.parse(current.uri).host
        trip = None if current is None else self._health[current.uri].round_trip_ms
        up = sum(health.up for health in self._health.values())
        return TrunkStats(
            self.name, self._registered, where, self._status, up, self._failovers, round(trip or 0.0, 1)
        )

    # -- keeping it up ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled; then the registration is taken back. Whatever goes wrong here ends no call."""
        while True:
            try:
                await self._keep()
            except Exception:  # supervision point: a trunk's failure is the trunk's
                log.exception("trunk failed, trying again", extra={"trunk": self.name})
                self._registered = False
                await anyio.sleep(wait_after(1, self._chance))

    async def _keep(self) -> None:
        failures = 0
        try:
            while True:
                server = await self._settle()
                if server is None:
                    failures += 1
                    refused = self._status in {401, 403, 404, 407}
                    wait = REFUSED_S if refused else wait_after(failures, self._chance)
                    wait, self._asked_to_wait = max(wait, self._asked_to_wait), 0.0
                    log.warning(
                        "trunk cannot be reached",
                        extra={"trunk": self.name, "status": self._status, "again_s": round(wait)},
                    )
                    await anyio.sleep(wait)
                    continue
                failures = 0
                await self._watch(server)
        finally:
            if self._registered and self._current is not None:
                with anyio.move_on_after(2, shield=True):
                    await self._register(self._current, 0)

    async def _settle(self) -> TrunkServer | None:
        """The first server that takes us, those known to be up first."""
        before = self._current
        servers = order(self._settings.servers, self._chance)
        # Who is in use stays in use while it answers: leaving a server costs a registration.
        now = anyio.current_time()
        servers.sort(key=lambda item: (*self._trouble(item, now), item is not before))
        for server in servers:
            if await self._try(server):
                if self._current is not None and self._current is not server:
                    self._failovers += 1
                    log.warning("trunk has gone to another server", extra={"trunk": self.name})
                self._current = server
                return server
        self._registered = False
        return None

    def _trouble(self, server: TrunkServer, now: float) -> tuple[bool, bool]:
        """Sorts last who has asked to be left alone, and before it who does not answer."""
        health = self._health[server.uri]
        return health.rests_until > now, not health.up

    async def _try(self, server: TrunkServer) -> bool:
        if not self._settings.register_:
            return await self._ask(server)
        granted = await self._register(server, self._settings.expires_s)
        self._granted_s = granted or self._settings.expires_s
        return granted is not None

    async def _watch(self, server: TrunkServer) -> None:
        """Stay with a server until it fails, its registration is due, or it was away for a moment."""
        until = anyio.current_time() + refresh_after(self._granted_s, self._chance)
        missed = False
        while (left := until - anyio.current_time()) > 0 or not self._settings.register_:
            pause = self._settings.options_s
            await anyio.sleep(min(pause, left) if self._settings.register_ else pause)
            answered = await self._ask(server)
            self._health[server.uri].note(answered=answered)
            if not self._health[server.uri].up:
                self._registered = False
                return
            if answered and missed and self._settings.register_:
                return  # it may have begun anew, and know nobody
            missed = not answered

    async def _ask(self, server: TrunkServer) -> bool:
        """OPTIONS: any answer but 503 and 408 means that it is there."""
        began, status = anyio.current_time(), 0
        try:
            hop = hop_of(await self._lookup.resolve(server.uri))
            with anyio.move_on_after(self._settings.answer_s):
                status = await self._sip.options(server.uri, hop) or 0
        except (HotlineError, OSError) as error:
            log.info("trunk not reached", extra={"trunk": self.name, "error": type(error).__name__})
        self._status = status
        answered = status not in {0, 408, 503}
        if answered:
            self._health[server.uri].round_trip_ms = (anyio.current_time() - began) * 1000
        return answered

    async def _register(self, server: TrunkServer, expires: int) -> int | None:
        """REGISTER with a server; what it granted, in seconds, or None."""
        self._registered = False
        asked, extra = expires, dict[str, str]()
        for _ in range(TRIES):
            response = await self._send(server, asked, list(extra.items()))
            self._status = 0 if response is None else response.status
            if response is None:
                return None
            wait = retry_after(response) or 0
            self._asked_to_wait = max(self._asked_to_wait, wait)
            self._health[server.uri].rests_until = anyio.current_time() + wait
            if response.status == 423 and (least := _number(response.headers.get("Min-Expires"))):
                asked, extra = least, {}  # a nonce is used once: there will be another challenge
            elif response.status in {401, 407}:
                field = self._met(response, server, tuple(extra))
                if field is None:
                    return None
                extra[field[0]] = field[1]
            elif 200 <= response.status < 300:
                self._registered = expires > 0
                self._asked_to_wait = 0.0
                return _granted(response, asked, await self._contact(server))
            else:
                return None
        return None

    def _met(self, response: Response, server: TrunkServer, sent: tuple[str, ...]) -> tuple[str, str] | None:
        known = self._credentials
        if known is None or not known.meets(response, sent):
            return None
        return known.answer(response, "REGISTER", _registrar(server))

    async def _send(self, server: TrunkServer, expires: int, extra: list[tuple[str, str]]) -> Response | None:
        self._cseq += 1
        uri = _registrar(server)
        address = f"sip:{self._settings.user}@{uri.partition(':')[2]}"
        ident = Ident(self._ident, self._cseq, address, self._sip.number)
        try:
            hop = hop_of(await self._lookup.resolve(server.uri))
            fields = [("Expires", str(expires)), *extra]
            reply = Reply(None, None)
            with anyio.move_on_after(self._settings.answer_s):
                reply = await self._sip.ask("REGISTER", uri, hop, fields, ident)
        except (HotlineError, OSError) as error:
            log.info("trunk not reached", extra={"trunk": self.name, "error": type(error).__name__})
            return None
        return reply.response

    async def _contact(self, server: TrunkServer) -> SipUri:
        return SipUri.parse(self._sip.contact(hop_of(await self._lookup.resolve(server.uri))))

    # -- dialling -----------------------------------------------------------------------------------------

    async def dial(self, number: str, caller: str) -> SipLeg:
        """Call a number through the first server that will have it. Raises `CallRefused`, `CallAborted`."""
        failure: HotlineError = CallAborted("no server of the trunk is there")
        servers = order(self._settings.servers, self._chance)
        if self._current is not None:
            servers = [self._current, *(item for item in servers if item is not self._current)]
        now = anyio.current_time()
        servers.sort(key=lambda item: self._trouble(item, now))
        for server in servers:
            try:
                target = await self._lookup.resolve(server.uri)
                hop = hop_of(target)
                place = f"{host_literal(hop.host)}:{hop.port};transport={target.transport}"
                uri = f"{target.scheme}:{number}@{place}"
                return await self._sip.dial(
                    uri,
                    caller=self._settings.from_user or caller,
                    credentials=self._credentials,
                    patience_s=self._settings.answer_s,
                )
            except CallRefused as error:
                failure = error
                self._health[server.uri].rests_until = now + (error.retry_after or 0)
                if error.status not in RETRY_STATUS:
                    break
            except (CallAborted, Unroutable, OSError):
                self._health[server.uri].note(answered=False)
        raise failure


class Trunks:
    """All trunks, and the one way out."""

    def __init__(self, trunks: tuple[Trunk, ...], decide: Callable[[str], Decision]) -> None:
        """`decide` is asked for every number: nobody is called whom no policy names."""
        self._trunks = trunks
        self._decide = decide

    @property
    def stats(self) -> tuple[TrunkStats, ...]:
        """One each."""
        return tuple(trunk.stats for trunk in self._trunks)

    async def dial(self, number: str, *, caller: str = "anonymous", trunk: str | None = None) -> SipLeg:
        """Call a number by the first trunk, or the one named.

        Raises `NotPermitted`, `CallRefused`, `CallAborted`.
        """
        decision = self._decide(number)
        if not decision.allowed:
            log.warning("outbound call not permitted", extra={"reason": decision.reason})
            raise NotPermitted("no policy names this number")
        for one in self._trunks:
            if trunk is None or one.name == trunk:
                return await one.dial(decision.number, caller)
        raise CallAborted("there is no such trunk")


def _registrar(server: TrunkServer) -> str:
    """The registrar's own URI: no user, no parameters (RFC 3261 §10.2)."""
    uri = SipUri.parse(server.uri)
    port = "" if uri.port is None else f":{uri.port}"
    return f"sip:{host_literal(uri.host)}{port}"


def _granted(response: Response, asked: int, ours: SipUri) -> int:
    """Seconds of our binding: its Contact's expires, else the Expires field, else what we asked for. Other
    Contacts are of others who registered the same user (RFC 3261 §10.3)."""
    for value in response.headers.all("Contact"):
        try:
            contact = NameAddr.parse(value)
            own, uri = _number(param(contact.params, "expires")), SipUri.parse(contact.uri)
        except SipSyntaxError:
            continue
        same = (uri.user, uri.host.lower(), uri.port or 5060) == (
            ours.user,
            ours.host.lower(),
            ours.port or 5060,
        )
        if own is not None and same:
            return min(own, asked) if asked else own
    return _number(response.headers.get("Expires")) or asked


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _credentials(settings: TrunkSettings) -> Credentials | None:
    password = "" if settings.password is None else settings.password.get_secret_value()
    if settings.password_file is not None:
        try:
            password = Path(settings.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"trunks.{settings.name}.password_file: cannot be read"]) from error
    return Credentials(settings.user, password) if settings.user and password else None
