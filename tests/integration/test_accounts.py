"""Accounts over real HTTP: passwords, second factors, sessions, administrators' work, the audit page."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from hotline.audit.sealer import Sealer
from hotline.settings import Settings
from hotline.store.second_factor import code_at, step_of
from hotline.store.users import MAX_FAILURES, UserStore
from hotline.web.server import make_app, serve_web
from tests.fakes.web_line import PASSWORD, WebLine, make_line

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]
FRESH = "another-battery-7"


@dataclass(slots=True)
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Office:
    line: WebLine
    client: httpx.AsyncClient
    clock: Clock

    async def sign_in(self, name: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        self.client.cookies.clear()
        form = {"name": name, "password": password, "code": code}
        answer = await self.client.post("/api/v1/session", json=form)
        if answer.status_code == 200:
            self.client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return answer

    def did(self) -> list[tuple[str, str, str]]:
        return [(each.who, each.action, each.subject) for each in reversed(self.line.deps.audit.entries())]


def with_web(line: WebLine, clock: Clock, **changed: object) -> WebLine:
    settings: Settings = line.settings.model_copy(
        update={"web": line.settings.web.model_copy(update=changed)}
    )
    users = UserStore(line.deps.users.engine, timedelta(minutes=settings.web.idle_minutes) or None)
    return WebLine(replace(line.deps, settings=settings, now=clock, users=users), line.engine)


@pytest.fixture
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    clock = Clock(datetime.now(UTC))
    line = with_web(make_line(tmp_path), clock, **getattr(request, "param", {}))
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, make_app(line.deps), line.settings.web)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Office(line, client, clock)
        group.cancel_scope.cancel()


async def test_who_gets_a_password_from_others_must_choose_his_own(office: Office) -> None:
    client = office.client
    await office.sign_in("guanli")
    new = {"name": "xin", "display": "新坐席", "role": "agent", "password": "first-password-1"}
    assert (await client.post("/api/v1/users", json=new)).status_code == 201
    assert (await client.post("/api/v1/users", json=new)).json()["code"] == "user.refused"
    me = (await office.sign_in("xin", "first-password-1")).json()
    assert me["due"] == ["password"]
    assert (await client.get("/api/v1/calls")).json()["code"] == "auth.due_password"
    assert (await client.post("/api/v1/live/ticket")).json()["code"] == "auth.due_password"
    for old, fresh, code in (
        ("wrong", FRESH, "auth.wrong_password"),
        ("first-password-1", "first-password-1", "auth.same_password"),
        ("first-password-1", "short", "auth.weak_password"),
    ):
        answer = await client.post("/api/v1/me/password", json={"old": old, "new": fresh})
        assert answer.json()["code"] == code
    done = await client.post("/api/v1/me/password", json={"old": "first-password-1", "new": FRESH})
    assert done.json()["due"] == []
    client.headers["X-CSRF-Token"] = done.json()["csrf"]
    assert (await client.get("/api/v1/calls")).status_code == 200
    assert (await office.sign_in("xin", "first-password-1")).status_code == 401
    assert (await office.sign_in("xin", FRESH)).status_code == 200
    assert ("guanli", "user.add", "xin") in office.did()
    assert ("xin", "account.password", "xin") in office.did()


@pytest.mark.parametrize("office", [{"second_factor": ("supervisor",)}], indirect=True)
async def test_a_second_factor_is_demanded_by_role_set_up_and_asked_for(office: Office) -> None:
    client, clock = office.client, office.clock
    assert (await office.sign_in("zuoxi")).json()["due"] == []
    assert (await office.sign_in("banzhang")).json()["due"] == ["code"]
    assert (await client.get("/api/v1/calls")).json()["code"] == "auth.due_code"
    given = (await client.post("/api/v1/me/code")).json()
    assert given["qr"].startswith("data:image/svg+xml")
    secret = given["secret"]
    wrong = {"password": PASSWORD, "secret": secret, "code": "000000"}
    assert (await client.put("/api/v1/me/code", json=wrong)).json()["code"] == "auth.code_refused"

    def code(steps: int = 0) -> str:
        return code_at(secret, step_of(clock.now) + steps)

    right = {"password": PASSWORD, "secret": secret, "code": code()}
    recovery = (await client.put("/api/v1/me/code", json=right)).json()["recovery"]
    assert len(set(recovery)) == 10
    assert (await client.get("/api/v1/calls")).status_code == 200
    assert (await client.post("/api/v1/me/code/off", json={"password": PASSWORD})).status_code == 409

    assert (await office.sign_in("banzhang")).json()["code"] == "auth.code_needed"
    used = await office.sign_in("banzhang", code=code())
    assert (used.status_code, used.json()["code"]) == (401, "auth.code_refused"), "no code works twice"
    clock.now += timedelta(seconds=30)
    assert (await office.sign_in("banzhang", code=code())).status_code == 200
    assert (await office.sign_in("banzhang", code=f"{recovery[0][:4]}-{recovery[0][4:]}")).status_code == 200
    assert (await office.sign_in("banzhang", code=recovery[0])).status_code == 401
    for _ in range(MAX_FAILURES):
        last = await office.sign_in("banzhang", code="123456")
    assert (last.status_code, last.json()["code"]) == (429, "auth.locked")
    clock.now += timedelta(minutes=16)
    await office.sign_in("guanli")
    assert (await client.delete("/api/v1/users/banzhang/code")).status_code == 204
    assert (await office.sign_in("banzhang")).json()["due"] == ["code"]
    assert recovery[1] not in json.dumps(office.did())


async def test_a_session_grows_idle_unless_somebody_does_something(office: Office) -> None:
    client, clock = office.client, office.clock
    await office.sign_in("zuoxi")
    for _ in range(3):
        clock.now += timedelta(minutes=20)
        assert (await client.get("/api/v1/calls")).status_code == 200
    clock.now += timedelta(minutes=20)
    background = {"X-Background": "1"}
    assert (await client.get("/api/v1/calls", headers=background)).status_code == 200
    clock.now += timedelta(minutes=20)
    assert (await client.get("/api/v1/calls", headers=background)).json()["code"] == "auth.required"


@pytest.mark.parametrize(
    "office", [{"password_days": 90, "session_hours": 24.0, "idle_minutes": 0}], indirect=True
)
async def test_passwords_grow_old(office: Office) -> None:
    assert (await office.sign_in("zuoxi")).json()["due"] == []
    office.clock.now += timedelta(days=91)
    assert (await office.sign_in("zuoxi")).json()["due"] == ["password"]


async def test_sessions_are_listed_and_ended(office: Office) -> None:
    client = office.client
    await office.sign_in("zuoxi")
    elsewhere = dict(client.cookies)
    await office.sign_in("zuoxi")
    found = (await client.get("/api/v1/me/sessions")).json()["sessions"]
    assert sorted(each["this"] for each in found) == [False, True]
    other = next(each for each in found if not each["this"])
    assert "python-httpx" in other["client"]
    assert (await client.delete(f"/api/v1/me/sessions/{other['id']}")).status_code == 204
    assert (await client.delete(f"/api/v1/me/sessions/{other['id']}")).status_code == 404
    own = dict(client.cookies)
    client.cookies = httpx.Cookies(elsewhere)
    assert (await client.get("/api/v1/me")).status_code == 401
    client.cookies = httpx.Cookies(own)
    assert (await client.get("/api/v1/me")).status_code == 200


async def test_administrators_keep_accounts_but_not_their_own(office: Office) -> None:
    client = office.client
    await office.sign_in("guanli")
    listed = await client.get("/api/v1/users")
    assert "argon2" not in listed.text
    oneself = await client.patch("/api/v1/users/guanli", json={"role": "agent"})
    assert oneself.json()["code"] == "user.oneself"
    assert (await client.patch("/api/v1/users/nobody", json={})).status_code == 404
    assert (await client.patch("/api/v1/users/zuoxi", json={"role": "quality"})).status_code == 204
    assert (await client.patch("/api/v1/users/zuoxi", json={"role": "unit"})).json()["code"] == "user.refused"
    assert (await office.sign_in("zuoxi")).json()["role"] == "quality"
    await office.sign_in("guanli")
    assert (await client.patch("/api/v1/users/zuoxi", json={"disabled": True})).status_code == 204
    assert (await office.sign_in("zuoxi")).status_code == 401
    await office.sign_in("guanli")
    await client.patch("/api/v1/users/zuoxi", json={"disabled": False})
    reset = {"password": "given-password-1"}
    assert (await client.post("/api/v1/users/zuoxi/password", json=reset)).status_code == 204
    assert (await office.sign_in("zuoxi", "given-password-1")).json()["due"] == ["password"]
    assert ("nobody", "session.refused", "") in office.did()


async def test_auditors_filter_verify_and_export(office: Office) -> None:
    client, line = office.client, office.line
    await office.sign_in("guanli")
    await client.post("/api/v1/users/zuoxi/password", json={"password": "given-password-1"})
    await office.sign_in("shenji")

    async def found(**asked: str) -> list[tuple[str, str]]:
        entries = (await client.get("/api/v1/audit", params=asked)).json()["entries"]
        return [(each["who"], each["action"]) for each in entries]

    assert await found(who="guanli") == [("guanli", "user.password"), ("guanli", "session.open")]
    assert await found(action="user") == [("guanli", "user.password")]
    assert await found(subject="zuoxi") == [("guanli", "user.password")]
    assert await found(until="2020-01-01") == []
    today = (office.clock.now + timedelta(hours=8)).date().isoformat()
    assert len(await found(since=today, until=today)) == 3
    Sealer(line.deps.users.engine, office.clock).seal_all()
    state = (await client.get("/api/v1/audit/chain")).json()
    assert (state["seq"], state["waiting"], state["root"], state["signing"]) == (3, 0, None, False)
    assert (await client.post("/api/v1/audit/verify", json={"recordings": True})).status_code == 202
    with anyio.fail_after(10):
        verification: dict[str, Any] = {"running": True}
        while verification["running"]:
            verification = (await client.get("/api/v1/audit/chain")).json()["verification"]
    result = verification["result"]
    assert (result["sound"], result["entries"], result["problems"]) == (True, 3, 0)
    export = await client.get("/api/v1/audit/export.jsonl")
    assert [json.loads(each)["seq"] for each in export.text.splitlines()] == [1, 2, 3]
    assert await found(action="audit") == [("shenji", "audit.export"), ("shenji", "audit.verify")]
