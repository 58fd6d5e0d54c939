"""Webhooks against units' systems that fail in every way they can; the dead letter, and sending it again."""

import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import anyio
import pytest
from sqlalchemy import Engine

from hotline.store.tables import webhook_keys
from hotline.store.webhook_keys import OVERLAP, WebhookKeys
from tests.fakes.certificates import make_authority
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.addresses import AddressPolicy
from workorders.dead_letters import DeadLetters
from workorders.departments_http import (
    AddressRefused,
    DeliveryRedirected,
    DeliveryRefused,
    DeliveryTimedOut,
    HttpDepartments,
)
from workorders.errors import DeliveryFailed
from workorders.outbox import Outbox, OutboxOptions, RetryPolicy
from workorders.outbox_rows import OutboxRows
from workorders.ports import Parcel
from workorders.service import WorkOrderService
from workorders.signature import BadSignature, verify
from workorders.sql import unit_of_work

pytestmark = pytest.mark.integration

UNIT = "legal_aid-510104"
SECRET = b"0123456789abcdef-secret"
PARCEL = Parcel("u", "d1", b"{}")


def secrets(*_: object) -> tuple[bytes, ...]:
    return (SECRET,)


@contextmanager
def listening(answer: Callable[[socket.socket, Event], None]) -> Iterator[str]:
    """A server that treats each connection so; its address."""
    stop = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(2)
                    try:
                        answer(connection, stop)
                    except OSError:
                        continue

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join()


def silent(connection: socket.socket, stop: Event) -> None:
    connection.recv(65_536)
    stop.wait(5)


def dripping(connection: socket.socket, stop: Event) -> None:
    connection.recv(65_536)
    for byte in b"HTTP/1.1 204 No Content\r\nX: ":
        if stop.wait(0.05):
            return
        connection.sendall(bytes([byte]))


def closing(connection: socket.socket, _stop: Event) -> None:
    connection.recv(65_536)


def resetting(connection: socket.socket, _stop: Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def rubbish(connection: socket.socket, _stop: Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")


def endless(connection: socket.socket, stop: Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stop.is_set():
        connection.sendall(b"x" * 65_536)


def status(code: int, *headers: str) -> Callable[[socket.socket, Event], None]:
    def answer(connection: socket.socket, _stop: Event) -> None:
        connection.recv(65_536)
        lines = (f"HTTP/1.1 {code} X", "Content-Length: 0", *headers, "", "")
        connection.sendall("\r\n".join(lines).encode())

    return answer


def deliver(address: str, total_s: float = 5.0) -> None:
    anyio.run(HttpDepartments({"u": address}, secrets, total_s=total_s).deliver, PARCEL)


@pytest.mark.parametrize(
    ("answer", "problem", "again"),
    [
        (silent, DeliveryTimedOut, True),
        (dripping, DeliveryTimedOut, True),
        (closing, DeliveryFailed, True),
        (resetting, DeliveryFailed, True),
        (rubbish, DeliveryFailed, True),
        (status(500), DeliveryFailed, True),
        (status(429), DeliveryFailed, True),
        (status(401), DeliveryFailed, True),
        (status(410), DeliveryRefused, False),
        (status(422), DeliveryRefused, False),
        (status(302, "Location: http://127.0.0.1:1/"), DeliveryRedirected, True),
    ],
)
def test_each_failure_has_its_name_and_says_whether_to_try_again(
    answer: Callable[[socket.socket, Event], None], problem: type[DeliveryFailed], again: bool
) -> None:
    with listening(answer) as address, pytest.raises(DeliveryFailed) as failed:
        deliver(address, 0.6)
    assert (type(failed.value), failed.value.retryable) == (problem, again)


def test_an_answer_without_end_is_not_read() -> None:
    with listening(endless) as address:
        begun = time.monotonic()
        deliver(address)
        assert time.monotonic() - begun < 2


def test_nobody_listening_is_a_failure_to_try_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeliveryFailed, match="ConnectError"):
        deliver(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("host", "address", "networks", "allowed"),
    [
        ("unit.example", "93.184.216.34", (), True),
        ("unit.example", "2606:2800:220:1::1", (), True),
        ("unit.example", "10.1.2.3", (), False),
        ("unit.example", "10.1.2.3", ("10.1.0.0/16",), True),
        ("unit.example", "10.2.2.3", ("10.1.0.0/16",), False),
        ("unit.example", "192.168.0.1", (), False),
        ("unit.example", "169.254.169.254", (), False),
        ("unit.example", "100.64.0.1", (), False),
        ("unit.example", "0.0.0.0", (), False),
        ("unit.example", "224.0.0.1", (), False),
        ("unit.example", "fd00::1", (), False),
        ("unit.example", "fe80::1%eth0", (), False),
        ("unit.example", "::ffff:10.1.2.3", (), False),
        ("unit.example", "64:ff9b::a00:1", (), False),
        ("unit.example", "2002:a00:1::", (), False),
        ("unit.example", "127.0.0.1", (), False),
        ("unit.example", "127.0.0.1", ("127.0.0.0/8",), False),
        ("unit.example", "::1", (), False),
        ("localhost", "127.0.0.1", (), True),
        ("127.0.0.1", "127.0.0.1", (), True),
    ],
)
def test_where_a_name_may_lead(host: str, address: str, networks: tuple[str, ...], allowed: bool) -> None:
    assert AddressPolicy.of(networks).permits(host, address) is allowed


def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    with pytest.raises(AddressRefused):
        deliver("https://unit.example/orders")
    assert asked == ["unit.example"]


def test_the_name_is_checked_in_the_certificate_though_the_address_is_connected_to(
    tmp_path: Path,
) -> None:
    """https to the address that was judged, with the name in SNI, Host and certificate."""
    papers = make_authority(tmp_path)
    seen: dict[str, str | None] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen["host"] = self.headers["Host"]
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.certificate, papers.key)
    context.sni_callback = lambda _socket, name, _context: seen.update(sni=name)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            address = f"https://localhost:{server.server_port}/"
            with pytest.raises(DeliveryFailed):
                deliver(address)
            gateway = HttpDepartments({"u": address}, secrets, authority=papers.authority)
            anyio.run(gateway.deliver, PARCEL)
        finally:
            server.shutdown()
            thread.join()
    assert seen == {"sni": "localhost", "host": f"localhost:{server.server_port}"}


def test_a_dead_letter_is_seen_sent_again_and_keeps_its_id(engine: Engine) -> None:
    got: list[tuple[str, str]] = []
    answers = [500, 500, 204]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Hotline-Delivery"], json.loads(body)["number"]))
            self.send_response(answers[len(got) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    now = [NOW]

    def clock() -> datetime:
        return now[0]

    number = WorkOrderService(unit_of_work(engine), *shipped_rules()).handle(wage_claim()).number
    letters = DeadLetters(engine)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            gateway = HttpDepartments({UNIT: f"http://127.0.0.1:{server.server_port}/"}, secrets, clock)
            outbox = Outbox(
                engine, [gateway], lambda _e: None, OutboxOptions(retry=RetryPolicy(attempts=2)), clock
            )
            anyio.run(outbox.run_once)
            [failing] = letters.all()
            assert (failing.dead, failing.attempts, failing.number) == (False, 1, number)
            assert failing.problem == "order.delivery_failed 500"
            now[0] += timedelta(hours=1)
            anyio.run(outbox.run_once)
            [dead] = letters.all()
            assert (dead.dead, dead.attempts, dead.delivery_id) == (True, 2, failing.delivery_id)
            assert OutboxRows(engine, clock, timedelta(minutes=1)).revive(dead.delivery_id)
            anyio.run(outbox.run_once)
            assert letters.all() == []
        finally:
            server.shutdown()
            thread.join()
    assert got == [(dead.delivery_id, number)] * 3


def test_a_renewed_secret_signs_beside_the_old_one_for_a_while(engine: Engine) -> None:
    webhook_keys.create(engine)
    keys = WebhookKeys(engine, SECRET)
    old = keys.current("u", NOW).encode()
    new = keys.renew("u", NOW).encode()
    for at, old_fits in ((NOW, True), (NOW + OVERLAP, False)):
        signature = signed(keys, at)
        verify(new, "d1", b"{}", signature, at)
        if old_fits:
            verify(old, "d1", b"{}", signature, at)
        else:
            with pytest.raises(BadSignature):
                verify(old, "d1", b"{}", signature, at)


def signed(keys: WebhookKeys, at: datetime) -> str:
    """The signature that a unit's system receives at a time."""
    seen: list[str] = []

    def answer(connection: socket.socket, _stop: Event) -> None:
        head = connection.recv(65_536).decode()
        seen.extend(line.partition(": ")[2] for line in head.split("\r\n") if "signature" in line.lower())
        connection.sendall(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n")

    with listening(answer) as address:
        anyio.run(HttpDepartments({"u": address}, keys.secrets, lambda: at).deliver, PARCEL)
    return seen[0]
