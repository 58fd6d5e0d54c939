"""The SIP side with its defence: scanners fall silent, calls and honest neighbours do not notice."""

import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotline.gateway.defence import Defence
from hotline.gateway.sip.auth import ha1
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.guard import Deed
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway_settings import DefenceSettings, RegistrarSettings, SipSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, SDP, Line, Peer, peer, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

SCANNERS = Path(__file__).parents[5] / ".tools" / "sipvicious" / "bin"
needs_scanners = pytest.mark.skipif(
    not SCANNERS.is_dir(), reason="sipvicious is not in .tools/sipvicious: see .ci/run"
)


@asynccontextmanager
async def guarded(
    guard: Defence, *, registrar: Registrar | None = None, **settings: Any
) -> AsyncIterator[Line]:
    media = FakeMediaEngine(100)
    sip = SipSettings(port=0, **settings)
    async with (
        SipEndpoint.open(sip, media, timers=QUICK, guard=guard, registrar=registrar) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        made = Line(endpoint, media)
        tasks.start_soon(made.answer_all)
        yield made
        tasks.cancel_scope.cancel()


def defence(**settings: Any) -> Defence:
    return Defence(DefenceSettings(trusted=(), **settings))


async def silent(caller: Peer, seconds: float = 0.3) -> bool:
    with anyio.move_on_after(seconds):
        await caller.next()
        return False
    return True


async def test_a_scan_for_numbers_falls_silent() -> None:
    guard = defence()
    async with guarded(guard) as made, peer(made) as caller:
        answers = 0
        for number in range(20):
            uri = f"sip:{1000 + number}@127.0.0.1"
            await caller.send("OPTIONS", cseq=number + 1, branch=f"z9hG4bKs{number}", uri=uri)
            answers += not await silent(caller, 0.1)
        assert answers in {6, 7}  # 12 points at 2 each, and some of them fade meanwhile
        assert [ban.source for ban in guard.bans(anyio.current_time())] == ["127.0.0.1"]


async def test_call_in_progress_goes_on_while_its_address_is_banned() -> None:
    guard = defence()
    async with guarded(guard) as made, peer(made) as caller, peer(made) as scanner:
        await caller.call()
        await caller.send("ACK", branch="z9hG4bKack")
        for number in range(30):
            fields = "User-Agent: friendly-scanner\r\n"
            await scanner.send("OPTIONS", cseq=number + 1, branch=f"z9hG4bKs{number}", fields=fields)
        await settled(lambda: len(guard.bans(anyio.current_time())) == 1)
        await caller.send("INVITE", cseq=2, fields=SDP, body=OFFER)  # inside the dialog
        assert (await caller.until("SIP/2.0 200")) != ""
        await caller.send("ACK", cseq=2, branch="z9hG4bKack2")
        await caller.send("BYE", cseq=3)
        assert (await caller.until("SIP/2.0 200")) != ""
        assert len(made.causes) == 1


async def test_the_banned_are_not_heard_for_looking_like_a_call() -> None:
    guard = defence()
    async with guarded(guard) as made, peer(made) as caller, peer(made) as scanner:
        await caller.call()
        await caller.send("ACK", branch="z9hG4bKack")
        for number in range(30):
            fields = "User-Agent: friendly-scanner\r\n"
            await scanner.send("OPTIONS", cseq=number + 1, branch=f"z9hG4bKs{number}", fields=fields)
        await settled(lambda: len(guard.bans(anyio.current_time())) == 1)
        while not await silent(scanner, 0.1):
            pass
        await scanner.send("OPTIONS", cseq=90, branch="z9hG4bKguess", tag=";tag=a-guess")
        await scanner.send("CANCEL", cseq=1, branch="z9hG4bKguess2")
        assert await silent(scanner)
        await caller.send("BYE", cseq=2)
        assert (await caller.until("SIP/2.0 200")) != ""


async def test_credentials_in_anothers_name_block_nobody(tmp_path: Path) -> None:
    """Nobody who cannot see the challenge can have a user blocked: it may be a forged datagram."""
    users = tmp_path / "users"
    users.write_text(f"known:r:{ha1('SHA-256', 'known', 'r', 'secret')}\n")
    guard = defence()
    async with guarded(guard, users_file=users, realm="r") as made, peer(made) as forger:
        guard.note("127.0.0.1", Deed.GOOD_CREDENTIALS, anyio.current_time(), "known")
        for number in range(8):
            value = (
                f'Digest username="known", realm="r", nonce="x", uri="{made.uri}", '
                f'qop=auth, nc=00000001, cnonce="c", algorithm=SHA-256, response="{"0" * 64}"'
            )
            fields = f"Authorization: {value}\r\n{SDP}"
            await forger.send(
                "INVITE", cseq=number + 1, branch=f"z9hG4bKf{number}", fields=fields, body=OFFER
            )
            await forger.until("SIP/2.0 401")
            await forger.send("ACK", cseq=number + 1, branch=f"z9hG4bKf{number}")
        assert not guard.blocked("127.0.0.1", "known", anyio.current_time())


async def test_flood_of_rubbish_is_cut_off() -> None:
    guard = defence(messages_per_second=50, burst=50)
    async with guarded(guard) as made, peer(made) as caller:
        for _ in range(500):
            await caller.raw(b"INVITE rubbish\r\n\r\n")
        await settled(lambda: made.endpoint.stats.received + guard.stats(0).dropped >= 500)
        assert made.endpoint.stats.malformed < 100
        assert made.endpoint.stats.faults == 0


async def test_who_is_banned_opens_no_stream() -> None:
    guard = defence()
    async with guarded(guard) as made:
        now = anyio.current_time()
        async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port):
            await settled(lambda: made.endpoint.stats.tcp == 1)
        for _ in range(6):
            guard.note("127.0.0.1", Deed.SCANNER, now, proved=True)
        async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)), anyio.fail_after(5):
                await stream.receive()
        assert made.endpoint.stats.streams_refused == 1


async def test_callers_do_not_notice_a_flood_from_elsewhere() -> None:
    """Ten thousand well-formed INVITEs of one stranger, as fast as they go, while others call."""
    guard = Defence(DefenceSettings(trusted=("127.0.0.1/32",)))
    async with guarded(guard) as made:
        uri = f"sip:12348@127.0.0.1:{made.endpoint.port}"

        def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
                wire.bind(("127.0.0.2", 0))
                for number in range(10_000):
                    wire.sendto(
                        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKf{number}\r\n"
                        f"From: <sip:x@127.0.0.2>;tag=f{number}\r\nTo: <{uri}>\r\nCall-ID: f{number}\r\n"
                        f"CSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.2>\r\n{SDP}"
                        f"Content-Length: {len(OFFER)}\r\n\r\n{OFFER}".encode(),
                        ("127.0.0.1", made.endpoint.port),
                    )
                    if number % 20 == 0:
                        time.sleep(0.004)  # some 4,000 a second

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, flood)
            for number in range(15):
                async with peer(made) as caller:
                    await caller.send("INVITE", branch=f"z9hG4bKi{number}", fields=SDP, body=OFFER)
                    caller.learn(await caller.until("SIP/2.0 200"))
                    await caller.send("ACK", branch=f"z9hG4bKa{number}")
                    await caller.send("BYE", cseq=2, branch=f"z9hG4bKb{number}")
                    assert (await caller.until("SIP/2.0 200")) != ""
        await settled(lambda: guard.stats(0).dropped > 1_000)
        assert made.endpoint.stats.faults == 0


async def test_nobody_can_tell_a_known_user_from_an_unknown_one(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"known:r:{ha1('SHA-256', 'known', 'r', 'secret')}\n")
    async with guarded(defence(threshold=1_000), users_file=users, realm="r") as made, peer(made) as caller:
        shapes = []
        for number, user in enumerate(("known", "unknown")):
            value = (
                f'Digest username="{user}", realm="r", nonce="x", uri="{made.uri}", '
                f'qop=auth, nc=00000001, cnonce="c", algorithm=SHA-256, response="{"0" * 64}"'
            )
            fields = f"Authorization: {value}\r\n{SDP}"
            await caller.send(
                "INVITE", cseq=number + 1, branch=f"z9hG4bKn{number}", fields=fields, body=OFFER
            )
            answer = await caller.until("SIP/2.0 4")
            await caller.send("ACK", cseq=number + 1, branch=f"z9hG4bKn{number}")
            shapes.append([row.partition(":")[0] for row in answer.split("\r\n")])
        assert shapes[0] == shapes[1]
        assert shapes[0][0] == "SIP/2.0 401 Unauthorized"


@needs_scanners
async def test_sipvicious_finds_nothing_for_long() -> None:
    """Real scanners: the device map, then a war dial of extensions."""
    guard = defence()
    async with guarded(guard) as made:
        port = made.endpoint.port

        def scan(*command: str | Path) -> str:
            done = subprocess.run(
                [*command], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
            )
            return done.stdout + done.stderr

        await anyio.to_thread.run_sync(scan, SCANNERS / "sipvicious_svmap", "-p", str(port), "127.0.0.1")
        said = await anyio.to_thread.run_sync(
            scan,
            SCANNERS / "sipvicious_svwar",
            "-p",
            str(port),
            "-e",
            "1000-1060",
            "-m",
            "INVITE",
            "127.0.0.1",
        )
        assert guard.stats(anyio.current_time()).bans >= 1
        assert "12348" not in said
        assert made.endpoint.stats.faults == 0
        assert made.calls == []


@needs_scanners
async def test_sipvicious_guesses_no_password(tmp_path: Path) -> None:
    """A real guesser that would have the password, were it let."""
    users = tmp_path / "users"
    users.write_text(f"1000:r:{ha1('MD5', '1000', 'r', '1900')}\n")
    guard = defence()
    registrar = Registrar(RegistrarSettings(users_file=users, realm="r", algorithms=("MD5",)))
    async with guarded(guard, registrar=registrar) as made:

        def crack() -> str:
            command: list[str | Path] = [
                SCANNERS / "sipvicious_svcrack",
                "-p",
                str(made.endpoint.port),
                "-u",
                "1000",
            ]
            command += ["-r", "1000-2000", "127.0.0.1"]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
            )
            return done.stdout + done.stderr

        said = await anyio.to_thread.run_sync(crack)
        assert guard.stats(anyio.current_time()).bans >= 1
        assert "1900" not in said
        assert made.endpoint.stats.faults == 0
