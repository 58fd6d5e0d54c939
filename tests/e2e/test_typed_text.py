"""What somebody has typed outlives quick hands, lost networks, ended sessions and others' changes."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import delete

from hotline.store.engine import writing
from hotline.store.tables import sessions
from hotline.store.users import Role
from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk, sign_in
from tests.fakes.staffed_line import UNIT, make_staffed
from tests.fakes.web_line import PASSWORD, WebLine

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]
TWICE = "(form) => { form.requestSubmit(); form.requestSubmit(); }"


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_staffed(tmp_path)
    for number in range(3):
        made.add_call(f"c{number}", datetime.now(UTC) - timedelta(hours=3 - number))
    return made


def end_sessions(line: WebLine) -> None:
    """As if everybody had been away for too long."""
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        connection.execute(delete(sessions))


def numbers(line: WebLine) -> list[str]:
    return [line.deps.orders.by_call(f"c{n}")[0].order.number for n in range(3)]


async def fill_incident(page: Any, base: str) -> None:
    await page.goto(f"{base}/#/incidents")
    await page.click("text=新建事件")
    await page.fill(".form-dialog [name=title]", "某工地集体欠薪")


async def test_a_form_sent_twice_at_once_is_taken_once(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await fill_incident(page, base)
        await page.locator(".form-dialog form").evaluate(TWICE)
        await expect(page.locator(".incident-title")).to_be_visible()
        await page.goto(f"{base}/#/incidents")
        await expect(page.locator(".incident-card")).to_have_count(1)
        number = numbers(line)[0]
        await page.goto(f"{base}/#/orders/{number}/c0")
        await page.locator(".moves summary").click()
        await page.click(".moves button:has-text('催办')")
        await page.locator(".move-dialog form").evaluate(TWICE)
        await expect(page.locator(".history")).to_contain_text("催办")
        await anyio.sleep(0.5)
    done = [entry.action for entry in line.deps.audit.entries(subject=number)]
    assert done.count("order.urge") == 1


async def test_escape_asks_before_typed_text_is_given_up(line: WebLine) -> None:
    from playwright.async_api import expect

    asked: list[str] = []
    async with desk(line, "banzhang") as (page, base):
        await fill_incident(page, base)
        page.once("dialog", lambda box: (asked.append(box.message), box.dismiss())[1])
        await page.keyboard.press("Escape")
        await expect(page.locator(".form-dialog [name=title]")).to_have_value("某工地集体欠薪")
        page.once("dialog", lambda box: (asked.append(box.message), box.accept())[1])
        await page.keyboard.press("Escape")
        await expect(page.locator(".form-dialog")).to_have_count(0)
        await page.click("text=新建事件")
        await page.keyboard.press("Escape")
        await expect(page.locator(".form-dialog")).to_have_count(0)
    assert len(asked) == 2, "an untouched form goes without a question"


async def test_a_network_cut_keeps_the_form_and_the_second_try_saves_it(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await fill_incident(page, base)
        await page.context.set_offline(True)
        await page.click(".form-dialog button.primary")
        await expect(page.locator(".toast-error").first).to_contain_text("网络")
        await expect(page.locator(".form-dialog [name=title]")).to_have_value("某工地集体欠薪")
        await page.context.set_offline(False)
        await page.click(".form-dialog button.primary")
        await expect(page.locator(".incident-title")).to_contain_text("某工地集体欠薪")


async def test_who_signs_in_again_goes_on_where_they_were(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await fill_incident(page, base)
        end_sessions(line)
        await page.locator(".form-dialog form").evaluate("(form) => form.requestSubmit()")
        await expect(page.locator("dialog.again")).to_be_visible()
        await expect(page.locator("dialog.again")).to_contain_text("登录")
        await page.fill("dialog.again input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog.again")).to_have_count(0)
        await expect(page.locator(".form-dialog [name=title]")).to_have_value("某工地集体欠薪")
        await page.click(".form-dialog button.primary")
        await expect(page.locator(".incident-title")).to_contain_text("某工地集体欠薪")
        await expect(page.locator(".live-state.on")).to_have_count(1)


async def test_somebody_else_who_signs_in_there_gets_a_page_of_their_own(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await fill_incident(page, base)
        end_sessions(line)
        await page.locator(".form-dialog form").evaluate("(form) => form.requestSubmit()")
        await page.locator("dialog.again").get_by_role("button", name="换人登录").click()
        await expect(page.locator("dialog")).to_have_count(0)
        await sign_in(page, "zuoxi")
        await expect(page.locator(".rail .me")).to_have_text("陈")
        assert "某工地集体欠薪" not in await page.content()
        await expect(page.locator("a[data-view=floor]")).to_have_count(0)


async def test_an_answer_begun_is_still_there_after_a_look_at_another_order(line: WebLine) -> None:
    from playwright.async_api import expect

    line.deps.users.add("chengban", PASSWORD, Role.UNIT, datetime.now(UTC), "张承办", UNIT)
    first, second, _third = numbers(line)
    async with desk(line, "chengban") as (page, base):
        for number in (first, second):
            await page.goto(f"{base}/#/unit_orders/{number}")
            await page.locator(".unit-head button.primary").click()
            await expect(page.locator(".unit-head .state-signed")).to_have_count(1)
        await page.fill(".unit-answer textarea", "已联系来电人")
        await page.goto(f"{base}/#/unit_orders/{first}")
        await expect(page.locator(".unit-number")).to_have_text(first)
        await expect(page.locator(".unit-answer textarea")).to_have_value("")
        await page.goto(f"{base}/#/unit_orders/{second}")
        await expect(page.locator(".unit-answer textarea")).to_have_value("已联系来电人")
        asked: list[str] = []
        page.once("dialog", lambda box: (asked.append(box.type), box.dismiss())[1])
        await page.evaluate("location.reload()")
        await anyio.sleep(0.5)
        await expect(page.locator(".unit-answer textarea")).to_have_value("已联系来电人")
        assert asked == ["beforeunload"]
        await page.fill(".unit-answer textarea", "")


async def test_a_correction_that_came_second_keeps_its_words(line: WebLine) -> None:
    from playwright.async_api import expect

    number = numbers(line)[0]
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/orders/{number}/c0")
        demand = page.locator(".field", has_text="诉求")
        await demand.hover()
        await demand.locator(".pencil").click()
        await demand.locator("textarea").fill("追讨全部工资和利息")
        other = await page.context.new_page()
        await other.goto(f"{base}/#/orders/{number}/c0")
        employer = other.locator(".field", has_text="用人单位")
        await employer.hover()
        await employer.locator(".pencil").click()
        await employer.locator("input").fill("双流某建筑公司")
        await other.keyboard.press("Enter")
        await expect(employer.locator(".value")).to_have_text("双流某建筑公司")
        await page.bring_to_front()
        await demand.locator("textarea").press("Enter")
        await expect(page.locator(".toast-error").first).to_be_visible()
        await expect(demand.locator("textarea")).to_have_value("追讨全部工资和利息")
        await expect(page.locator(".field", has_text="用人单位").locator(".value")).to_have_text(
            "双流某建筑公司"
        )
        await demand.locator("textarea").press("Enter")
        await expect(demand.locator(".value")).to_have_text("追讨全部工资和利息")


async def test_leaving_a_form_of_the_page_asks_first(line: WebLine) -> None:
    from playwright.async_api import expect

    asked: list[str] = []
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/tab=topics&topic=new")
        await page.fill(".topic-form input[name=name]", "拖欠工资")
        for place in ("a[data-view=calls]", ".topic-list .topic", "[role=tab] >> nth=0"):
            page.once("dialog", lambda box: (asked.append(box.message), box.dismiss())[1])
            await page.locator(place).first.click()
            await expect(page.locator(".topic-form input[name=name]")).to_have_value("拖欠工资")
        assert len(asked) == 3
        await page.fill(".topic-form textarea", "工资")
        await page.locator(".topic-form button[type=submit]").click()
        await expect(page.locator(".topic-list")).to_contain_text("拖欠工资")
        await page.click("a[data-view=calls]")
        await expect(page.locator(".rows .row").first).to_be_visible()
        assert len(asked) == 3, "what is kept goes without a question"
