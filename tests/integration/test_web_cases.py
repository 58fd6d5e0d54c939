"""What stands beside orders, over HTTP: masked, guarded, on record; and other lines by their tokens."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from hotline.conversation import CallId
from hotline.settings import VideoSettings
from tests.fakes.web_line import PASSWORD, PHONE, WebLine, file_command, make_line, served

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

LINE = "outside-12345"


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_line(tmp_path)
    for call in ("c1", "c2"):
        made.add_call(call, datetime.now(UTC))
    return made


@pytest.fixture
async def client(line: WebLine) -> AsyncIterator[httpx.AsyncClient]:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as asking:
        yield asking


async def sign_in(client: httpx.AsyncClient, name: str = "banzhang") -> None:
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]


def numbers(line: WebLine) -> tuple[str, str]:
    first, second = (line.deps.orders.by_call(call)[0].order.number for call in ("c1", "c2"))
    return first, second


def actions(line: WebLine) -> list[str]:
    return [each.action for each in line.deps.audit.entries()]


async def test_a_duplicate_is_shown_masked_and_merged_by_a_person(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    first, second = numbers(line)
    await sign_in(client)
    answer = await client.get(f"/api/v1/orders/{second}/beside")
    assert PHONE not in answer.text
    [like] = answer.json()["similar"]
    assert (like["number"], like["why"], like["mergeable"]) == (first, ["caller"], True)
    merged = await client.post(f"/api/v1/orders/{second}/moves", json={"action": "merge", "to": first})
    assert merged.json()["state"] == "merged"
    listed = (await client.get("/api/v1/orders")).json()
    assert (listed["matters"], listed["total"]) == (1, 2)
    beside = await client.get(f"/api/v1/orders/{first}/beside")
    assert PHONE not in beside.text
    assert ([each["number"] for each in beside.json()["inside"]], beside.json()["callers"]) == ([second], 2)
    assert "order.merge" in actions(line)


async def test_an_incident_from_the_page(client: httpx.AsyncClient, line: WebLine) -> None:
    first, second = numbers(line)
    await sign_in(client)
    made = await client.post(
        "/api/v1/incidents",
        json={"kind": "emergency", "title": "某乡滑坡", "orders": [first], "words": ["滑坡"]},
    )
    assert made.status_code == 201
    address = f"/api/v1/incidents/{made.json()['id']}"
    unknown = await client.post(f"{address}/members", json={"calls": ["c3"]})
    assert unknown.json()["code"] == "call.unknown"
    line.deps.calls.start(CallId("c3"), "phone", PHONE, "12348", datetime.now(UTC))
    joined = (await client.post(f"{address}/members", json={"orders": [second], "calls": ["c3"]})).json()
    assert (joined["calls"], joined["orders"], joined["callers"]) == (3, 2, 1)
    assert {row["number"] for row in joined["members"]} == {first, second}
    out = (await client.post(f"{address}/members", json={"orders": [first], "out": True})).json()
    assert out["orders"] == 1
    closed = (await client.post(f"{address}/close", json={"outcome": "已安置"})).json()
    assert (closed["status"], closed["outcome"]) == ("closed", "已安置")
    assert (await client.post(f"{address}/members", json={"orders": [first]})).status_code == 409
    assert (await client.get("/api/v1/incidents/99")).json()["code"] == "incident.unknown"
    assert {"incident.open", "incident.join", "incident.leave", "incident.close"} <= set(actions(line))


async def test_mediation_and_a_notarys_seat_from_the_page(client: httpx.AsyncClient, line: WebLine) -> None:
    first, second = numbers(line)
    await sign_in(client)
    side = {"kind": "mediation", "mode": "online", "party": "王大明", "party_contact": "13911112222"}
    made = await client.post(f"/api/v1/orders/{first}/referrals", json=side)
    assert (made.json()["party"], "13911112222" in made.text) == ("王**", False)
    steps = f"/api/v1/referrals/{made.json()['id']}/steps"
    for name in ("accept", "success"):
        assert (await client.post(steps, json={"step": name})).status_code == 200
    assert (await client.post(steps, json={"step": "withdraw"})).status_code == 409
    assert (await client.get("/api/v1/referrals")).json()["mediation"]["rate"] == "100.00"
    when = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    slot = {"institution": "蜀都公证处", "starts_at": when, "minutes": 30, "capacity": 1}
    opened = (await client.post("/api/v1/slots", json=slot)).json()
    wish = {"kind": "notary", "deed": "委托公证", "slot": opened["id"]}
    booked = (await client.post(f"/api/v1/orders/{first}/referrals", json=wish)).json()
    assert (booked["status"], booked["institution"], booked["materials"][0]) == (
        "booked",
        "蜀都公证处",
        "身份证原件",
    )
    late = await client.post(f"/api/v1/orders/{second}/referrals", json=wish)
    assert (late.status_code, late.json()["code"]) == (409, "referral.no_seat")
    assert (await client.get("/api/v1/slots")).json()["slots"][0]["free"] == 0


async def test_video_needs_to_be_set_up(client: httpx.AsyncClient, line: WebLine) -> None:
    first, _ = numbers(line)
    await sign_in(client)
    refused = await client.post(f"/api/v1/orders/{first}/referrals", json={"kind": "video"})
    assert refused.json()["code"] == "referral.no_video"


async def test_a_video_link_is_signed_and_opens_once_it_was_made_here(tmp_path: Path) -> None:
    line = make_line(tmp_path)
    line.add_call("c1", datetime.now(UTC))
    video = VideoSettings(url="https://meet.example/{room}", secret=SecretStr("s" * 32))
    object.__setattr__(line.deps, "settings", line.settings.model_copy(update={"video": video}))
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as client:
        await sign_in(client)
        number = line.deps.orders.by_call("c1")[0].order.number
        made = (await client.post(f"/api/v1/orders/{number}/referrals", json={"kind": "video"})).json()
        async with httpx.AsyncClient(base_url=base) as caller:
            opened = await caller.get(made["link"])
            room = made["link"].removeprefix("/v/").split(".")[0]
            assert (opened.status_code, opened.headers["location"]) == (303, f"https://meet.example/{room}")
            forged = made["link"][:-1] + ("0" if made["link"][-1] != "0" else "1")
            assert (await caller.get(forged)).status_code == 404
            steps = f"/api/v1/referrals/{made['id']}/steps"
            assert (await client.post(steps, json={"step": "revoke"})).json()["status"] == "revoked"
            assert (await caller.get(made["link"])).status_code == 410


@pytest.fixture
def other_line(client: httpx.AsyncClient, line: WebLine) -> httpx.AsyncClient:
    token = line.deps.partners.create(LINE, datetime.now(UTC))
    return httpx.AsyncClient(base_url=client.base_url, headers={"authorization": f"Bearer {token}"})


SENT: dict[str, Any] = {
    "outside_number": "CD-2026-000017",
    "summary": "反映工地拖欠工资",
    "caller_contact": PHONE,
    "matter": "labour.wages",
    "district": "510104",
    "flags": ["green_channel", "invented"],
}


async def test_another_line_hands_an_order_over_once_and_asks_how_it_stands(
    client: httpx.AsyncClient, other_line: httpx.AsyncClient, line: WebLine
) -> None:
    async with other_line as outside:
        first = await outside.post("/exchange/v1/orders", json=SENT)
        again = await outside.post("/exchange/v1/orders", json=SENT)
        assert (first.status_code, again.status_code) == (201, 200)
        number = first.json()["number"]
        assert again.json() == {**first.json(), "created": False}
        wrong = await outside.post("/exchange/v1/orders", json={**SENT, "matter": "nonsense"})
        assert wrong.status_code == 422
        await sign_in(client)
        order = (await client.get(f"/api/v1/orders/{number}")).json()
        assert (order["source"], order["flags"][0]) == ("transfer", "green_channel")
        assert "invented" not in order["flags"]
        beside = (await client.get(f"/api/v1/orders/{number}/beside")).json()
        assert [each["number"] for each in beside["references"]] == ["CD-2026-000017"]
        back = {"action": "return_outside", "text": "不属法律服务"}
        assert (await client.post(f"/api/v1/orders/{number}/moves", json=back)).status_code == 200
        asked = (await outside.get("/exchange/v1/orders/by-outside-number/CD-2026-000017")).json()
        assert (asked["number"], asked["status"], asked["text"]) == (number, "returned", "不属法律服务")
        own = numbers(line)[0]
        assert (await outside.get(f"/exchange/v1/orders/{own}")).status_code == 404
        assert (await outside.get("/exchange/v1/orders/by-outside-number/other")).status_code == 404


async def test_an_order_sent_out_is_fetched_and_answered(
    client: httpx.AsyncClient, other_line: httpx.AsyncClient, line: WebLine
) -> None:
    number = line.deps.service.handle(file_command("c9", datetime.now(UTC))).number
    await sign_in(client)
    away = {"action": "send_outside", "to": LINE, "text": "属12345受理范围"}
    assert (await client.post(f"/api/v1/orders/{number}/moves", json=away)).status_code == 200
    async with other_line as outside:
        assert [each["number"] for each in (await outside.get("/exchange/v1/orders")).json()["orders"]] == [
            number
        ]
        assert (await outside.get(f"/exchange/v1/orders/{number}")).json()["caller_contact"] == PHONE
        early = {"event": "e0", "status": "accepted"}
        events = f"/exchange/v1/orders/{number}/events"
        assert (await outside.post(events, json=early)).status_code == 409  # not dispatched yet
        line.put_in_tray(number)
        told = {"event": "e1", "status": "finished", "outside_number": "A-7", "text": "已答复来电人"}
        assert (await outside.post(events, json=told)).json()["status"] == "replied"
        assert not (await outside.post(events, json=told)).json()["created"]
    order = (await client.get(f"/api/v1/orders/{number}")).json()
    assert order["state"] == "replied"
    [reference] = (await client.get(f"/api/v1/orders/{number}/beside")).json()["references"]
    assert (reference["direction"], reference["number"], reference["status"]) == ("out", "A-7", "finished")


async def test_an_authoritys_system_fetches_what_was_referred_and_says_how_it_stands(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    first, _ = numbers(line)
    await sign_in(client)
    wish = {"kind": "reconsideration", "text": "不服处罚决定"}
    made = (await client.post(f"/api/v1/orders/{first}/referrals", json=wish)).json()
    token = line.deps.partners.create("outside-reconsideration", datetime.now(UTC))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=client.base_url, headers=headers) as outside:
        [referral] = (await outside.get("/exchange/v1/referrals")).json()["referrals"]
        assert (referral["kind"], referral["order"]["number"]) == ("reconsideration", first)
        events = f"/exchange/v1/referrals/{made['id']}/events"
        told = {"event": "1", "status": "registered", "outside_number": "川复〔2026〕18"}
        assert (await outside.post(events, json=told)).json()["status"] == "registered"
    other = line.deps.partners.create("outside-enforcement", datetime.now(UTC))
    async with httpx.AsyncClient(base_url=client.base_url) as stranger:
        stranger.headers["authorization"] = f"Bearer {other}"
        assert (await stranger.post(events, json=told)).status_code == 404
        assert (await stranger.get("/exchange/v1/referrals")).json()["referrals"] == []
    [shown] = (await client.get(f"/api/v1/orders/{first}/beside")).json()["referrals"]
    assert (shown["status"], shown["outside_number"]) == ("registered", "川复〔2026〕18")


async def test_a_revoked_token_opens_nothing(client: httpx.AsyncClient, line: WebLine) -> None:
    token = line.deps.partners.create(LINE, datetime.now(UTC))
    line.deps.partners.revoke(line.deps.partners.all()[0].id, datetime.now(UTC))
    for value in (f"Bearer {token}", "Bearer", "Basic x", f"Bearer {'x' * 300}"):
        answer = await client.get("/exchange/v1/orders", headers={"authorization": value})
        assert answer.json()["code"] == "exchange.token"


async def test_a_second_matter_is_split_off(client: httpx.AsyncClient, line: WebLine) -> None:
    first, _ = numbers(line)
    await sign_in(client)
    known = (await client.get("/api/v1/categories")).json()
    assert known["labels"]["labour.injury"]
    assert [each["code"] for each in known["lines"]] == [LINE]
    assert ["legal_aid-510116", "成都市双流区法律援助中心"] in known["units"]
    form = {"matter": "labour.injury", "service": "consult", "summary": "工地上摔伤"}
    made = await client.post(f"/api/v1/orders/{first}/split", json=form)
    assert made.status_code == 201
    assert len(line.deps.orders.by_call("c1")) == 2
