"""Units' people and systems over HTTP: trays, masking, reasons, files, the feed, and other channels."""

import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from hotline.settings import AttachmentSettings
from hotline.store.users import Role
from tests.fakes.web_line import PASSWORD, PHONE, WebLine, make_line, served
from workorders.attachments import MAX_FILES

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

UNIT = "legal_aid-510116"
OTHER = "legal_aid-510104"
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
NAME = "李建国"


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_line(tmp_path)
    for name, unit in (("chengban", UNIT), ("pangren", OTHER)):
        made.deps.users.add(name, PASSWORD, Role.UNIT, datetime.now(UTC), "张承办", unit)
    made.add_call("c1", datetime.now(UTC))
    return made


@pytest.fixture
async def base(line: WebLine) -> AsyncIterator[str]:
    async with served(line) as address:
        yield address


@pytest.fixture
async def person(base: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base) as client:
        await sign_in(client, "chengban")
        yield client


async def sign_in(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]


def token(line: WebLine, *scopes: str, unit: str = UNIT) -> dict[str, str]:
    made = line.deps.tokens.create(unit, datetime.now(UTC), scopes=scopes or ("read", "act"))
    return {"Authorization": f"Bearer {made}"}


def number_of(line: WebLine, call: str = "c1") -> str:
    return line.deps.orders.by_call(call)[0].order.number


def actions(line: WebLine, subject: str) -> list[str]:
    return [entry.action for entry in line.deps.audit.entries(subject=subject)]


async def test_a_person_works_through_an_order_from_the_tray_to_the_answer(
    person: httpx.AsyncClient, line: WebLine
) -> None:
    number = number_of(line)
    trays = (await person.get("/api/v1/unit/orders", params={"tray": "to_sign"})).json()
    assert [order["number"] for order in trays["orders"]] == [number]
    assert trays["trays"]["to_sign"] == trays["trays"]["all"] == 1
    address = f"/api/v1/unit/orders/{number}"
    order = (await person.get(address)).json()
    assert PHONE not in json.dumps(order)
    assert NAME not in json.dumps(order, ensure_ascii=False)
    assert (order["masked"], order["caller_access"], order["caller_contact"]) == (
        True,
        "reason",
        "138****1234",
    )
    assert order["choices"] == ["sign", "return"]
    moved = await person.post(f"{address}/moves", json={"action": "sign"})
    assert moved.json()["state"] == "signed"
    for form in ({"action": "suspend", "text": "等材料"}, {"action": "resume"}):
        assert (await person.post(f"{address}/moves", json=form)).status_code == 200
    asked = {"action": "ask_extension", "text": "待鉴定", "days": 3}
    assert (await person.post(f"{address}/moves", json=asked)).status_code == 200
    done = await person.post(f"{address}/moves", json={"action": "reply", "text": "已受理"})
    assert done.json()["state"] == "replied"
    assert (await person.get("/api/v1/unit/orders", params={"tray": "answered"})).json()["orders"]
    assert actions(line, number)[:2] == ["order.reply", "order.ask_extension"]
    view = line.deps.orders.get(number)
    assert view is not None
    assert view.history[-1].actor == "张承办"


async def test_the_caller_is_shown_for_a_reason_that_is_put_on_record(
    person: httpx.AsyncClient, line: WebLine
) -> None:
    number = number_of(line)
    address = f"/api/v1/unit/orders/{number}/reveal"
    assert (await person.post(address, json={"reason": "x"})).status_code == 422
    shown = (await person.post(address, json={"reason": "联系来电人核对金额"})).json()
    assert (shown["caller_contact"], shown["masked"]) == (PHONE, False)
    [entry] = [each for each in line.deps.audit.entries(subject=number) if each.action == "order.unmask"]
    assert (entry.who, entry.detail) == ("chengban", "联系来电人核对金额")
    [given] = line.deps.units.outbound.of(number)
    assert (given.who, given.way, given.classes) == ("chengban", "page", "internal,personal,sensitive")


async def test_other_units_and_roles_find_nothing(
    base: str, person: httpx.AsyncClient, line: WebLine
) -> None:
    number = number_of(line)
    async with httpx.AsyncClient(base_url=base) as stranger:
        await sign_in(stranger, "pangren")
        assert (await stranger.get(f"/api/v1/unit/orders/{number}")).status_code == 404
        move = await stranger.post(f"/api/v1/unit/orders/{number}/moves", json={"action": "sign"})
        assert move.status_code == 404
        assert (await stranger.get("/api/v1/unit/orders")).json()["trays"]["all"] == 0
    for path in (
        "/api/v1/orders",
        "/api/v1/calls",
        f"/api/v1/orders/{number}",
        "/api/v1/tokens",
        "/api/v1/audit",
    ):
        assert (await person.get(path)).status_code == 403, path
    async with httpx.AsyncClient(base_url=base) as agent:
        await sign_in(agent, "zuoxi")
        assert (await agent.get("/api/v1/unit/orders")).status_code == 403


async def test_an_order_that_has_not_been_dispatched_is_not_the_units_yet(
    person: httpx.AsyncClient, line: WebLine
) -> None:
    from tests.fakes.web_line import file_command

    waiting = line.deps.service.handle(file_command("c2", datetime.now(UTC))).number
    assert (await person.get(f"/api/v1/unit/orders/{waiting}")).status_code == 404
    assert (await person.get(f"/units/v1/orders/{waiting}", headers=token(line))).status_code == 404


async def test_files_are_kept_by_content_and_given_as_downloads(
    base: str, person: httpx.AsyncClient, line: WebLine
) -> None:
    number = number_of(line)
    address = f"/api/v1/unit/orders/{number}/attachments"
    sent = await person.post(address, params={"name": "受理通知.exe"}, content=PDF)
    assert sent.status_code == 201
    file = sent.json()
    assert (file["name"], file["kind"], file["size"]) == ("受理通知.exe.pdf", "pdf", len(PDF))
    again = await person.post(address, params={"name": "另一个名字.pdf"}, content=PDF)
    assert again.json()["key"] == file["key"]
    got = await person.get(f"{address}/{file['key']}")
    assert got.content == PDF
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("attachment;")
    [stored] = [path for path in (line.settings.paths.data / "attachments").rglob("*") if path.is_file()]
    assert stored.name == file["sha256"]
    async with httpx.AsyncClient(base_url=base) as agent:
        await sign_in(agent, "zuoxi")
        order = (await agent.get(f"/api/v1/orders/{number}")).json()
        assert [each["key"] for each in order["attachments"]] == [file["key"]]
        assert (await agent.get(f"/api/v1/orders/{number}/attachments/{file['key']}")).content == PDF
        await sign_in(agent, "pangren")
        assert (await agent.get(f"/api/v1/unit/orders/{number}/attachments/{file['key']}")).status_code == 404
    assert {"order.attach", "attachment.read"} <= set(actions(line, number))
    stored.write_bytes(PDF.replace(b"1.7", b"1.6"))
    assert (await person.get(f"{address}/{file['key']}")).status_code == 410


async def test_files_that_are_too_many_too_large_or_no_good_are_refused(
    person: httpx.AsyncClient, line: WebLine
) -> None:
    address = f"/api/v1/unit/orders/{number_of(line)}/attachments"

    async def send(content: bytes, name: str = "x.pdf") -> tuple[int, str]:
        answer = await person.post(address, params={"name": name}, content=content)
        return answer.status_code, answer.json().get("code", "")

    assert await send(b"MZ\x90\x00 a program") == (415, "file.unknown_kind")
    assert await send(PDF.replace(b"/Type", b"/S /JavaScript")) == (415, "file.active_content")
    limit = line.settings.attachments.max_mb * 1024 * 1024
    assert (await send(b"%PDF-" + b" " * limit))[0] == 413
    for count in range(MAX_FILES):
        assert (await send(PDF + b"\n" * count))[0] == 201
    assert await send(PDF + b"\n" * 20) == (409, "order.too_many_files")
    for move in ({"action": "sign"}, {"action": "reply", "text": "已办"}):
        done = await person.post(address.replace("attachments", "moves"), json=move)
        assert done.status_code == 200
    assert await send(PDF + b"\n" * 21) == (409, "order.forbidden_move")


async def test_a_full_disk_and_a_scanner_are_heeded(tmp_path: Path, line: WebLine) -> None:
    scanner = tmp_path / "scan.py"
    scanner.write_text("import sys; sys.exit(b'EICAR' in open(sys.argv[1], 'rb').read())")
    room = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize // 1024 // 1024
    number = number_of(line)

    async def send(content: bytes, **settings: object) -> tuple[int, str]:
        from hotline.store.files import FileStore

        attachments = AttachmentSettings.model_validate(settings)
        files = FileStore(tmp_path / "files", attachments.keep_free_mb * 1024 * 1024)
        chosen = line.settings.model_copy(update={"attachments": attachments})
        deps = replace(line.deps, settings=chosen, units=replace(line.deps.units, files=files))
        async with served(WebLine(deps, line.engine)) as base, httpx.AsyncClient(base_url=base) as client:
            answer = await client.post(
                f"/units/v1/orders/{number}/attachments",
                params={"name": "x", "by": "张"},
                content=content,
                headers=token(line, "attach", "read"),
            )
        return answer.status_code, answer.json().get("code", "")

    command = [sys.executable, str(scanner)]
    assert await send(PDF, keep_free_mb=room + 100) == (507, "file.no_space")
    assert not list((tmp_path / "files").rglob("*.part*"))
    assert await send(PDF + b"EICAR", scan_command=command) == (415, "file.infected")
    assert await send(PDF, scan_command=["/nonexistent/scanner"]) == (503, "file.scanner")
    assert await send(PDF, scan_command=command) == (201, "")


async def test_the_api_masks_follows_scopes_and_logs_what_it_gives(base: str, line: WebLine) -> None:
    number = number_of(line)
    address = f"/units/v1/orders/{number}"
    async with httpx.AsyncClient(base_url=base) as client:
        reading = token(line, "read")
        assert PHONE not in (await client.get(address, headers=reading)).text
        why = {"reason": "联系来电人"}
        refused = await client.get(address, params=why, headers=reading)
        assert (refused.status_code, refused.json()["code"]) == (403, "unit.scope")
        assert (await client.post(f"{address}/sign", json={"by": "张"}, headers=reading)).status_code == 403
        assert (await client.get("/units/v1/feed", headers=reading)).status_code == 403
        seen = await client.get(address, params=why, headers=token(line, "read", "caller"))
        assert seen.json()["caller_contact"] == PHONE
        listed = (await client.get("/units/v1/orders", headers=reading)).text
        assert PHONE not in listed
        assert NAME not in listed
    ways = [(each.way, each.classes.count(",")) for each in line.deps.units.outbound.of(number)]
    assert ways == [("rest", 2), ("rest", 0)]
    assert "order.unmask" in actions(line, number)


async def test_a_units_policy_can_show_or_hide_the_caller(base: str, line: WebLine) -> None:
    from workorders.outward import CallerAccess

    number = number_of(line)
    rules = line.deps.service.rules

    async def contact(access: CallerAccess, **asked: str) -> tuple[int, str]:
        outward = replace(rules.outward, by_unit={UNIT: access})
        service = replace(line.deps.service, rules=replace(rules, outward=outward))
        deps = replace(line.deps, service=service)
        async with (
            served(WebLine(deps, line.engine)) as address,
            httpx.AsyncClient(base_url=address) as client,
        ):
            answer = await client.get(
                f"/units/v1/orders/{number}", params=asked, headers=token(line, "read", "caller")
            )
        return answer.status_code, answer.json().get("caller_contact", answer.json().get("code"))

    assert await contact(CallerAccess.SHOWN) == (200, PHONE)
    assert await contact(CallerAccess.REASON) == (200, "138****1234")
    assert await contact(CallerAccess.HIDDEN) == (200, "138****1234")
    assert await contact(CallerAccess.HIDDEN, reason="联系来电人") == (403, "unit.caller_hidden")


async def test_the_feed_tells_of_changes_and_waits_for_them(base: str, line: WebLine) -> None:
    number, headers = number_of(line), token(line, "feed", "read", "act")
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=20) as client:
        page = (await client.get("/units/v1/feed")).json()
        assert [(each["seq"], each["action"]) for each in page["changes"]] == [(1, "dispatch")]
        assert (page["next"], page["last"]) == (1, 1)
        shown = (await client.get(f"/units/v1/orders/{number}")).json()
        assert page["changes"][0]["order"] == shown
        assert PHONE not in json.dumps(page)
        answers: list[dict[str, Any]] = []

        async def wait() -> None:
            answers.append((await client.get("/units/v1/feed", params={"after": 1, "wait": 15})).json())

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.2)
            assert answers == []
            await client.post(f"/units/v1/orders/{number}/sign", json={"by": "张"})
        assert [each["action"] for each in answers[0]["changes"]] == ["sign"]
        assert answers[0]["changes"][0]["order"]["state"] == "signed"
        empty = (await client.get("/units/v1/feed", params={"after": 2})).json()
        assert (empty["changes"], empty["next"], empty["last"]) == ([], 2, 2)
        assert (await client.get("/units/v1/feed", params={"wait": 31})).status_code == 422
    assert [each.way for each in line.deps.units.outbound.of(number)].count("feed") == 2


WORDS = "我在双流区的工地上做活路，包工头拖欠我们十二个人的工资，一共18万6。"


async def test_other_channels_file_once_a_key_and_the_channel_stays(
    base: str, person: httpx.AsyncClient, line: WebLine
) -> None:
    made = line.deps.tokens.create_for_channel("wechat", datetime.now(UTC))
    form = {
        "text": WORDS,
        "name": "王小明",
        "contact": "13900005678",
        "external_number": "wx-77",
        "confidential": True,
    }
    headers = {"Authorization": f"Bearer {made}", "Idempotency-Key": "wx-0000-1"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        first = await client.post("/channels/v1/orders", json=form)
        again = await client.post("/channels/v1/orders", json=form)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["number"] == again.json()["number"]
        assert first.json()["unit"] == UNIT
        other = await client.post("/channels/v1/orders", json=form | {"text": "别的事"})
        assert (other.status_code, other.json()["code"]) == (409, "order.key_reused")
        wrong = await client.post("/channels/v1/orders", json=form | {"matter": "no.such"})
        assert wrong.status_code == 422
        number = first.json()["number"]
        assert (await client.get(f"/channels/v1/orders/{number}")).json()["state"] == "filed"
        assert (await client.get(f"/channels/v1/orders/{number_of(line)}")).status_code == 404
        assert (await client.get("/units/v1/orders")).status_code == 403
        no_key = await client.post("/channels/v1/orders", json=form, headers={"Idempotency-Key": ""})
        assert no_key.status_code == 422
    view = line.deps.orders.get(number)
    assert view is not None
    order = view.order
    assert (order.channel, order.matter, order.district) == ("wechat", "labour.wages", "510116")
    assert {"green_channel", "confidential"} <= set(order.flags)
    fields = {item.field.name: item.field.value for item in order.fields}
    assert (fields["caller_name"], fields["external_number"], fields["people"]) == ("王小明", "wx-77", "12")
    unit_headers = token(line, "read", "act")
    async with httpx.AsyncClient(base_url=base, headers=unit_headers) as client:
        assert (await client.post("/channels/v1/orders", json=form)).status_code == 403


async def test_administrators_keep_tokens_and_supervisors_see_deliveries(base: str, line: WebLine) -> None:
    async with httpx.AsyncClient(base_url=base) as admin:
        await sign_in(admin, "guanli")
        form = {"unit": UNIT, "scopes": ["read", "feed"], "label": "机房", "days": 30}
        made = (await admin.post("/api/v1/tokens", json=form)).json()["token"]
        bearer = {"Authorization": f"Bearer {made}"}
        assert (await admin.get("/units/v1/feed", headers=bearer)).status_code == 200
        [row] = (await admin.get("/api/v1/tokens")).json()["tokens"]
        assert (row["scopes"], row["valid"], row["label"]) == (["read", "feed"], True, "机房")
        assert row["last_used"]
        assert (await admin.post("/api/v1/tokens", json=form | {"unit": "nobody"})).status_code == 422
        assert (await admin.delete(f"/api/v1/tokens/{row['id']}")).status_code == 204
        assert (await admin.get("/units/v1/feed", headers=bearer)).status_code == 401
        no_master = await admin.post("/api/v1/webhook-secrets", json={"unit": UNIT})
        assert (no_master.status_code, no_master.json()["code"]) == (409, "webhook.no_master")
        await sign_in(admin, "banzhang")
        assert (await admin.get("/api/v1/tokens")).status_code == 403
        assert (await admin.get("/api/v1/deliveries")).json() == {"letters": [], "pushing": False}
        assert (await admin.post("/api/v1/deliveries/none/again")).status_code == 404
