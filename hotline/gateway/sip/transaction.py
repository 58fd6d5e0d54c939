"""The transaction layer: matches messages to machines and keeps their timers, without I/O (RFC 3261 §17)."""

import heapq
from dataclasses import dataclass, field
from typing import Literal

from hotline.gateway.sip.grammar import COOKIE, NameAddr
from hotline.gateway.sip.message import Message, Request, Response, make_response
from hotline.gateway.sip.timers import Note, Output, Timers
from hotline.gateway.sip.transaction_client import InviteClient, OtherClient
from hotline.gateway.sip.transaction_server import InviteServer, OtherServer, ServerState

Key = tuple[str, ...]
Machine = InviteServer | OtherServer | InviteClient | OtherClient


Transport = Literal["UDP", "TCP", "TLS", "WS", "WSS"]


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a message goes or came from."""

    transport: Transport
    host: str
    port: int
    connection: int | None = None
    """Number of the stream it came over; None for datagrams or when any stream will do."""

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself."""
        return self.transport != "UDP"

    @property
    def secure(self) -> bool:
        """Whether nobody on the way can read it."""
        return self.transport in {"TLS", "WSS"}


@dataclass(frozen=True, slots=True)
class Send:
    """Put a message on the wire."""

    message: Message
    hop: Hop
    key: Key


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new request for the core. `key` is None for an ACK, which has no transaction of its own."""

    request: Request
    hop: Hop
    key: Key | None


@dataclass(frozen=True, slots=True)
class Replied:
    """A response to a request of ours."""

    key: Key
    response: Response


@dataclass(frozen=True, slots=True)
class Failed:
    """A transaction died: no answer to our request, or no ACK to our refusal, or the transport failed."""

    key: Key


@dataclass(frozen=True, slots=True)
class Done:
    """A client transaction is over; nothing more will be said about it."""

    key: Key


Effect = Send | Arrived | Replied | Failed | Done


@dataclass(slots=True)
class Counters:
    """What the layer saw."""

    absorbed: int = 0
    """Retransmitted requests answered or swallowed without the core."""
    stray: int = 0
    """Responses to nothing."""
    merged: int = 0
    overloaded: int = 0


@dataclass(slots=True)
class _Entry:
    machine: Machine
    hop: Hop
    merge: Key | None = None
    scheduled: float | None = field(default=None)


class TransactionLayer:
    """All transactions of one endpoint. Feed messages and time; carry out the effects in order."""

    def __init__(self, timers: Timers, capacity: int = 16_000) -> None:
        """`capacity`: transactions at once; each call leaves two for 32 s, so 250 calls a second fit."""
        self._timers = timers
        self._capacity = capacity
        self._entries: dict[Key, _Entry] = {}
        self._merge: dict[Key, Key] = {}
        self._queue: list[tuple[float, Key]] = []
        self.counters = Counters()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def deadline(self) -> float | None:
        """When `due` must be called next."""
        while self._queue:
            time, key = self._queue[0]
            entry = self._entries.get(key)
            if entry is not None and entry.scheduled == time:
                return time
            heapq.heappop(self._queue)
        return None

    def receive(self, message: Message, hop: Hop, now: float) -> list[Effect]:
        """A message came in; requests must already be stamped with their source."""
        if isinstance(message, Response):
            return self._receive_response(message, now)
        key = server_key(message)
        entry = self._entries.get(key)
        if message.method == "ACK":
            return self._receive_ack(message, hop, key, now)
        if entry is not None and isinstance(entry.machine, InviteServer | OtherServer):
            self.counters.absorbed += 1
            return self._carry(key, entry, entry.machine.repeat())
        return self._open(message, hop, key, now)

    def respond(self, key: Key, response: Response, now: float) -> list[Effect]:
        """Answer a request; dropped when its transaction is over."""
        entry = self._entries.get(key)
        if entry is None or not isinstance(entry.machine, InviteServer | OtherServer):
            return []
        return self._carry(key, entry, entry.machine.respond(response, now))

    def request(self, request: Request, hop: Hop, now: float) -> tuple[Key, list[Effect]]:
        """Send a request (never ACK) in a new client transaction."""
        key = client_key(request.head.via.branch, request.method)
        kind = InviteClient if request.method == "INVITE" else OtherClient
        entry = _Entry(kind(request, self._timers, now, reliable=hop.reliable), hop)
        self._entries[key] = entry
        return key, self._carry(key, entry, [request])

    def invite_of(self, cancel: Request) -> Key | None:
        """The INVITE transaction a CANCEL is for, while it is still pending or just answered."""
        key = server_key(cancel, "INVITE")
        return key if key in self._entries else None

    def pending(self, key: Key) -> bool:
        """Whether an INVITE we received still waits for its final answer."""
        entry = self._entries.get(key)
        return entry is not None and entry.machine.state is ServerState.PROCEEDING

    def broken(self, key: Key) -> list[Effect]:
        """The transport could not carry a message of this transaction."""
        entry = self._entries.get(key)
        if entry is None:
            return []
        entry.machine.stop()
        return self._carry(key, entry, [Note.TIMEOUT, Note.ENDED])

    def due(self, now: float) -> list[Effect]:
        """Whatever time demands by now."""
        effects: list[Effect] = []
        while (time := self.deadline) is not None and time <= now:
            _, key = heapq.heappop(self._queue)
            entry = self._entries[key]
            entry.scheduled = None
            effects += self._carry(key, entry, entry.machine.due(now))
        return effects

    def _receive_ack(self, ack: Request, hop: Hop, key: Key, now: float) -> list[Effect]:
        entry = self._entries.get(key)
        if entry is None or not isinstance(entry.machine, InviteServer):
            return [Arrived(ack, hop, None)]
        passes = entry.machine.ack(now)
        return [*self._carry(key, entry, []), *([Arrived(ack, hop, None)] if passes else [])]

    def _receive_response(self, response: Response, now: float) -> list[Effect]:
        key = client_key(response.head.via.branch, response.head.method)
        entry = self._entries.get(key)
        if entry is None or not isinstance(entry.machine, InviteClient | OtherClient):
            self.counters.stray += 1
            return []
        passes, outputs = entry.machine.receive(response, now)
        effects = self._carry(key, entry, outputs)
        return [*effects, Replied(key, response)] if passes else effects

    def _open(self, request: Request, hop: Hop, key: Key, now: float) -> list[Effect]:
        head = request.head
        if len(self._entries) >= self._capacity:
            self.counters.overloaded += 1
            busy = make_response(request, 503, "Service Unavailable", [("Retry-After", "5")], to_tag="busy")
            return [Send(busy, hop, key)]
        merge = None
        if head.to_tag is None and request.method != "CANCEL":
            merge = (head.from_tag or "", head.call_id, str(head.cseq), request.method)
            if merge in self._merge:
                self.counters.merged += 1
                return [Send(make_response(request, 482, "Loop Detected", to_tag="merged"), hop, key)]
            self._merge[merge] = key
        kind = InviteServer if request.method == "INVITE" else OtherServer
        entry = _Entry(kind(request, self._timers, reliable=hop.reliable), hop, merge)
        self._entries[key] = entry
        if request.method != "INVITE":
            return [Arrived(request, hop, key)]
        trying = self.respond(key, make_response(request, 100, "Trying"), now)
        return [*trying, Arrived(request, hop, key)]

    def _carry(self, key: Key, entry: _Entry, outputs: list[Output]) -> list[Effect]:
        effects: list[Effect] = []
        for output in outputs:
            if output is Note.ENDED:
                self._entries.pop(key, None)
                if entry.merge is not None:
                    self._merge.pop(entry.merge, None)
                if isinstance(entry.machine, InviteClient | OtherClient):
                    effects.append(Done(key))
            elif output is Note.TIMEOUT:
                effects.append(Failed(key))
            elif isinstance(output, Request | Response):
                effects.append(Send(output, entry.hop, key))
        deadline = entry.machine.deadline
        if deadline is not None and deadline != entry.scheduled and key in self._entries:
            heapq.heappush(self._queue, (deadline, key))
        entry.scheduled = deadline
        return effects


def server_key(request: Request, method: str | None = None) -> Key:
    """What a request and its retransmissions share (RFC 3261 §17.2.3); ACK matches its INVITE."""
    via = request.head.via
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    if via.branch.startswith(COOKIE) and len(via.branch) > len(COOKIE):
        return ("server", via.branch, via.host, str(via.port or 5060), method)
    head = request.head
    sender = NameAddr.parse(request.headers.get("From") or "").uri
    return (
        "server-2543",
        request.uri,
        sender,
        head.from_tag or "",
        head.call_id,
        str(head.cseq),
        method,
        via.host,
    )


def client_key(branch: str, method: str) -> Key:
    """What a request of ours and its responses share (RFC 3261 §17.1.3)."""
    return ("client", branch, method)
