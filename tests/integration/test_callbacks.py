"""Whom an agent may call back: by the order, what is on record of it, and what the agent never sees."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hotline.acd.model import NotAllowed
from hotline.store.users import Role, User
from hotline.web.callbacks import number_of
from hotline.web.site import Site
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import PHONE, WebLine, file_command
from workorders.model import Pool

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
LI, WANG = (
    User(number, name, name, Role.SUPERVISOR, disabled=False) for number, name in enumerate(("li", "wang"))
)


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    return make_staffed(tmp_path)


def filed(line: WebLine, call: str, **changed: Any) -> str:
    command = replace(file_command(call, datetime.now(UTC)), **changed)
    return line.deps.service.handle(command).number


async def test_who_calls_back_has_the_order_and_nobody_else(line: WebLine) -> None:
    site = Site(line.deps)
    order = filed(line, "c1", flags=("callback",), matter="family", summary="x")
    assert await number_of(site, LI, order) == PHONE
    view = line.deps.orders.get(order)
    assert view is not None
    assert (view.order.life.pool, view.order.life.holder) == (Pool.HELD, "li")
    assert await number_of(site, LI, order) == PHONE, "once more, when nobody was there"
    with pytest.raises(NotAllowed, match="held"):
        await number_of(site, WANG, order)
    told = [(entry.who, entry.subject) for entry in line.deps.audit.entries()]
    assert told == [("li", order)] * 2


async def test_whom_nobody_can_call(line: WebLine) -> None:
    site = Site(line.deps)
    with pytest.raises(NotAllowed, match="no_order"):
        await number_of(site, LI, "SC-20260101-510000-00001-1")
    for contact in ("web:192.0.2.1", "anonymous", ""):
        order = filed(line, f"c{contact}", caller_contact=contact)
        with pytest.raises(NotAllowed, match="no_number"):
            await number_of(site, LI, order)
    assert list(line.deps.audit.entries()) == []


async def test_an_order_that_is_in_no_pool_may_be_asked_about(line: WebLine) -> None:
    order = filed(line, "c1", flags=())
    assert await number_of(Site(line.deps), WANG, order) == PHONE
    view = line.deps.orders.get(order)
    assert view is not None
    assert view.order.life.holder == ""
