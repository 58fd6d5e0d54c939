"""Phones that register and are rung; trunks that are registered with, watched and left when they fail."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from hotline.conversation import EndCause
from hotline.errors import CallAborted
from hotline.gateway.outbound_policy import Decision
from hotline.gateway.sip import lookup
from hotline.gateway.sip.auth import answer_challenge, ha1
from hotline.gateway.sip.client import CallRefused
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway.sip.trunk import NotPermitted, Trunk, Trunks
from hotline.gateway_settings import RegistrarSettings, SipSettings, TrunkServer, TrunkSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, SDP, Line, Peer, peer, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

REALM = "phones"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "phones"
    rows = [f"{name}:{REALM}:{ha1('SHA-256', name, REALM, 'secret')}" for name in ("8001", "8002")]
    rows.append(f"8001:{REALM}:{ha1('MD5', '8001', REALM, 'secret')}")
    path.write_text("\n".join(rows))
    return path


@asynccontextmanager
async def registrar(users: Path, port: int = 0, **settings: Any) -> AsyncIterator[Line]:
    phones = Registrar(RegistrarSettings(users_file=users, realm=REALM, **settings))
    media = FakeMediaEngine(100)
    sip = SipSettings(port=port)
    async with (
        SipEndpoint.open(sip, media, timers=QUICK, registrar=phones, ping_s=0.3) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        made = Line(endpoint, media)
        tasks.start_soon(made.answer_all)
        yield made
        tasks.cancel_scope.cancel()


def field(message: str, name: str) -> str:
    rows = [
        row.partition(": ")[2] for row in message.split("\r\n") if row.lower().startswith(f"{name.lower()}: ")
    ]
    return rows[0]


async def register(
    caller: Peer, cseq: int, fields: str, *, user: str = "8001", password: str = "secret", known: str = "8001"
) -> str:
    """REGISTER, meeting the challenge; the last answer."""
    uri = "sip:127.0.0.1"
    to = f"From: <sip:{user}@127.0.0.1>;tag=here\r\nTo: <sip:{user}@127.0.0.1>\r\n"
    answer = ""
    for step in range(2):
        authorization = ""
        if answer:
            value = answer_challenge((field(answer, "WWW-Authenticate"),), "REGISTER", uri, known, password)
            authorization = f"Authorization: {value}\r\n"
        await caller.raw(
            (
                f"REGISTER {uri} SIP/2.0\r\n{to}"
                f"Via: SIP/2.0/UDP 192.0.2.77;rport;branch=z9hG4bKr{cseq}.{step}\r\n"
                f"Call-ID: r{caller._here}\r\nCSeq: {cseq + step} REGISTER\r\n{authorization}{fields}"
                "Content-Length: 0\r\n\r\n"
            ).encode()
        )
        answer = await caller.until("SIP/2.0")
        if not answer.startswith("SIP/2.0 401"):
            return answer
    return answer


async def test_register_query_refresh_and_leave(users: Path) -> None:
    async with registrar(users) as made, peer(made) as caller:
        here = f"sip:8001@127.0.0.1:{caller._here}"
        answer = await register(caller, 1, f"Contact: <{here}>;expires=120;q=0.7\r\n")
        assert answer.startswith("SIP/2.0 200")
        assert field(answer, "Contact") == f"<{here}>;expires=120;q=0.7"
        assert field(answer, "Date").endswith("GMT")
        assert f"<{here}>" in await register(caller, 3, "")
        assert "Contact" not in await register(caller, 5, "Contact: *\r\nExpires: 0\r\n")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Contact: <sip:a@127.0.0.1>;expires=5\r\n", 423),
        ("Contact: *\r\n", 400),
        ("Contact: *\r\nContact: <sip:a@127.0.0.1>\r\nExpires: 0\r\n", 400),
        ("Contact: <mailto:a@b>\r\n", 400),
        ("Contact: <sip:a@127.0.0.1>;q=x\r\n", 400),
        ("Require: strange\r\nContact: <sip:a@127.0.0.1>\r\n", 420),
        ("".join(f"Contact: <sip:{n}@127.0.0.1>\r\n" for n in range(6)), 403),
    ],
)
async def test_what_cannot_be_taken(users: Path, fields: str, status: int) -> None:
    async with registrar(users) as made, peer(made) as caller:
        answer = await register(caller, 1, fields)
        assert int(answer[8:11]) == status
        assert made.endpoint._registrar is not None
        assert len(made.endpoint._registrar.bindings) == 0


async def test_nobody_can_tell_who_is_known(users: Path) -> None:
    async with registrar(users) as made, peer(made) as caller:
        contact = f"Contact: <sip:x@127.0.0.1:{caller._here}>\r\n"
        wrong = await register(caller, 1, contact, password="wrong")
        unknown = await register(caller, 3, contact, user="9999", known="9999")
        assert wrong[:16] == unknown[:16] == "SIP/2.0 401 Unau"
        names = [[row.partition(":")[0] for row in text.split("\r\n")] for text in (wrong, unknown)]
        assert names[0] == names[1]
        other = await register(
            caller, 5, contact, user="8002", known="8001"
        )  # a right password for another user
        assert other.startswith("SIP/2.0 403")


async def test_registered_phone_is_rung_where_it_came_from(users: Path) -> None:
    async with registrar(users) as made, peer(made) as phone, anyio.create_task_group() as tasks:
        # It names an address behind its NAT; the INVITE must come over the flow, by the Path.
        fields = "Contact: <sip:8001@192.168.7.9:5060>\r\nPath: <sip:10.0.0.9;lr>\r\n"
        assert (await register(phone, 1, fields)).startswith("SIP/2.0 200")
        outcome: list[object] = []

        async def ring() -> None:
            outcome.append(await made.endpoint.ring("8001"))

        tasks.start_soon(ring)
        invite = await phone.until("INVITE sip:8001@192.168.7.9:5060 ")
        assert field(invite, "Route") == "<sip:10.0.0.9;lr>"
        copied = "".join(f"{name}: {field(invite, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = f"To: {field(invite, 'To')};tag=phone\r\n"
        contact = f"Contact: <sip:8001@127.0.0.1:{phone._here}>\r\n"
        head = f"SIP/2.0 200 OK\r\n{copied}{to}{contact}{SDP}Content-Length: {len(OFFER)}\r\n\r\n{OFFER}"
        await phone.raw(head.encode())
        assert (await phone.until("ACK ")) != ""
        await settled(lambda: len(outcome) == 1)
        with pytest.raises(CallRefused) as caught:
            await made.endpoint.ring("8002")
        assert caught.value.status == 480
        tasks.cancel_scope.cancel()


async def test_phone_behind_nat_is_kept_reachable_and_forgotten_when_gone(users: Path) -> None:
    async with registrar(users) as made, peer(made) as phone:
        await register(phone, 1, "Contact: <sip:8001@192.168.7.9:5060>\r\n")
        assert (await phone.until("OPTIONS ")).startswith("OPTIONS sip:8001@192.168.7.9:5060")
        phones = made.endpoint._registrar
        assert phones is not None
        with anyio.fail_after(30):
            while phones.stats(anyio.current_time()).unreachable == 0:  # noqa: ASYNC110 outside state
                await anyio.sleep(0.2)
        with pytest.raises(CallRefused):
            await made.endpoint.ring("8001")


def only_us(number: str) -> Decision:
    return Decision(number == "12348", number)


# -- trunks --------------------------------------------------------------------------------------------------


def trunk_to(ports: list[int], **settings: Any) -> TrunkSettings:
    servers = tuple(TrunkServer(uri=f"sip:127.0.0.1:{port}", priority=at) for at, port in enumerate(ports))
    made: dict[str, Any] = {"user": "8001", "password": SecretStr("secret"), "options_s": 1, **settings}
    return TrunkSettings(name="telecom", servers=servers, **made)


@asynccontextmanager
async def gateway() -> AsyncIterator[SipEndpoint]:
    async with SipEndpoint.open(SipSettings(port=0), FakeMediaEngine(10), timers=QUICK) as endpoint:
        yield endpoint


async def test_trunk_registers_and_leaves(users: Path) -> None:
    async with registrar(users) as far, gateway() as ours:
        phones = far.endpoint._registrar
        assert phones is not None
        trunk = Trunk(trunk_to([far.endpoint.port]), ours)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(trunk.run)
            await settled(lambda: trunk.stats.registered)
            (bound,) = phones.lookup("8001", anyio.current_time())
            assert bound.uri.startswith("sip:12348@")  # a call sent there is for a number of ours
            assert trunk.stats.last_status == 200
            tasks.cancel_scope.cancel()
        assert len(phones.bindings) == 0


@pytest.mark.parametrize("qop", [("auth-int",), ("auth-int", "auth")])
async def test_trunk_registers_where_the_body_is_covered(users: Path, qop: tuple[str, ...]) -> None:
    async with registrar(users, qop=qop) as far, gateway() as ours, anyio.create_task_group() as tasks:
        trunk = Trunk(trunk_to([far.endpoint.port]), ours)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.registered)
        tasks.cancel_scope.cancel()


async def test_interval_the_far_end_finds_too_brief_is_prolonged(users: Path) -> None:
    async with (
        registrar(users, min_expires_s=300) as far,
        gateway() as ours,
        anyio.create_task_group() as tasks,
    ):
        trunk = Trunk(trunk_to([far.endpoint.port], expires_s=60), ours)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.registered)
        tasks.cancel_scope.cancel()


async def test_wrong_password_is_not_tried_for_ever(users: Path) -> None:
    async with registrar(users) as far, gateway() as ours, anyio.create_task_group() as tasks:
        trunk = Trunk(trunk_to([far.endpoint.port], password=SecretStr("wrong")), ours)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.last_status == 401)
        received = far.endpoint.stats.received
        await anyio.sleep(0.5)
        assert far.endpoint.stats.received == received == 2
        tasks.cancel_scope.cancel()


async def test_refresh_is_by_what_was_granted(users: Path) -> None:
    """Asked for ten minutes, granted one second: it stays registered."""
    async with (
        registrar(users, min_expires_s=1, max_expires_s=60) as far,
        gateway() as ours,
        anyio.create_task_group() as tasks,
    ):
        phones = far.endpoint._registrar
        assert phones is not None
        phones._settings = phones._settings.model_copy(update={"max_expires_s": 2})
        trunk = Trunk(trunk_to([far.endpoint.port], expires_s=600), ours)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.registered)
        for _ in range(10):
            await anyio.sleep(0.4)
            assert len(phones.lookup("8001", anyio.current_time())) == 1
        tasks.cancel_scope.cancel()


async def test_equal_servers_are_not_changed_at_every_refresh(users: Path) -> None:
    async with registrar(users) as one, registrar(users) as other, gateway() as ours:
        settings = trunk_to([one.endpoint.port, other.endpoint.port])
        equal = tuple(server.model_copy(update={"priority": 0}) for server in settings.servers)
        trunk = Trunk(settings.model_copy(update={"servers": equal}), ours)
        for _ in range(12):
            assert await trunk._settle() is not None
        assert trunk.stats.failovers == 0


async def test_failover_of_registration_and_of_calls(users: Path) -> None:
    async with registrar(users) as second, gateway() as ours, anyio.create_task_group() as tasks:
        async with registrar(users) as first:
            ports = [first.endpoint.port, second.endpoint.port]
            trunk = Trunk(trunk_to(ports), ours, random.Random(1))
            trunks = Trunks((trunk,), only_us)
            tasks.start_soon(trunk.run)
            await settled(lambda: trunk.stats.registered)
            leg = await trunks.dial("12348")
            await leg.hangup()
            await settled(lambda: first.causes == [EndCause.REMOTE_HANGUP])
        # The first server is gone: calls go on at once, the registration follows.
        leg = await trunks.dial("12348")
        await leg.hangup()
        await settled(lambda: second.causes == [EndCause.REMOTE_HANGUP])
        with anyio.fail_after(25):
            while trunk.stats.failovers != 1:  # noqa: ASYNC110 outside state
                await anyio.sleep(0.1)
        assert trunk.stats.registered
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def by_hand(answer: str | None, fields: str = "") -> AsyncIterator[tuple[int, list[str]]]:
    """A server that says the same to everything, or nothing; what it got is listed."""
    got: list[str] = []
    async with (
        await anyio.create_udp_socket(local_host="127.0.0.1") as sock,
        anyio.create_task_group() as tasks,
    ):

        async def attend() -> None:
            async for data, source in sock:
                text = data.decode()
                got.append(text.partition(" ")[0])
                if answer is not None and got[-1] not in {"ACK", "CANCEL"}:
                    await sock.sendto(reply(text, answer, fields).encode(), *source[:2])

        tasks.start_soon(attend)
        yield sock.extra(anyio.abc.SocketAttribute.local_port), got
        tasks.cancel_scope.cancel()


def reply(request: str, status: str, fields: str) -> str:
    rows = request.split("\r\n")
    kept = [row for row in rows if row.partition(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}]
    kept = [f"{row};tag=far" if row.startswith("To:") else row for row in kept]
    return "\r\n".join([f"SIP/2.0 {status}", *kept, *fields.splitlines(), "Content-Length: 0", "", ""])


async def test_a_silent_server_costs_seconds_and_not_the_call(users: Path) -> None:
    async with registrar(users) as far, by_hand(None) as (silent, got), gateway() as ours:
        trunk = Trunk(trunk_to([silent, far.endpoint.port], answer_s=0.5), ours)
        began = anyio.current_time()
        leg = await trunk.dial("12348", "anonymous")
        assert anyio.current_time() - began < 5
        await leg.hangup()
        await settled(lambda: far.causes == [EndCause.REMOTE_HANGUP])
        assert set(got) == {"INVITE"}  # nothing was heard from it, so there is nothing to cancel


async def test_a_server_that_asks_to_be_left_alone_is_the_last_to_be_asked(users: Path) -> None:
    async with (
        registrar(users) as far,
        by_hand("503 Service Unavailable", "Retry-After: 120 (maintenance)") as (tired, got),
        gateway() as ours,
    ):
        trunk = Trunk(trunk_to([tired, far.endpoint.port]), ours)
        for _ in range(3):
            await (await trunk.dial("12348", "anonymous")).hangup()
        await settled(lambda: far.causes == [EndCause.REMOTE_HANGUP] * 3)
        assert got.count("INVITE") == 1


async def test_who_asks_to_be_left_alone_is_the_last_to_be_registered_with(users: Path) -> None:
    async with (
        registrar(users) as far,
        by_hand("503 Service Unavailable", "Retry-After: 120") as (tired, got),
        gateway() as ours,
    ):
        trunk = Trunk(trunk_to([tired, far.endpoint.port]), ours)
        for _ in range(3):
            assert await trunk._settle() is trunk._settings.servers[1]
        assert got.count("REGISTER") == 1


async def test_what_others_of_our_user_were_granted_is_not_ours(users: Path) -> None:
    fields = "Contact: <sip:8001@192.0.2.9>;expires=7\r\nExpires: 333"
    async with by_hand("200 OK", fields) as (port, _), gateway() as ours:
        trunk = Trunk(trunk_to([port]), ours)
        assert await trunk._register(trunk._settings.servers[0], 600) == 333


async def test_a_dead_resolver_does_not_cut_a_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def resolver(name: str, port: int) -> list[tuple[Any, ...]]:
        asked.append(name)
        if len(asked) > 1:
            raise OSError("no resolver")
        return [(None, None, None, "", ("192.0.2.5", port))]

    monkeypatch.setattr(anyio, "getaddrinfo", resolver)
    monkeypatch.setattr(lookup, "FRESH_S", 0.0)
    names = lookup.Lookup()
    for _ in range(3):
        assert (await names.resolve("sip:trunk.example:5070;transport=tcp")).host == "192.0.2.5"
    assert len(asked) == 3
    with pytest.raises(OSError, match="no resolver"):
        await names.resolve("sip:other.example")


async def test_no_call_that_policy_does_not_name(users: Path) -> None:
    async with registrar(users) as far, gateway() as ours:
        trunks = Trunks((Trunk(trunk_to([far.endpoint.port]), ours),), only_us)
        for number in ("00881234", "12348;x", "", "abc"):
            with pytest.raises(NotPermitted):
                await trunks.dial(number)
        with pytest.raises(CallAborted):
            await trunks.dial("12348", trunk="other")
        assert far.endpoint.stats.received == 0
