"""Nothing personal leaves raw by any route, for any role: numbers, names, addresses, planted in all text."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from hotline.conversation import CallId, Intent, Slot, Span, Speaker
from hotline.events import CallStarted, IntentRecognized, TranscriptPublished
from hotline.identity import is_identity_card
from hotline.personal import hide
from hotline.redact import is_bank_card
from hotline.store.users import Role
from hotline.web.server import make_app, serve_web
from tests.fakes.staffed_line import UNIT, make_staffed
from tests.fakes.web_line import PHONE, WebLine, file_command, final, intent, partial, record
from tests.integration.test_permissions import QUERIES, Served, headers_of, make_headers, routes, send
from workorders.life import dispatch
from workorders.messages import ActOnOrder, FieldValue
from workorders.model import Action, Actor
from workorders.sql import SqlUnitOfWork

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]

IDENTITY = "510116199003070010"
BANK = "6222021234567890128"
NAME = "李建国"
STREET = "东升街道藏卫路南二段123号"
OTHER = "周老板强"
SAID = (
    f"我姓李，叫{NAME}，住在成都市双流区{STREET}。",
    "电话是138",
    "00001234，身份证510116",
    f"199003070010，卡号{BANK}。",
    f"{OTHER}欠我钱，{OTHER}电话{PHONE}。",
)
SECRETS = (PHONE, "00001234", IDENTITY, IDENTITY[6:], BANK, BANK[:12], NAME, STREET, "藏卫路", OTHER)
SUMMARY = f"{NAME}（{PHONE}，{IDENTITY}）住双流区{STREET}，卡{BANK}，被{OTHER}拖欠。"
EXPORTS = ("orders.csv", "orders.xlsx", "calls.csv", "calls.xlsx")


def plant(line: WebLine) -> str:
    """A call and an order full of personal data; the order's number."""
    now, call = datetime.now(UTC), CallId("c1")
    deps = line.deps
    deps.calls.start(call, "phone", PHONE, "12348", now)
    for number, text in enumerate(SAID):
        deps.calls.add_final(call, Speaker.CALLER, final(number, text))
    deps.calls.save_intent(call, understood(), now)
    fields = {
        "caller_name": NAME,
        "phone": PHONE,
        "id_number": IDENTITY,
        "counterparty": OTHER,
        "demand": SUMMARY,
        "statement": "".join(SAID),
    }
    command = replace(
        file_command("c1", now),
        summary=SUMMARY,
        fields=tuple(FieldValue(name, value, value, 0.9) for name, value in fields.items()),
    )
    filed = deps.service.handle(command)
    with SqlUnitOfWork(line.engine) as work:  # type: ignore[arg-type]
        there = work.orders.by_number(filed.number)
        assert there is not None
        assert there.unit == UNIT
        change = dispatch(there, now)
        work.orders.save(change.order, change.entry)
        work.commit()
    line.write_recording("c1.wav", 1)
    deps.calls.save(record(call, now, filed))
    for action, text in ((Action.URGE, SUMMARY), (Action.EDIT, SUMMARY)):
        act = ActOnOrder(filed.number, action, "banzhang", Actor.SUPERVISOR, now, text=text, field="demand")
        deps.service.handle(act)
    return filed.number


def understood() -> Intent:
    spans = (Span(final(0, SAID[0]).utterance, 0, len(SAID[0]), SAID[0]),)
    slots = {"caller_name": NAME, "phone": PHONE, "id_number": IDENTITY, "counterparty": OTHER}
    made = tuple(Slot(name, value, value, 0.9, spans) for name, value in slots.items())
    return replace(intent(), slots=made, evidence=spans)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    line = make_staffed(tmp_path)
    number = plant(line)
    app = make_app(line.deps)
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, app, line.settings.web)
        yield Served(line, app, f"http://127.0.0.1:{port}", number, UNIT)
        group.cancel_scope.cancel()


def test_the_planted_numbers_are_what_they_look_like() -> None:
    assert is_identity_card(IDENTITY)
    assert is_bank_card(BANK)
    assert "双流区" in hide(SAID[0], [NAME]), "the county stays"


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def text_of(answer: httpx.Response) -> str:
    """What a person would read of it, out of a workbook too."""
    if answer.content[:2] != b"PK":
        return answer.content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


async def test_no_route_gives_anything_raw_to_anybody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    for name, query in list(QUERIES.items()):
        known = {"since", "until", "from", "to"} & set(query)
        monkeypatch.setitem(QUERIES, name, query | dict.fromkeys(known, today.isoformat()))
    found: dict[tuple[str, str], Sequence[str]] = {}
    looked = 0
    async with httpx.AsyncClient(base_url=served.base, timeout=30) as client:
        for name in routes(served.app):
            if not name.startswith("GET "):
                continue
            for who in (*Role, "unit_token"):
                answer = await send(served, client, name, headers_of(served, who))
                looked += answer.status_code == 200 and len(answer.content) > 2
                if there := leaks(text_of(answer)):
                    found[name, who] = there
        others = [f"exports/{kind}?since={today}&until={today}" for kind in EXPORTS]
        others += [f"{path}?text={text}" for path in ("orders", "calls") for text in ("欠", PHONE[-4:])]
        for path in others:
            headers = headers_of(served, Role.SUPERVISOR)
            answer = await client.get(f"/api/v1/{path}", headers=headers)
            assert answer.status_code == 200
            if there := leaks(text_of(answer)):
                found[path, Role.SUPERVISOR] = there
    assert looked > 60
    assert found == {}


async def test_the_live_screen_gives_nothing_raw(served: Served) -> None:
    """Also of a name that is understood only after it has been shown: it is masked again."""
    bus, call = served.line.deps.bus, CallId("c2")
    async with httpx.AsyncClient(base_url=served.base, timeout=20) as client:
        ticket = await client.post("/api/v1/live/ticket", headers=make_headers(served, Role.SUPERVISOR))
    async with connect(
        served.base.replace("http", "ws") + "/api/v1/live", origin=Origin(served.base)
    ) as socket:
        await socket.send(json.dumps(ticket.json()))
        await socket.recv()
        bus.publish(CallStarted(call, "phone", PHONE, "12348"))
        for number, text in enumerate(SAID):
            bus.publish(
                TranscriptPublished(call, Speaker.CALLER, partial(number, text[:-4], text[-4:], number + 1))
            )
            bus.publish(TranscriptPublished(call, Speaker.CALLER, final(number, text)))
        bus.publish(IntentRecognized(call, understood()))
        bus.publish(CallStarted(CallId("c3"), "phone", "", "12348"))
        seen: list[dict[str, object]] = []
        with anyio.fail_after(5):
            while not any(event.get("call") == "c3" for event in seen):
                seen += json.loads(await socket.recv())["events"]
    last: dict[object, dict[str, object]] = {}
    for event in seen:
        last[event.get("utterance", event["type"])] = event
    assert leaks(json.dumps(last, ensure_ascii=False)) == []
    numbers = [secret for secret in SECRETS if secret not in (NAME, OTHER)]
    assert [secret for secret in numbers if secret in json.dumps(seen, ensure_ascii=False)] == []


async def test_raw_content_needs_the_right_and_a_reason_and_is_on_record(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.base, timeout=20) as client:
        for role in Role:
            for body in ({}, {"reason": ""}, {"reason": "x"}, {"reason": "回访来电人"}):
                answer = await client.post(
                    "/api/v1/calls/c1/unmask", json=body, headers=headers_of(served, role)
                )
                allowed = role is Role.SUPERVISOR and len(body.get("reason", "")) >= 4
                assert (answer.status_code == 200) == allowed, (role, body)
                assert bool(leaks(answer.text)) == allowed
    entries = [each for each in served.line.deps.audit.entries() if each.action == "call.unmask"]
    assert [(each.who, each.subject, each.detail) for each in entries] == [("supervisor", "c1", "回访来电人")]
