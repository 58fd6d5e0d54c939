"""Every route of the application, asked by every role and by nobody, against one table.

The table is `tests/data/permissions.tsv`: a route a line, a column for each who asks, the status each gets. A
route or a role that is not in it fails the test: whoever adds one says there who may use it.
"""

import csv
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Mount
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from hotline.store.users import Role
from hotline.web.auth import Guard, Public
from hotline.web.exchange import SystemGuard
from hotline.web.server import make_app, serve_web
from hotline.web.unit_token import TokenGuard
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import WebLine

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]

TABLE = Path(__file__).parents[1] / "data" / "permissions.tsv"
NOBODY = "anonymous"
TOKEN = "unit_token"
"""The two who ask without a session; every other column is a role."""
ENDS_THE_SESSION = "DELETE /api/v1/session"
DAYS = {"since": "2026-01-01", "until": "2026-01-02"}
REPORT = {"by": "day", "from": "2026-01-01", "to": "2026-01-02"}
QUERIES: dict[str, dict[str, str]] = {
    "GET /api/v1/exports/{kind}.{fmt}": DAYS,
    "GET /api/v1/stats/report": REPORT,
    "GET /api/v1/stats/report.{fmt}": REPORT,
    "GET /api/v1/stats/forecast": {"day": "2026-11-30"},
    "GET /api/v1/stats/forecast/list": {"day": "2026-11-30"},
    "GET /api/v1/quality": {"day": "2026-01-01"},
    "GET /api/v1/quality/drawn": {"day": "2026-01-02"},
    "GET /api/v1/quality/figures": {"from": "2026-01-01", "to": "2026-01-02"},
    "GET /api/v1/quality/days": {"day": "2026-01-01"},
    "GET /api/v1/quality/list": {"from": "2026-01-01", "to": "2026-01-02", "agent": "li", "of": "found"},
    "GET /api/v1/clusters/list": {"party": "510116:某公司", "of": "orders"},
    "GET /api/v1/incidents/{incident}/list": {"of": "calls"},
    "GET /api/v1/stats/list": REPORT | {"kpi": "answer_rate"},
}
PLACES = {"call": "c1", "kind": "calls", "fmt": "csv", "name": "li", "source": "192.0.2.1", "key": "wait:c0"}
PLACES |= {"id": "0" * 16, "report": "99"}
PLACES |= {"file": "0" * 32, "delivery": "none", "token": "99"}
PLACES |= {"incident": "1", "referral": "99", "outside_number": "A-1", "ticket": "x"}
PLACES |= {"topic": "1", "day": "2026-11-30", "sample": "1", "issue": "1"}
BODIES: dict[str, object] = {
    "POST /api/v1/calls/{call}/unmask": {"reason": "to call back"},
    "POST /api/v1/orders/{number}/moves": {"action": "urge"},
    "PATCH /api/v1/orders/{number}": {"version": 999, "field": "people", "value": "13"},
    "POST /api/v1/incidents": {"kind": "group", "title": "many"},
    "POST /api/v1/incidents/{incident}/members": {},
    "POST /api/v1/incidents/{incident}/close": {"outcome": "over"},
    "POST /api/v1/orders/{number}/referrals": {"kind": "mediation", "mode": "online", "party": "Li"},
    "POST /api/v1/referrals/{referral}/steps": {"step": "accept"},
    "POST /api/v1/slots": {
        "institution": "notary",
        "starts_at": "2099-01-05T09:00:00+08:00",
        "minutes": 30,
        "capacity": 1,
    },
    "PATCH /api/v1/users/{name}": {"disabled": False},
    "PUT /api/v1/calls/{call}/hold": {"reason": "an inquiry"},
    "POST /api/v1/calls/{call}/hold/release": {"reason": "it is over"},
    "PUT /api/v1/orders/{number}/hold": {"reason": "an inquiry"},
    "POST /api/v1/orders/{number}/hold/release": {"reason": "it is over"},
    "POST /api/v1/audit/verify": {"recordings": False},
    "PUT /api/v1/roster/{name}": {"cells": {"display": "Li"}},
    "POST /units/v1/orders/{number}/sign": {"by": "Zhang"},
}
"""What is sent; else nothing, which whoever may use a changing route is told with 422."""


@dataclass(frozen=True, slots=True)
class Served:
    line: WebLine
    app: FastAPI
    base: str
    number: str
    unit: str
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    line = make_staffed(tmp_path)
    line.add_call("c1", datetime.now(UTC))
    order = line.deps.orders.by_call("c1")[0].order
    app = make_app(line.deps)
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, app, line.settings.web)
        yield Served(line, app, f"http://127.0.0.1:{port}", order.number, order.unit)
        group.cancel_scope.cancel()


def table() -> dict[str, dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row.pop("route"): row for row in csv.DictReader(file, delimiter="\t")}


def routes(app: FastAPI) -> dict[str, BaseRoute]:
    """Everything that answers, by method and path."""
    return of(app.routes)


def of(every: Iterable[BaseRoute]) -> dict[str, BaseRoute]:
    found: dict[str, BaseRoute] = {}
    for route in every:
        if isinstance(inner := getattr(route, "original_router", None), APIRouter):
            found |= of(inner.routes)  # newer releases of FastAPI keep included routers as they are
            continue
        match route:
            case APIRoute():
                found |= {f"{method} {route.path}": route for method in route.methods or ()}
            case APIWebSocketRoute():
                found[f"WS {route.path}"] = route
            case Mount():
                found[f"GET {route.path}"] = route
            case _:
                raise AssertionError(f"a kind of route that is not looked at: {route}")
    return found


async def test_every_route_and_every_role_stands_in_the_table(served: Served) -> None:
    known, rows = routes(served.app), table()
    assert sorted(known) == sorted(rows), "tests/data/permissions.tsv must name every route, and no other"
    for name, row in rows.items():
        assert set(row) == {NOBODY, TOKEN, *Role}, f"{name}: a column for every role"
    for name, route in known.items():
        if isinstance(route, APIRoute | APIWebSocketRoute):
            guards = [
                each.call
                for each in route.dependant.dependencies
                if isinstance(each.call, Guard | Public | TokenGuard | SystemGuard)
            ]
            assert len(guards) == 1, f"{name} has {len(guards)} guards"


async def test_everybody_gets_what_the_table_says(served: Served) -> None:
    wrong = []
    rows = table()
    async with httpx.AsyncClient(base_url=served.base, timeout=20) as client:
        for name in routes(served.app):
            for who, expected in rows[name].items():
                got = await (opened if name.startswith("WS ") else asked)(served, client, name, who)
                if got != expected:
                    wrong.append(f"{name}: {who} got {got}, the table says {expected}")
    assert wrong == []


async def test_no_changing_route_works_without_its_sessions_token(served: Served) -> None:
    """CSRF: with the cookie alone nothing is changed, whatever the role and the route."""
    changing = [
        name
        for name, route in routes(served.app).items()
        if not name.startswith(("GET ", "WS "))
        and isinstance(route, APIRoute)
        and any(isinstance(each.call, Guard) for each in route.dependant.dependencies)
    ]
    assert len(changing) > 5
    async with httpx.AsyncClient(base_url=served.base, timeout=20) as client:
        for name in changing:
            headers = headers_of(served, Role.SUPERVISOR)
            del headers["X-CSRF-Token"]
            answer = await send(served, client, name, headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "auth.csrf"), name


async def test_every_answer_wears_the_security_headers(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.base, timeout=20) as client:
        for name in routes(served.app):
            if name.startswith("WS "):
                continue
            for headers in ({}, headers_of(served, Role.SUPERVISOR)):
                worn = (await send(served, client, name, headers)).headers
                assert "default-src 'self'" in worn["content-security-policy"], name
                assert worn["x-content-type-options"] == "nosniff"
                assert worn["x-frame-options"] == "DENY"
                assert worn["referrer-policy"] == "no-referrer"
                assert worn["cache-control"] in {"no-store", "no-cache"}


def headers_of(served: Served, who: str) -> dict[str, str]:
    """A session's cookie and token, or a unit's token: one for each who asks."""
    if who not in served.headers:
        served.headers[who] = make_headers(served, who)
    return dict(served.headers[who])


def make_headers(served: Served, who: str) -> dict[str, str]:
    deps, now = served.line.deps, datetime.now(UTC)
    if who == NOBODY:
        return {}
    if who == TOKEN:
        return {"Authorization": f"Bearer {deps.tokens.create(served.unit, now)}"}
    user = deps.users.get(who)
    assert user is not None
    token = deps.users.open_session(user, now, 1)
    session = deps.users.session(token, now)
    assert session is not None
    return {"Cookie": f"hotline_session={token}", "X-CSRF-Token": session.csrf}


async def send(
    served: Served, client: httpx.AsyncClient, name: str, headers: dict[str, str]
) -> httpx.Response:
    method, _, path = name.partition(" ")
    if path == "/static":
        path = "/static/index.html"
    places = PLACES | {"number": served.number}
    if path.startswith("/api/v1/users"):
        places["name"] = "zuoxi"
    path = path.replace(":path}", "}").format_map(places)
    body = BODIES.get(name)
    return await client.request(
        method,
        path,
        params=QUERIES.get(name),
        headers=headers | ({"Content-Type": "application/json"} if method not in {"GET", "DELETE"} else {}),
        content=None if body is None else json.dumps(body),
    )


async def asked(served: Served, client: httpx.AsyncClient, name: str, who: str) -> str:
    """The status."""
    headers = make_headers(served, who) if name == ENDS_THE_SESSION else headers_of(served, who)
    return str((await send(served, client, name, headers)).status_code)


async def opened(served: Served, client: httpx.AsyncClient, name: str, who: str) -> str:
    """`open` when the socket answers a ticket, else what it was closed or refused with."""
    headers = headers_of(served, who)
    ticket = await client.post("/api/v1/live/ticket", headers=headers)
    key = ticket.json().get("ticket", "none")
    address = served.base.replace("http", "ws") + name.removeprefix("WS ")
    try:
        async with connect(address, origin=Origin(served.base)) as socket:
            try:
                await socket.send(json.dumps({"ticket": key}))
                await socket.recv()
            except ConnectionClosed as closed:
                return str(closed.rcvd.code if closed.rcvd else 1006)
            return "open"
    except InvalidStatus as refused:
        return str(refused.response.status_code)
