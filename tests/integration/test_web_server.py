"""The web part over real HTTP and WebSocket: who may do what, and what bad input does to it."""

import contextlib
import json
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from hotline.conversation import CallId
from hotline.events import CallStarted
from hotline.web import (
    api,
    auth,
    deliveries,
    exports,
    gateway,
    intake,
    live,
    recordings,
    server,
    stats,
    unit_feed,
    unit_files,
    units,
    workbench,
)
from hotline.web.auth import Guard, Public
from hotline.web.unit_token import TokenGuard
from tests.fakes.web_line import PASSWORD, PHONE, WebLine, make_line, served

PARTS = (
    server, auth, api, recordings, exports, live, gateway, units, unit_files, unit_feed, intake, workbench,
    deliveries, stats,
)  # fmt: skip
pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_line(tmp_path)
    made.add_call("c1", datetime.now(UTC))
    return made


@pytest.fixture
async def client(line: WebLine) -> AsyncIterator[httpx.AsyncClient]:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as asking:
        yield asking


async def sign_in(client: httpx.AsyncClient, name: str = "banzhang") -> None:
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]


def test_every_route_says_who_may_use_it() -> None:
    routes = [route for part in PARTS for route in part.router.routes]
    assert len(routes) > 20
    for route in routes:
        assert isinstance(route, APIRoute | APIWebSocketRoute)
        guards = [
            each.call
            for each in route.dependant.dependencies
            if isinstance(each.call, Guard | Public | TokenGuard)
        ]
        assert len(guards) == 1, route.path


async def test_signing_in_and_out(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/calls")).status_code == 401
    wrong = await client.post("/api/v1/session", json={"name": "banzhang", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.refused")
    await sign_in(client)
    assert "HttpOnly" in str(client.cookies.jar) or client.cookies.get("hotline_session")
    page = await client.get("/")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    token = client.headers.pop("X-CSRF-Token")
    assert (await client.delete("/api/v1/session")).json()["code"] == "auth.csrf"
    assert (await client.delete("/api/v1/session", headers={"X-CSRF-Token": token})).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_name_is_locked_after_too_many_tries(client: httpx.AsyncClient) -> None:
    codes = [
        (await client.post("/api/v1/session", json={"name": "zuoxi", "password": "no"})).status_code
        for _ in range(6)
    ]
    assert codes[0] == 401
    assert codes[-1] == 429


async def test_other_hosts_and_sites_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"Host": "evil.example"})).status_code == 400
    answer = await client.post("/api/v1/session", json={}, headers={"Origin": "http://evil.example"})
    assert answer.json()["code"] == "web.origin"
    assert (await client.post("/api/v1/session", content=b"x" * 70_000)).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * 10_000

    assert (await client.post("/api/v1/session", content=chunks())).status_code == 413


async def test_calls_are_found_masked_and_raw_only_for_a_reason(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    await sign_in(client)
    found = (await client.get("/api/v1/calls", params={"text": "工资"})).json()
    assert found["total"] == 1
    whole = await client.get("/api/v1/calls/c1")
    assert PHONE not in whole.text
    assert "00001234" not in whole.text
    earlier = await client.get("/api/v1/calls/c1/earlier")
    assert earlier.status_code == 200
    assert PHONE not in earlier.text
    raw = await client.post("/api/v1/calls/c1/unmask", json={"reason": "回访来电人"})
    assert raw.json()["remote"] == PHONE
    [entry] = [entry for entry in line.deps.audit.entries() if entry.action == "call.unmask"]
    assert (entry.who, entry.subject, entry.detail) == ("banzhang", "c1", "回访来电人")


async def test_agents_do_not_export_and_auditors_see_no_calls(client: httpx.AsyncClient) -> None:
    await sign_in(client, "zuoxi")
    days = {"since": "2026-01-01", "until": "2026-01-02"}
    assert (await client.get("/api/v1/exports/calls.csv", params=days)).status_code == 403
    assert (await client.post("/api/v1/calls/c1/unmask", json={"reason": "回访来电人"})).status_code == 403
    await sign_in(client, "shenji")
    assert (await client.get("/api/v1/calls")).status_code == 403
    assert (await client.get("/api/v1/audit")).json()["entries"]


async def test_two_people_cannot_overwrite_each_other(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    [row] = (await client.get("/api/v1/orders", params={"text": "拖欠"})).json()["orders"]
    address = f"/api/v1/orders/{row['number']}"
    edit = {"version": (await client.get(address)).json()["version"], "field": "people", "value": "13"}
    changed = await client.patch(address, json=edit)
    [people] = [field for field in changed.json()["fields"] if field["name"] == "people"]
    assert (people["display"], people["machine_value"]) == ("13", "12")
    assert (await client.patch(address, json=edit)).status_code == 409


async def test_recordings_come_in_ranges_and_are_audited_once(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    assert (await client.get("/api/v1/calls/c1/recording")).status_code == 401
    await sign_in(client)
    for _ in range(2):
        part = await client.get("/api/v1/calls/c1/recording", headers={"Range": "bytes=100-199"})
        assert (part.status_code, len(part.content)) == (206, 100)
    assert [entry.action for entry in line.deps.audit.entries()].count("recording.play") == 1


async def test_a_call_that_goes_on_is_heard_in_pieces_and_audited_once(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    line.deps.calls.start(CallId("open"), "phone", PHONE, "12348", datetime.now(UTC))
    with wave.open(str(line.settings.recordings / "open.part.wav"), "wb") as out:
        out.setparams((2, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(4 * 8000 * 40))
    assert (await client.get("/api/v1/calls/open/clip")).status_code == 401
    await sign_in(client)
    for at_ms, seconds in ((0, 30), (35_000, 5)):
        piece = await client.get("/api/v1/calls/open/clip", params={"at_ms": at_ms})
        assert (piece.status_code, piece.headers["content-type"]) == (200, "audio/wav")
        with wave.open(BytesIO(piece.content)) as file:
            assert file.getnframes() == seconds * 8000
    assert (await client.get("/api/v1/calls/open/clip?at_ms=40000")).status_code == 404
    assert (await client.get("/api/v1/calls/open/clip?at_ms=-1")).status_code == 422
    assert (await client.get("/api/v1/calls/c1/clip")).status_code == 404, "it is over and has a recording"
    assert (await client.get("/api/v1/calls/nobody/clip")).status_code == 404
    assert [entry.action for entry in line.deps.audit.entries()].count("recording.play") == 1


async def test_exports_are_files_and_leave_none_behind(client: httpx.AsyncClient, line: WebLine) -> None:
    await sign_in(client)
    for kind, start in (("calls.csv", b"\xef\xbb\xbf"), ("orders.xlsx", b"PK")):
        since = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()
        until = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        answer = await client.get(f"/api/v1/exports/{kind}", params={"since": since, "until": until})
        assert answer.content.startswith(start)
        assert PHONE.encode() not in answer.content
        assert kind == "orders.xlsx" or "138****1234" in answer.text
    backwards = {"since": "2026-02-02", "until": "2026-02-01"}
    assert (await client.get("/api/v1/exports/calls.csv", params=backwards)).status_code == 422
    assert not list(line.settings.paths.data.glob("tmp*"))


async def test_a_unit_sees_and_moves_its_own_orders_only(client: httpx.AsyncClient, line: WebLine) -> None:
    view = line.deps.orders.by_call("c1")[0].order
    mine = {"Authorization": f"Bearer {line.deps.tokens.create(view.unit, datetime.now(UTC))}"}
    other = {"Authorization": f"Bearer {line.deps.tokens.create('another', datetime.now(UTC))}"}
    wrong = [
        (await client.get("/units/v1/orders", headers=h)).content for h in ({}, {"Authorization": "Bearer x"})
    ]
    assert wrong[0] == wrong[1]
    address = f"/units/v1/orders/{view.number}"
    assert (await client.get(address, headers=other)).status_code == 404
    assert PHONE not in (await client.get(address, headers=mine)).text
    early = await client.post(f"{address}/reply", json={"by": "张", "text": "已办"}, headers=mine)
    assert (early.status_code, early.json()["code"]) == (409, "order.forbidden_move")
    assert (await client.post(f"{address}/sign", json={"by": "张"}, headers=other)).status_code == 404
    assert (await client.post(f"{address}/sign", json={"by": "张"}, headers=mine)).json()["state"] == "signed"
    done = await client.post(f"{address}/reply", json={"by": "张", "text": "已办"}, headers=mine)
    assert done.json()["state"] == "replied"
    assert (await client.get("/units/v1/openapi.json")).json()["paths"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


async def test_no_body_and_no_frame_is_answered_with_500(client: httpx.AsyncClient, line: WebLine) -> None:
    await sign_in(client)
    bodies: list[bytes] = [
        b"[" * 60_000,
        b'{"name":"\\ud800","password":"x"}',
        b"\xff\xfe",
        b'{"version":1e999}',
    ]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        JSON | st.fixed_dictionaries({"version": JSON, "field": JSON, "value": JSON}), st.binary(max_size=20)
    )
    def gather(value: object, junk: bytes) -> None:
        bodies.extend([json.dumps(value).encode(), junk])

    gather()
    number = line.deps.orders.by_call("c1")[0].order.number
    kind = {"Content-Type": "application/json"}
    for body in bodies:
        for method, path in (("PATCH", f"/api/v1/orders/{number}"), ("POST", "/api/v1/calls/c1/unmask")):
            answer = await client.request(method, path, content=body, headers=kind)
            assert answer.status_code < 500, body
    for path in (
        "/api/v1/calls/%00",
        "/api/v1/orders/%ff",
        "/api/v1/calls?cursor=%F0%9F",
        "/api/v1/orders?cursor=e",
    ):
        assert (await client.get(path)).status_code < 500


async def test_the_live_socket_needs_a_ticket_and_closes_on_nonsense(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    await sign_in(client)
    address = str(client.base_url).replace("http", "ws") + "/api/v1/live"
    origin = str(client.base_url).rstrip("/")

    async def closing_code(first: str | bytes, then: str | None = None) -> int:
        async with connect(address, origin=Origin(origin)) as socket:
            await socket.send(first)
            if then is not None:
                await socket.recv()
                await socket.send(then)
            with contextlib.suppress(ConnectionClosed):
                async for _ in socket:
                    pass
            assert socket.close_code is not None
            return socket.close_code

    async def hello() -> str:
        return json.dumps((await client.post("/api/v1/live/ticket")).json())

    async with connect(address, origin=Origin(origin)) as watching:
        used = await hello()
        await watching.send(used)
        assert json.loads(await watching.recv())["events"][0]["type"] == "snapshot"
        assert await closing_code(used) == 1008
        assert await closing_code("{") == 1007
        assert await closing_code("[" * 4000) == 1007
        assert await closing_code(b"\x00") == 1008
        assert await closing_code('{"ticket": 1}') == 1008
        assert await closing_code(await hello(), '{"type": "shout"}') == 1008
        assert await closing_code("x" * 9000) == 1009
        line.deps.bus.publish(CallStarted(CallId("c9"), "phone", PHONE, "12348"))
        with anyio.fail_after(5):
            [event] = json.loads(await watching.recv())["events"]
        assert (event["type"], event["remote"]) == ("call.started", "138****1234")
