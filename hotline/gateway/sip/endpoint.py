"""One SIP endpoint: takes calls and places them over UDP, TCP, TLS and WebSocket."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from hotline.conversation import EndCause
from hotline.errors import CallAborted, HotlineError
from hotline.gateway.media import IncomingCall
from hotline.gateway.sip.auth import Authenticator
from hotline.gateway.sip.bindings import Binding
from hotline.gateway.sip.client import CallRefused, Credentials, Ident, Reply, UserAgentClient, Way
from hotline.gateway.sip.grammar import SipSyntaxError, SipUri
from hotline.gateway.sip.guard import Guard
from hotline.gateway.sip.incoming import IncomingInvite, MediaPorts
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway.sip.server import Admission, CallTable, Refusal, UserAgentServer
from hotline.gateway.sip.signalling import CONTACT_USER, Signalling, SipStats
from hotline.gateway.sip.timers import Timers
from hotline.gateway.sip.transaction import Hop, Transport
from hotline.gateway.sip.transport import hop_of
from hotline.gateway_settings import SipSettings

__all__ = ["Admission", "CallRefused", "Refusal", "SipEndpoint", "SipStats"]

WAITING_CALLS = 64
"""Calls that may ring before the application has seen them; one more gets 503."""


def _admit_all() -> Refusal | None:
    return None


class SipEndpoint:
    """Build it with `open`, which binds the sockets and runs it while the context lasts."""

    def __init__(
        self,
        sip: SipSettings,
        media: MediaPorts,
        admission: Admission | None,
        timers: Timers,
        tasks: TaskGroup,
        registrar: Registrar | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Raises `ConfigError` when the users file is wrong."""
        authenticator = Authenticator.load(sip.users_file, sip.realm) if sip.users_file is not None else None
        self._calls = CallTable()
        self._server = UserAgentServer(
            sip.numbers, media, self._calls, authenticator, admission or _admit_all, self._queue, registrar
        )
        self._registrar = registrar
        self._numbers = sip.numbers
        self._signalling = Signalling(sip, self._server.receive, timers, tasks, guard, self._calls.knows)
        self._server.attach(self._signalling)
        self._client = UserAgentClient(self._signalling, media, self._calls)
        self._writer, self._reader = anyio.create_memory_object_stream[IncomingCall](WAITING_CALLS)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        sip: SipSettings,
        media: MediaPorts,
        *,
        admission: Admission | None = None,
        timers: Timers | None = None,
        registrar: Registrar | None = None,
        ping_s: float = 30.0,
        guard: Guard | None = None,
    ) -> AsyncIterator["SipEndpoint"]:
        """Bind and run; on leaving, calls that are left are hung up.

        `admission` is asked for each new call and says why it cannot be taken, if so. Raises `ConfigError`,
        and `OSError` when the port is taken.
        """
        try:
            async with anyio.create_task_group() as tasks:
                endpoint = cls(sip, media, admission, timers or Timers(), tasks, registrar, guard)
                try:
                    await endpoint._signalling.open()
                    if registrar is not None:
                        tasks.start_soon(endpoint._keep_open, registrar, ping_s)
                    yield endpoint
                finally:
                    with anyio.CancelScope(shield=True):
                        await endpoint.shutdown(2 * endpoint._signalling.timers.t1)
                        await endpoint._close()
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # what the body raised leaves as itself
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise

    @property
    def port(self) -> int:
        """The bound port, UDP and TCP."""
        return self.ports["UDP"]

    @property
    def ports(self) -> Mapping[Transport, int]:
        """All bound ports by transport."""
        return self._signalling.ports

    @property
    def stats(self) -> SipStats:
        """What was seen since opening."""
        return self._signalling.stats(len(self._calls))

    async def incoming(self) -> AsyncIterator[IncomingCall]:
        """Calls as they ring, until shutdown. One reader only."""
        async for call in self._reader:
            yield call

    async def dial(
        self,
        uri: str,
        *,
        caller: str = "anonymous",
        transport: str = "udp",
        username: str | None = None,
        password: str | None = None,
        credentials: Credentials | None = None,
        patience_s: float | None = None,
    ) -> SipLeg:
        """Call `sip:user@host`, where host is an IP address or localhost.

        `caller`: user part of our From; `patience_s`: how long the far end may say nothing at all. Raises
        `CallRefused`, `CallAborted`, `Unroutable`, `SipSyntaxError`, and what the media side raises when
        ports run out. Cancelling takes the call back.
        """
        if transport != "udp" and "transport=" not in uri:
            uri += f";transport={transport}"
        known = Credentials(username, password or "") if username is not None else credentials
        return await self._client.dial(uri, caller, known, patience_s=patience_s)

    def registered(self, user: str) -> bool:
        """Whether a phone of that user is registered and can be reached."""
        if self._registrar is None:
            return False
        bound = self._registrar.lookup(user, self._signalling.now())
        return any(self._signalling.connected(binding.hop) for binding in bound)

    async def ring(self, user: str, *, caller: str = "anonymous") -> SipLeg:
        """Ring a registered phone, the best binding first, the next when one cannot be reached.

        Raises `CallRefused` (480 when nobody is registered) and `CallAborted`.
        """
        registrar = self._registrar
        bound = () if registrar is None else registrar.lookup(user, self._signalling.now())
        failure: HotlineError = CallRefused(480, "Temporarily Unavailable")
        for binding in bound:
            if not self._signalling.connected(binding.hop):
                continue
            symmetric = binding.behind_nat or bool(binding.path)
            way = Way(binding.hop if symmetric else hop_of(SipUri.parse(binding.uri)), binding.path)
            try:
                return await self._client.dial(binding.uri, caller, None, way)
            except CallAborted as error:
                failure = error
            except CallRefused as error:
                failure = error
                if error.status not in {408, 430, 480, 503}:
                    break
        raise failure

    async def options(self, uri: str, hop: Hop | None = None) -> int | None:
        """Ask with OPTIONS whether somebody is there; the status, None when nobody answers.

        Raises `Unroutable`, `SipSyntaxError`.
        """
        return await self._client.options(uri, hop or hop_of(SipUri.parse(uri)))

    @property
    def number(self) -> str:
        """What we register as our Contact's user: a registrar sends calls to that, so it must be ours."""
        return self._numbers[0] if self._numbers else CONTACT_USER

    def contact(self, hop: Hop) -> str:
        """The Contact's URI that we register towards that hop."""
        return self._signalling.contact(hop, user=self.number)[1].strip("<>")

    async def ask(
        self, method: str, uri: str, hop: Hop, fields: list[tuple[str, str]], ident: Ident
    ) -> Reply:
        """Send a request outside any dialog, such as REGISTER, and wait for its final answer."""
        return await self._client.ask(method, uri, hop, fields, ident)

    async def _keep_open(self, registrar: Registrar, ping_s: float) -> None:
        """Ask phones behind NAT from time to time whether they are there; streams say so by themselves."""
        while True:
            await anyio.sleep(ping_s)
            registrar.bindings.drop(lambda hop: not self._signalling.connected(hop))
            async with anyio.create_task_group() as pings:
                for user, binding in registrar.bindings.all(self._signalling.now()):
                    if binding.behind_nat and not binding.hop.reliable:
                        pings.start_soon(self._ping, registrar, user, binding)

    async def _ping(self, registrar: Registrar, user: str, binding: Binding) -> None:
        try:
            status = await self._client.options(binding.uri, binding.hop)
        except SipSyntaxError:
            status = None
        registrar.bindings.answered(user, binding, alive=status is not None)

    async def shutdown(self, grace: float) -> None:
        """Take no more calls, refuse the ringing ones, BYE the others; wait at most `grace` seconds for
        their answers. Harmless when repeated."""
        self._server.draining = True
        self._writer.close()
        for call in list(self._calls.ringing.values()):
            call.refuse(503, "Service Unavailable", math.ceil(grace) + 5)
        for leg in list(self._calls.legs.values()):
            leg.finish(EndCause.SHUTDOWN)
        empty = anyio.Event()
        self._calls.when_empty = empty.set
        if self._calls:
            with anyio.move_on_after(grace):
                await empty.wait()
        for leg in list(self._calls.legs.values()):
            leg.part()
        self._calls.when_empty = None

    def _queue(self, call: IncomingInvite) -> bool:
        try:
            self._writer.send_nowait(call)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return False
        return True

    async def _close(self) -> None:
        await self._signalling.aclose()
        self._writer.close()
        self._reader.close()
