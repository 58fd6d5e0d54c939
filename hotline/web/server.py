"""Builds the web application and serves it inside the caller's task group."""

import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from anyio.abc import TaskStatus
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.routing import BaseRoute

from hotline.metrics import CONTENT_TYPE
from hotline.settings import WebSettings
from hotline.web import (
    account,
    accounts,
    api,
    audit,
    auth,
    beside,
    call_door,
    console,
    deliveries,
    exchange,
    exports,
    flags,
    floor,
    forecast,
    gateway,
    holds,
    incidents,
    intake,
    live,
    order_moves,
    quality,
    recordings,
    referrals,
    roster,
    saved_reports,
    stat_exports,
    stats,
    topics,
    unit_feed,
    unit_files,
    units,
    video,
    wall,
    workbench,
)
from hotline.web.api_examples import give_examples
from hotline.web.auth import PUBLIC, Guard
from hotline.web.call_door import MAX_CALL_FRAME
from hotline.web.deps import WebDeps
from hotline.web.problems import install
from hotline.web.shield import Shield
from hotline.web.site import Site, SiteDep, from_loopback
from hotline.web.steady_websocket import SteadyWebSocket

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
STOP_SECONDS = 3
"""At shutdown, open answers get this long; sockets are closed with 1012 at once."""

router = APIRouter()


def make_app(deps: WebDeps) -> FastAPI:
    """The application; does no work until it is asked something."""
    app = FastAPI(title="12348 hotline", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.site = site = Site(deps)
    install(app)
    for part in (
        router,
        auth.router,
        account.router,
        accounts.router,
        api.router,
        audit.router,
        recordings.router,
        exports.router,
        flags.router,
        live.router,
        console.router,
        floor.router,
        roster.router,
        order_moves.router,
        beside.router,
        incidents.router,
        referrals.router,
        exchange.router,
        video.router,
        stats.router,
        quality.router,
        topics.router,
        stat_exports.router,
        saved_reports.router,
        forecast.router,
        gateway.router,
        holds.router,
        wall.router,
        call_door.router,
        workbench.router,
        deliveries.router,
    ):
        app.include_router(part)
    for part in (units.router, unit_files.router, unit_feed.router, intake.router):
        app.include_router(part)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    largest = deps.settings.attachments.max_mb * 1024 * 1024
    app.add_middleware(Shield, settings=deps.settings.web, largest_file=largest)
    deps.metrics.watch_queue("browsers", lambda: site.feed.depth, lambda: site.feed.dropped)
    return app


@router.get("/", dependencies=[PUBLIC])
async def page() -> FileResponse:
    """The page; it holds nothing until somebody signs in."""
    return FileResponse(STATIC / "index.html")


@router.get("/healthz", dependencies=[PUBLIC])
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", dependencies=[PUBLIC])
async def ready(site: SiteDep) -> JSONResponse:
    """200 when calls can be taken, 503 with the reasons when not."""
    health = site.deps.health()
    return JSONResponse(
        {"ready": health.ready, "problems": list(health.problems)}, 200 if health.ready else 503
    )


@router.get("/metrics", dependencies=[PUBLIC])
async def metrics(request: Request, site: SiteDep) -> Response:
    """For Prometheus on this machine; from elsewhere only for administrators."""
    if not from_loopback(request):
        await Guard("metrics")(request)
    return Response(await site.ask(site.deps.metrics.page), media_type=CONTENT_TYPE)


@router.get("/units/v1/openapi.json", dependencies=[PUBLIC])
async def units_openapi() -> dict[str, Any]:
    """The units' API, for their developers."""
    routes = [*units.router.routes, *unit_files.router.routes, *unit_feed.router.routes]
    return openapi_of("12348 work orders for handling units", routes)


@router.get("/channels/v1/openapi.json", dependencies=[PUBLIC])
async def channels_openapi() -> dict[str, Any]:
    """The API by which other channels file, for their developers."""
    return openapi_of("12348 work orders from other channels", intake.router.routes)


def openapi_of(title: str, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document of some routes, the error document included."""
    said = "Bearer token. Errors are application/problem+json with a stable `code`."
    document = get_openapi(title=title, version="1", description=said, routes=routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemDocument"] = units.ProblemDocument.model_json_schema()
    give_examples(document)
    return document


@router.get("/exchange/v1/openapi.json", dependencies=[PUBLIC])
async def exchange_openapi() -> dict[str, Any]:
    """The API for other lines and systems, for their developers."""
    return get_openapi(
        title="12348 exchange with other lines and systems",
        version="1",
        description="Bearer token per system. Errors are application/problem+json with a stable `code`.",
        routes=exchange.router.routes,
    )


class _Server(uvicorn.Server):
    """uvicorn as a part of a larger program, which handles the signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_web(
    app: FastAPI, web: WebSettings, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; `task_status` gets the bound port once requests are taken.

    Raises `OSError` when the address cannot be bound. Cancelling stops listening, closes WebSockets with 1012
    and lets open answers finish for up to three seconds.
    """
    listener = _listen(web.host, web.port)
    port: int = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws=SteadyWebSocket,
            ws_max_size=MAX_CALL_FRAME,
            ws_per_message_deflate=False,
            limit_concurrency=1_000,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(app.state.site.feed.run)
            group.start_soon(app.state.site.verification.run)
            group.start_soon(_run, server, listener)
            await server.ready.wait()
            task_status.started(port)
            try:
                await anyio.sleep_forever()
            finally:
                server.should_exit = True
    finally:
        listener.close()


async def _run(server: _Server, listener: socket.socket) -> None:
    # Shielded: a cancelled uvicorn drops its connections; told to exit, it says goodbye to them.
    with anyio.CancelScope(shield=True):
        await server.serve([listener])


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
