"""The APIs of units and channels keep to their OpenAPI documents: whatever is sent, whoever sends it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hotline.store.tokens import UNIT_SCOPES
from tests.fakes.openapi_walk import Operation, broken, example, gaps, operations, sound
from tests.fakes.web_line import WebLine, make_line, served
from workorders.messages import ActOnOrder

pytestmark = [pytest.mark.contract, pytest.mark.anyio, pytest.mark.timeout(120)]

UNIT = "legal_aid-510116"
DOCUMENTS = ("/units/v1/openapi.json", "/channels/v1/openapi.json")
EXAMPLES = 8
"""Requests made up for each operation, sound ones and as many broken ones."""
FILES = (b"", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n", b"MZ\x90\x00", "文字".encode())


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    places: dict[str, str]
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Served:
    line: WebLine
    client: httpx.AsyncClient
    number: str


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    line = make_line(tmp_path)
    line.add_call("c1", datetime.now(UTC))
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as client:
        yield Served(line, client, line.deps.orders.by_call("c1")[0].order.number)


def tokens(line: WebLine) -> dict[str, dict[str, str]]:
    """Who may all, who may little, and who may nothing."""
    now, made = datetime.now(UTC), line.deps.tokens
    found = {
        "all": made.create(UNIT, now, scopes=UNIT_SCOPES),
        "little": made.create(UNIT, now, scopes=("caller",)),
        "other": made.create("legal_aid-510104", now, scopes=UNIT_SCOPES),
        "channel": made.create_for_channel("web", now),
        "wrong": "hlu_wrong",
    }
    return {who: {"Authorization": f"Bearer {token}"} for who, token in found.items()} | {"nobody": {}}


async def send(api: Served, operation: Operation, request: Request, token: dict[str, str]) -> httpx.Response:
    path = operation.path.format_map(request.places)
    body = None if request.json is None else json.dumps(request.json).encode()
    headers = token | request.headers | ({"Content-Type": "application/json"} if body else {})
    return await api.client.request(
        operation.method, path, params=request.query, headers=headers, content=body or request.content
    )


def complaint(operation: Operation, answer: httpx.Response) -> str | None:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    body = answer.json() if media_type.endswith("json") else None
    return operation.complaint(answer.status_code, media_type, body)


def ascii_only(values: dict[str, str]) -> dict[str, str]:
    """Headers as a client can send them."""
    return {name: value for name, value in values.items() if value.isascii() and value.isprintable()}


def requests(operation: Operation, number: str, *, good: bool) -> st.SearchStrategy[Request]:
    """Made up from the document; the order is one that there is, most of the time."""
    document, make = operation.document, sound if good else broken

    def of(place: str) -> st.SearchStrategy[dict[str, Any]]:
        wanted = [each for each in operation.parameters if each["in"] == place]
        strategies = {each["name"]: make(each["schema"], document) for each in wanted}
        needed = {each["name"] for each in wanted if each["required"] and good}
        return st.fixed_dictionaries(
            {name: each for name, each in strategies.items() if name in needed},
            optional={name: each for name, each in strategies.items() if name not in needed},
        )

    digits = st.text("0123456789abcdef", min_size=32, max_size=32)
    numbers = st.just(number) if good else st.sampled_from([number, number.lower(), "SC-1", "x" * 80, "%00"])
    return st.builds(
        Request,
        places=st.fixed_dictionaries({"number": numbers, "file": digits}),
        query=of("query").map(lambda query: {k: v for k, v in query.items() if k != "wait"}),
        headers=of("header").map(lambda found: ascii_only({k: str(v) for k, v in found.items()})),
        json=make(operation.body, document) if operation.body else st.none(),
        content=st.sampled_from(FILES) if operation.takes_file else st.none(),
    )


def made_up(operation: Operation, number: str, *, good: bool) -> list[Request]:
    """The same ones every time."""
    found: list[Request] = []

    @seed(11)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operation, number, good=good))
    def gather(request: Request) -> None:
        found.append(request)

    gather()
    return found


def documented(operation: Operation, number: str) -> list[Request]:
    """The request that the document shows, for an operation that takes a body."""
    if operation.body is None:
        return []
    wanted = [each for each in operation.parameters if each["in"] == "header"]
    headers = {each["name"]: each["schema"]["examples"][0] for each in wanted}
    return [Request({"number": number}, headers=headers, json=example(operation))]


@pytest.mark.parametrize("address", DOCUMENTS)
async def test_the_document_says_all_that_a_developer_needs(api: Served, address: str) -> None:
    document = (await api.client.get(address)).json()
    assert list(gaps(document)) == []
    for name, schema in document["components"]["schemas"].items():
        if name in {"UnitOrder", "OrderListItem", "OrderFieldItem", "HistoryItem", "FileItem"}:
            classes = [each.get("x-data-class") for each in schema["properties"].values()]
            assert set(classes) <= {"internal", "personal", "sensitive"}, name


@pytest.mark.parametrize("address", DOCUMENTS)
async def test_every_answer_is_one_that_the_document_names(api: Served, address: str) -> None:
    document = (await api.client.get(address)).json()
    wrong, statuses = [], set()
    for who, token in tokens(api.line).items():
        full = who in {"all", "channel"}
        for operation in operations(document):
            tried = [*documented(operation, api.number), *made_up(operation, api.number, good=True)]
            tried += made_up(operation, api.number, good=False)
            for request in tried if full else tried[:2]:
                answer = await send(api, operation, request, token)
                statuses.add(answer.status_code)
                if problem := complaint(operation, answer):
                    wrong.append(f"{operation} as {who}: {problem} {answer.text[:200]}")
    assert wrong == []
    assert {401, 403, 422} <= statuses
    assert statuses & {200, 201}


async def test_the_documents_own_examples_are_taken(api: Served) -> None:
    everyone = tokens(api.line)
    steps = (
        ("/units/v1/openapi.json", "/units/v1/orders/{number}/sign", "all"),
        ("/units/v1/openapi.json", "/units/v1/orders/{number}/moves", "all"),
        ("/units/v1/openapi.json", "/units/v1/orders/{number}/reply", "all"),
        ("/channels/v1/openapi.json", "/channels/v1/orders", "channel"),
    )
    for address, path, who in steps:
        document = (await api.client.get(address)).json()
        [operation] = [each for each in operations(document) if (each.path, each.method) == (path, "POST")]
        [request] = documented(operation, api.number)
        answer = await send(api, operation, request, everyone[who])
        assert answer.status_code in {200, 201}, f"{operation}: {answer.text}"
        if path.endswith("moves"):  # an extension that is asked for is answered before the order is
            act = ActOnOrder(api.number, "grant_extension", "wang", "supervisor", datetime.now(UTC))
            api.line.deps.service.handle(act)
