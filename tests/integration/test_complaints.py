"""What people may see: agents their own and their queue's, and nobody a complaint about himself."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import openpyxl
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from hotline.acd.model import AcdLog, LogKind
from hotline.bus import InProcessBus
from hotline.conversation import CallId, Speaker
from hotline.events import CallStarted, OrderDispatched, OrderFiled, TranscriptPublished
from hotline.settings import Settings
from hotline.store.acd_log import AcdLogStore
from hotline.store.users import Role
from hotline.web.server import make_app, serve_web
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import SAID, WebLine, file_command, final, record
from workorders.life import dispatch
from workorders.messages import ActOnOrder, FieldValue
from workorders.model import Action, Actor
from workorders.sql import SqlUnitOfWork

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]
COMPLAINT = "complaint"
AGENT, CHIEF, OTHER = "agent", "supervisor", "banzhang"


@dataclass(frozen=True, slots=True)
class Line:
    web: WebLine
    base: str
    client: httpx.AsyncClient

    def sign_in(self, name: str) -> dict[str, str]:
        users, now = self.web.deps.users, datetime.now(UTC)
        user = users.get(name)
        assert user is not None
        token = users.open_session(user, now, 1)
        session = users.session(token, now)
        assert session is not None
        return {"Cookie": f"hotline_session={token}", "X-CSRF-Token": session.csrf}

    async def get(self, who: str, path: str, **query: str) -> httpx.Response:
        return await self.client.get(path, params=query, headers=self.sign_in(who))

    async def post(self, who: str, path: str, **body: object) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.sign_in(who))


@pytest.fixture
def web(tmp_path: Path) -> WebLine:
    return make_staffed(tmp_path)


@pytest.fixture
async def line(web: WebLine) -> AsyncIterator[Line]:
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, make_app(web.deps), web.settings.web)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=20) as client:
            yield Line(web, base, client)
        group.cancel_scope.cancel()


def complain(web: WebLine, call: str, **against: str) -> str:
    """A call that is over, and the complaint it came to; its number."""
    now = datetime.now(UTC)
    key = CallId(call)
    web.deps.calls.start(key, "phone", "13900002222", "12348", now)
    web.deps.calls.add_final(key, Speaker.CALLER, final(0, SAID[0]))
    command = replace(
        file_command(call, now),
        service=COMPLAINT,
        fields=tuple(FieldValue(name, value, value, 0.9) for name, value in against.items()),
    )
    filed = web.deps.service.handle(command)
    web.write_recording(f"{call}.wav", 1)
    web.deps.calls.save(record(key, now, filed))
    return filed.number


@pytest.mark.parametrize("who", [AGENT, CHIEF])
async def test_a_complaint_does_not_exist_for_whom_it_is_about(line: Line, who: str) -> None:
    """By the name signed in with and by the name colleagues read, for every way to look."""
    for call, name in (("by-name", who), ("by-display", f"{who} person")):
        number = complain(line.web, call, against_person=name)
        seen = (await line.get(OTHER, f"/api/v1/orders/{number}")).json()
        assert seen["life"]["kind"] == COMPLAINT
        for path in (
            f"/api/v1/orders/{number}",
            f"/api/v1/calls/{call}",
            f"/api/v1/calls/{call}/earlier",
            f"/api/v1/calls/{call}/transcript",
            f"/api/v1/calls/{call}/recording",
            f"/api/v1/orders/{number}/beside",
        ):
            assert (await line.get(who, path)).status_code == 404, path
            assert (await line.get(OTHER, path)).status_code == 200, path
        for path in ("/api/v1/orders", "/api/v1/calls"):
            for query in ({}, {"text": "包工头"}, {"matter": "labour"}):
                mine = await line.get(who, path, **query)
                assert number not in mine.text, (path, query)
                assert call not in mine.text
                assert mine.json()["total"] == len(mine.json()[path.rsplit("/", 1)[1]])
        assert (await line.get(who, "/api/v1/orders", text=number)).json()["total"] == 0
        assert (await line.get(OTHER, "/api/v1/orders", text=number)).json()["total"] == 1
        move = await line.post(who, f"/api/v1/orders/{number}/moves", action="urge")
        edit = await line.client.patch(
            f"/api/v1/orders/{number}",
            json={"version": 1, "field": "summary", "value": "x"},
            headers=line.sign_in(who),
        )
        assert (move.status_code, edit.status_code) == (404, 404)
    assert (await line.get(who, "/api/v1/audit")).status_code == 403


async def test_it_is_in_no_export_of_his(line: Line) -> None:
    number = complain(line.web, "c1", against_person="supervisor person")
    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    for kind in ("orders", "calls"):
        for who, there in ((CHIEF, False), (OTHER, True)):
            answer = await line.get(who, f"/api/v1/exports/{kind}.xlsx", since=today, until=today)
            sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
            text = str([[cell.value for cell in row] for row in sheet.iter_rows()])  # type: ignore[union-attr]
            assert (number in text) == there, (kind, who)


async def test_it_is_given_to_nobody_it_is_about(line: Line) -> None:
    number = complain(line.web, "c1", against_person="agent person")
    moves = f"/api/v1/orders/{number}/moves"
    over = await line.post(OTHER, moves, action="hand_over", to=AGENT)
    assert (over.status_code, over.json()["code"]) == (409, "order.forbidden_move")
    for nobody in ("nobody", "admin", ""):
        none = await line.post(OTHER, moves, action="hand_over", to=nobody)
        assert (none.status_code, none.json()["code"]) == (422, "order.nobody"), nobody
    assert (await line.post(OTHER, moves, action="hand_over", to="lawyer")).status_code == 200
    line.web.add_call("c2", datetime.now(UTC))
    other = line.web.deps.orders.by_call("c2")[0].order.number
    for action in ("relate", "merge"):
        paired = await line.post(AGENT, f"/api/v1/orders/{other}/moves", action=action, to=number)
        assert paired.status_code == 404, action
    assert (await line.post(AGENT, moves, action="claim")).status_code == 404


async def test_it_does_not_exist_for_the_unit_it_is_about(line: Line) -> None:
    deps, now = line.web.deps, datetime.now(UTC)
    line.web.add_call("c0", now)
    about = deps.orders.by_call("c0")[0].order.unit
    number = complain(line.web, "c1", against_unit=about)
    view = deps.orders.get(number)
    assert view is not None
    assert view.order.unit != about
    token = {"Authorization": f"Bearer {deps.tokens.create(about, now)}"}
    listed = await line.client.get("/units/v1/orders", headers=token)
    assert number not in listed.text
    assert (await line.client.get(f"/units/v1/orders/{number}", headers=token)).status_code == 404
    for path, body in (
        ("sign", {"by": "x"}),
        ("reply", {"by": "x", "text": "y"}),
        ("return", {"by": "x", "reason": "y"}),
    ):
        answer = await line.client.post(f"/units/v1/orders/{number}/{path}", json=body, headers=token)
        assert answer.status_code == 404, path
    sent = await line.post(OTHER, f"/api/v1/orders/{number}/moves", action="reassign", to=about, text="there")
    assert sent.status_code == 409


async def test_it_does_not_exist_for_the_person_of_a_unit_it_is_about(line: Line) -> None:
    """The unit may have it, its person complained of may not."""
    deps, now = line.web.deps, datetime.now(UTC)
    for call, name in (("c1", "unit"), ("c2", "unit person"), ("c3", "somebody else")):
        number = complain(line.web, call, against_person=name)
        with SqlUnitOfWork(line.web.engine) as work:  # type: ignore[arg-type]
            there = work.orders.by_number(number)
            assert there is not None
            change = dispatch(there, now)
            work.orders.save(change.order, change.entry)
            work.commit()
        deps.users.set_role("unit", Role.UNIT, there.unit)
        hidden = name != "somebody else"
        address = f"/api/v1/unit/orders/{number}"
        assert (await line.get("unit", address)).status_code == (404 if hidden else 200)
        moved = await line.post("unit", f"{address}/moves", action="sign")
        assert moved.status_code == (404 if hidden else 200)
        listed = (await line.get("unit", "/api/v1/unit/orders")).json()
        assert (number in str(listed["orders"])) != hidden
        assert listed["trays"]["all"] == len(listed["orders"])
    assert len(deps.orders.by_call("c1")) == 1


async def follow(line: Line, who: str) -> ClientConnection:
    ticket = await line.client.post("/api/v1/live/ticket", headers=line.sign_in(who))
    address = line.base.replace("http", "ws") + "/api/v1/live"
    socket = await connect(address, origin=Origin(line.base))
    await socket.send(json.dumps(ticket.json()))
    return socket


async def heard(socket: ClientConnection, until: str) -> str:
    """Everything up to a frame in which a word stands."""
    said = ""
    with anyio.fail_after(5):
        while until not in said:
            said += str(await socket.recv())
    return said


async def test_live_it_vanishes_from_his_screen_when_it_is_filed(line: Line) -> None:
    bus: InProcessBus = line.web.deps.bus
    mine, others = await follow(line, CHIEF), await follow(line, OTHER)
    await heard(mine, "snapshot")
    await heard(others, "snapshot")
    call = CallId("c1")
    bus.publish(CallStarted(call, "phone", "13900002222", "12348"))
    await heard(mine, "call.started")
    number = complain(line.web, "c1", against_person=CHIEF)
    bus.publish(OrderFiled(call, number))
    bus.publish(TranscriptPublished(call, Speaker.CALLER, final(0, SAID[1])))
    bus.publish(OrderDispatched(call, number, "u", "Unit", None))
    bus.publish(CallStarted(CallId("c2"), "phone", "13900003333", "12348"))
    seen, hidden = await heard(others, '"c2"'), await heard(mine, '"c2"')
    assert number in seen
    assert "包工头" in seen
    assert number not in hidden
    assert "包工头" not in hidden
    assert '"calls": []' in hidden
    again = await heard(await follow(line, CHIEF), "snapshot")
    assert '"c1"' not in again
    assert number not in again


def seen_by(web: WebLine, see: str) -> WebLine:
    settings = web.settings
    changed: Settings = settings.model_copy(
        update={"privacy": settings.privacy.model_copy(update={"agents_see": see})}
    )
    return WebLine(replace(web.deps, settings=changed), web.engine)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("own", {"mine", "owned"}), ("queue", {"mine", "owned", "nobodys", "queues"}), ("all", None)],
)
async def test_agents_see_by_policy(tmp_path: Path, policy: str, expected: set[str] | None) -> None:
    web = seen_by(make_staffed(tmp_path), policy)
    now = datetime.now(UTC)
    log = AcdLogStore(web.engine)  # type: ignore[arg-type]
    every = {"mine": AGENT, "owned": "lawyer", "nobodys": "", "queues": "lawyer", "others": "lawyer"}
    numbers: dict[str, str] = {}
    for place, (call, agent) in enumerate(every.items()):
        at = now + timedelta(seconds=place)
        web.add_call(call, at)
        numbers[call] = web.deps.orders.by_call(call)[0].order.number
        queue = "legal" if call == "queues" else "yi"
        lines = [AcdLog(at, LogKind.ENTERQUEUE, CallId(call), None, queue)] if agent else []
        if agent:
            lines.append(AcdLog(at, LogKind.CONNECT, CallId(call), agent, queue))
        log.add(lines)
    act = ActOnOrder(numbers["owned"], Action.HAND_OVER, OTHER, Actor.SUPERVISOR, now, to=AGENT)
    web.deps.service.handle(act)
    staffing = web.deps.staffing
    assert staffing is not None
    known = {AGENT: staffing.agent(AGENT, AGENT)}
    web = WebLine(replace(web.deps, staffing=replace(staffing, roster=lambda: known)), web.engine)
    expected = set(every) if expected is None else expected
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, make_app(web.deps), web.settings.web)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=20) as client:
            line = Line(web, base, client)
            calls = (await line.get(AGENT, "/api/v1/calls")).json()
            orders = (await line.get(AGENT, "/api/v1/orders")).json()
            assert {row["call"] for row in calls["calls"]} == expected
            assert {row["call"] for row in orders["orders"]} == expected
            assert (calls["total"], orders["total"]) == (len(expected), len(expected))
            about = orders["orders"][0]["matter"]
            for path, listed in (
                (f"/api/v1/calls?matter={about}", "calls"),
                (f"/api/v1/orders?matter={about}", "orders"),
                ("/api/v1/orders?text=工资", "orders"),
            ):
                found = (await line.get(AGENT, path)).json()
                assert {row["call"] for row in found[listed]} == expected, path
                assert found["total"] == len(expected), path
            for call, number in numbers.items():
                status = 200 if call in expected else 404
                for path in (
                    f"/api/v1/calls/{call}",
                    f"/api/v1/calls/{call}/recording",
                    f"/api/v1/orders/{number}",
                ):
                    assert (await line.get(AGENT, path)).status_code == status, path
                moved = await line.post(AGENT, f"/api/v1/orders/{number}/moves", action="urge")
                assert moved.status_code == status
            assert len((await line.get(OTHER, "/api/v1/calls")).json()["calls"]) == len(every)
            assert len((await line.get(Role.QUALITY, "/api/v1/calls")).json()["calls"]) == len(every)
        group.cancel_scope.cancel()
