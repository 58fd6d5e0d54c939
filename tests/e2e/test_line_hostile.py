"""Rubbish thrown at every door of the line while somebody is calling: that call still becomes its order."""

import json
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.e2e.conftest import StartLine
from tests.e2e.line import HOTLINE, SCRIPTED, LineProcess, change_yaml, copy_flows, ended, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

TORTURE = Path(__file__).parents[3] / "shared/data/torture/rfc4475"


@pytest.mark.model
def test_a_call_among_rubbish_becomes_its_order(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    line = start_line(brief_flows)
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    added = line.command("users", "add", "zhang", "--role", "supervisor", "--password-file", str(password))
    assert added.returncode == 0, added.stderr
    call = line.call(short_voice, "--caller", "13811112222")
    wait_for(lambda: line.rows("SELECT * FROM consents"), 30, "the notice is over")
    problems: list[BaseException] = []
    attacks = (
        sip_datagrams, sip_streams, idle_streams, rtp_datagrams, rest_bodies, websocket_frames, call_frames,
    )  # fmt: skip
    threads = [threading.Thread(target=attempt, args=(attack, line, problems)) for attack in attacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert problems == []
    assert " lost" in ended(call, 90)
    (mine,) = wait_for(
        lambda: line.rows("SELECT * FROM calls WHERE remote LIKE '%13811112222%' AND state = 'closed'"),
        20,
        "the call's record",
    )
    assert mine["outcome"] == "order_filed"
    (order,) = line.rows("SELECT * FROM work_orders WHERE call_id = ?", mine["id"])
    assert (order["matter"], order["district"]) == ("labour.wages", "510116")
    placed = len(line.calls())  # well-formed INVITEs among the torture messages are calls
    line.stop()
    line.balanced(placed)
    log = line.log.read_text(encoding="utf-8")
    assert "call failed" not in log
    assert "Traceback" not in log
    assert "13811112222" not in log


def attempt(attack: Callable[[LineProcess], None], line: LineProcess, problems: list[BaseException]) -> None:
    try:
        attack(line)
    except (AssertionError, OSError, httpx.HTTPError, ConnectionClosed) as error:
        problems.append(error)


def rubbish(seed: int) -> list[bytes]:
    """Torture messages where there are any, broken ones, and noise."""
    dice = random.Random(seed)
    messages = [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))] if TORTURE.is_dir() else []
    good = (
        b"INVITE sip:12348@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:12348@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
        b"Contact: <sip:a@127.0.0.1:9>\r\nContent-Type: application/sdp\r\nContent-Length: 20\r\n\r\n"
        b"v=0\r\no=- 1 1 IN IP4 x\r\n"
    )
    for _ in range(200):
        broken = bytearray(good)
        for _ in range(dice.randint(1, 8)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        messages += [bytes(broken[: dice.randint(1, len(broken))]), dice.randbytes(dice.randint(0, 1400))]
    return messages


def sip_datagrams(line: LineProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        for message in rubbish(1):
            wire.sendto(message[:60_000], ("127.0.0.1", line.sip_port))
            time.sleep(0.002)


def sip_streams(line: LineProcess) -> None:
    for message in rubbish(2)[::4]:
        with socket.create_connection(("127.0.0.1", line.sip_port), timeout=5) as wire:
            try:
                wire.sendall(message)
            except OSError:  # the line may well hang up on this
                continue


def idle_streams(line: LineProcess) -> None:
    """Hundreds of connections of which most say nothing, and some a byte now and then."""
    streams = []
    for _ in range(300):
        stream = socket.create_connection(("127.0.0.1", line.sip_port), timeout=5)
        stream.setblocking(False)
        streams.append(stream)
    for byte in b"INVITE sip:12348@127.0.0.1 SIP/2.0\r\nVia":
        for stream in streams[::10]:
            try:
                stream.send(bytes([byte]))
            except OSError:
                continue  # cut off: just so
        time.sleep(0.1)
    for stream in streams:
        stream.close()


def rtp_datagrams(line: LineProcess) -> None:
    assert line.process is not None
    ports = [
        connection.laddr.port
        for connection in psutil.Process(line.process.pid).net_connections("udp")
        if connection.laddr.port != line.sip_port
    ]
    assert ports
    dice = random.Random(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        for _ in range(1_000):
            head = bytes([0x80, dice.choice((0, 8, 101, 200, 255))]) if dice.random() < 0.7 else b""
            wire.sendto(head + dice.randbytes(dice.randint(0, 400)), ("127.0.0.1", dice.choice(ports)))
            time.sleep(0.002)


def rest_bodies(line: LineProcess) -> None:
    json_type = {"Content-Type": "application/json"}
    bodies = [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"name":1}',
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"name":"' + b"a" * 70_000,
    ]
    bodies += [b'{"name": "x", "password": "\\ud800"}', b'{"name": NaN}', b"9" * 5_000]
    with httpx.Client(base_url=line.web, trust_env=False, timeout=10) as client:
        for body in bodies:
            for path in ("api/v1/session", "units/v1/orders/X/sign"):
                answer = client.post(path, content=body, headers=json_type)
                assert 400 <= answer.status_code < 500, (path, body[:20], answer.status_code)
                assert "Traceback" not in answer.text
        for query in (
            "limit=x",
            "limit=-1",
            "cursor=%00",
            "since=2026-13-01",
            "nonsense=1",
            "text=" + "x" * 300,
        ):
            assert client.get("api/v1/calls?" + query).status_code == 401
        sign_in(client)
        for query in (
            "limit=x",
            "limit=-1",
            "since=2026-13-01",
            "nonsense=1",
            "text=" + "x" * 300,
        ):
            assert client.get("api/v1/calls?" + query).status_code in {400, 422}, query
        assert client.get("api/v1/calls/..%2f..%2fetc%2fpasswd/recording").status_code == 404
        assert client.get("readyz").status_code == 200


def sign_in(client: httpx.Client) -> str:
    """Returns what later requests must show against forgery."""
    form = {"name": "zhang", "password": "correct horse battery"}
    answer = client.post("api/v1/session", json=form)
    assert answer.status_code == 200
    return str(answer.json()["csrf"])


def websocket_frames(line: LineProcess) -> None:
    address = line.web.replace("http", "ws") + "api/v1/live"
    origin = line.web.rstrip("/")
    frames: list[str | bytes] = ["", "{", "null", "[" * 50_000, '{"ticket": 1}', b"\x00" * 100, "x" * 200_000]
    frames += ['{"ticket": "' + "a" * 64 + '"}', '{"ticket": "a", "after": -1}']
    for frame in frames:
        with connect(address, origin=origin, open_timeout=5, proxy=None) as wire:  # type: ignore[arg-type]
            try:
                wire.send(frame)
                wire.recv(timeout=10)
                raise AssertionError(f"answered {str(frame)[:20]}")
            except ConnectionClosed as closed:
                assert closed.rcvd is None or closed.rcvd.code in {1003, 1007, 1008, 1009}, closed


def call_frames(line: LineProcess) -> None:
    """The page's own socket, spoken to by something that is no page."""
    address = line.web.replace("http", "ws") + "call/ws"
    origin = Origin(line.web.rstrip("/"))
    candidates = "a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n" * 20_000
    broken = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    frames: list[tuple[str | bytes, set[int]]] = [
        ("{", {1007}),
        ("[" * 9_000, {1007}),
        (b"\x00\xff", {1008}),
        ("[]", {1008}),
        ("null", {1008}),
        ('{"type": "hangup"}', {1008}),
        ('{"type": "ping"}', {1008}),
        ('{"type": "offer"}', {1008}),
        ('{"type": "offer", "sdp": [1]}', {1008}),
        (json.dumps({"type": "offer", "sdp": ""}), {1000}),
        (json.dumps({"type": "offer", "sdp": "\ud800\x00" * 50}), {1000}),
        (json.dumps({"type": "offer", "sdp": broken}), {1000}),
        (json.dumps({"type": "offer", "sdp": broken + candidates}), {1008, 1009}),
        ("x" * 2_000_000, {1009}),
    ]
    for frame, codes in frames:
        with connect(address, origin=origin, proxy=None) as browser:
            browser.send(frame)
            said = []
            try:
                while True:
                    said.append(json.loads(browser.recv(timeout=15)))
            except ConnectionClosed as closed:
                assert closed.rcvd is not None, frame[:40]
                assert closed.rcvd.code in codes, (frame[:40], closed.rcvd.code)
            assert {item["type"] for item in said} <= {"refused"}, said
    for _ in range(20):  # and some that vanish without a word
        vanishing = connect(address, origin=origin, proxy=None)
        vanishing.socket.shutdown(socket.SHUT_RDWR)


def start(folder: Path, *, toml: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    config = folder / "hotline.toml"
    config.write_text(toml, encoding="utf-8")
    base = LineProcess(folder, folder / "prompts").environment
    return subprocess.run(
        [*HOTLINE, "serve", "--config", str(config)],
        cwd=folder,
        env={**base, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[sip\nport = 5060", ["not TOML", "hotline.toml"]),
        ("[sip]\nport = 'x'\nhots = 1\n[limits]\ncalls = 0\n", ["sip.port", "sip.hots", "limits.calls"]),
        ("[nonsense]\na = 1", ["nonsense"]),
        ("[asr.engine]\nengine = 'telepathy'", ["asr.engine", "telepathy", "whisper_batch"]),
        ("[sip]\nallow = ['everyone']", ["sip.allow"]),
        (
            "[media]\nport_min = 20000\nport_max = 20020\n[web]\nhost = '0.0.0.0'",
            ["port pairs", "secure_cookies"],
        ),
        ("[dispatch]\nwebhook_secret = 'please-change-me'", ["dispatch.webhook_secret"]),
    ],
)
def test_a_broken_configuration_names_every_problem(tmp_path: Path, toml: str, named: list[str]) -> None:
    done = start(tmp_path, toml=toml)
    assert done.returncode == 3, done.stderr
    assert all(name in done.stderr for name in named), done.stderr
    assert "Traceback" not in done.stderr
    assert "please-change-me" not in done.stderr


def test_a_broken_environment_is_named(tmp_path: Path) -> None:
    done = start(tmp_path, HOTLINE__SIP__PORT="x", HOTLINE__SIP__ALLOW="{", HOTLINE__LIMITS__CALLS="0")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "HOTLINE" in done.stderr or "environment" in done.stderr


BREAKAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no YAML": ("12348.yaml", lambda path: path.write_text("nodes: [", encoding="utf-8"), "12348.yaml"),
    "no UTF-8": ("12348.yaml", lambda path: path.write_bytes(b"nodes: \xff\xfe"), "12348.yaml"),
    "unknown node": (
        "12348.yaml",
        lambda path: change_yaml(path, lambda data: data["nodes"]["greeting"].update(next="nowhere")),
        "nowhere",
    ),
    "unknown key": (
        "12348.yaml",
        lambda path: change_yaml(path, lambda data: data["nodes"]["greeting"].update(nxet="x")),
        "nxet",
    ),
    "routing": ("routing.yaml", lambda path: path.write_text("kinds: 1", encoding="utf-8"), "routing.yaml"),
    "prompts": ("prompts/zh-CN.yaml", lambda path: path.write_text("- a", encoding="utf-8"), "zh-CN.yaml"),
    "intents": ("intents.yaml", lambda path: path.write_text("x: {", encoding="utf-8"), "intents.yaml"),
    "gone": ("12348.yaml", Path.unlink, "12348.yaml: No such file"),
}


@pytest.mark.parametrize("breakage", sorted(BREAKAGES))
def test_a_broken_flow_folder_is_named(tmp_path: Path, breakage: str) -> None:
    name, break_it, named = BREAKAGES[breakage]
    flows = copy_flows(tmp_path)
    break_it(flows / name)
    done = start(tmp_path, HOTLINE__PATHS__FLOWS=str(flows))
    assert done.returncode == 3, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"^dial", done.stderr, re.MULTILINE)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    done = start(tmp_path, HOTLINE__PATHS__MODELS=str(tmp_path / "none"))
    assert done.returncode == 4, done.stderr
    assert "hotline models fetch" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/hotline.sqlite3").write_bytes(b"this is no database " * 100)
    done = start(tmp_path)
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.model
@pytest.mark.parametrize("door", ["sip", "web"])
def test_a_taken_port_is_named(tmp_path: Path, weights: Path, workshop: Path, door: str) -> None:
    if (workshop / "prompts").is_dir():
        shutil.copytree(workshop / "prompts", tmp_path / "data/prompts")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"HOTLINE__SIP__PORT": "0", "HOTLINE__WEB__PORT": "0"}
        ports[f"HOTLINE__{door.upper()}__PORT"] = str(taken.getsockname()[1])
        done = start(tmp_path, HOTLINE__ASR__ENGINE=SCRIPTED, **ports)
    assert done.returncode == 3, done.stderr
    assert f"{door}.port" in done.stderr
    assert "Traceback" not in done.stderr
