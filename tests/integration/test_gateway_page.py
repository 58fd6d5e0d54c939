"""The gateway's state over REST: who may see it, who may lift a ban, and that lifting is on record."""

from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest

from hotline.figures import GatewayView
from hotline.gateway.defence import Defence, DefenceStats
from hotline.gateway.sip.guard import Deed
from hotline.gateway_settings import DefenceSettings
from hotline.instruments import Source
from tests.fakes.web_line import PASSWORD, WebLine, make_line, served

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

STRANGER = "203.0.113.7"


async def banned_line(folder: Path) -> WebLine:
    """A web part whose gateway has banned somebody."""
    defence = Defence(DefenceSettings())
    for _ in range(20):
        defence.note(STRANGER, Deed.MALFORMED, anyio.current_time())
    parts: dict[str, Source] = {"defence": lambda: DefenceStats(1, 1, 1, 4, 0, 0)}
    made = make_line(folder)
    return replace(made, deps=replace(made.deps, gateway=GatewayView(parts, defence)))


async def sign_in(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]


async def test_supervisors_see_and_only_administrators_lift(tmp_path: Path) -> None:
    line = await banned_line(tmp_path)
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as client:
        assert (await client.get("/api/v1/gateway")).status_code == 401
        await sign_in(client, "zuoxi")
        assert (await client.get("/api/v1/gateway")).status_code == 403
        await sign_in(client, "banzhang")
        state = (await client.get("/api/v1/gateway")).json()
        assert state["parts"]["defence"]["dropped"] == 4
        assert [ban["source"] for ban in state["bans"]] == [STRANGER]
        path = f"/api/v1/gateway/bans/{STRANGER}"
        assert (await client.delete(path)).status_code == 403
        await sign_in(client, "guanli")
        assert (await client.delete("/api/v1/gateway/bans/..%2Fx")).status_code in {404, 422}
        assert (await client.delete(path)).status_code == 204
        assert (await client.get("/api/v1/gateway")).json()["bans"] == []
        assert (await client.delete(path)).json()["code"] == "gateway.no_ban"
        await sign_in(client, "shenji")
        entries = (await client.get("/api/v1/audit")).json()["entries"]
        assert ("guanli", "gateway.unban", STRANGER) in {
            (entry["who"], entry["action"], entry["subject"]) for entry in entries
        }
