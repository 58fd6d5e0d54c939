"""What every request and answer passes: checks of host, origin and size, and the security headers."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotline.settings import WebSettings
from hotline.web.problems import Problem

MAX_BODY = 64 * 1024
"""Bytes of a request's body; nothing we take is larger, files aside."""

_UPLOAD = re.compile(r"/(?:units/v1|api/v1/unit)/orders/[^/]{1,64}/attachments")
"""Where files are sent to; their handlers hold them to `attachments.max_mb` and say so."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class Shield:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: WebSettings, largest_file: int = 0) -> None:
        """`largest_file`: bytes that may be sent where files are taken."""
        self._app = app
        self._hosts = {host.lower() for host in (*settings.allowed_hosts, settings.host)}
        self._secure = settings.secure_cookies
        self._largest_file = largest_file + MAX_BODY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, cap its body, dress the answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if problem is not None:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        dressed = self._dressing(scope, send)
        if problem is not None:
            await problem.response()(scope, receive, dressed)
            return
        await self._capped(scope, receive, dressed)

    async def _capped(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, limit = 0, self._limit(scope)

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413)  # the one kind of error that FastAPI lets out of reading a body
            return message

        await self._app(scope, counted, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _hostname(hosts[0]) not in self._hosts:
            return Problem(400, "web.host", "This host name is not among web.allowed_hosts")
        websocket = scope["type"] == "websocket"
        if (websocket or scope["method"] not in SAFE_METHODS) and not _same_origin(
            headers, hosts[0], required=websocket
        ):
            return Problem(403, "web.origin", "Requests from other sites are refused")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length[:12]) > self._limit(scope):
            return Problem(413, "web.too_large")
        return None

    def _limit(self, scope: Scope) -> int:
        upload = scope.get("method") == "POST" and _UPLOAD.fullmatch(scope["path"])
        return self._largest_file if upload else MAX_BODY

    def _dressing(self, scope: Scope, send: Send) -> Send:
        static = scope["path"].startswith("/static/")
        microphone = "(self)" if scope["path"] in {"/", "/call"} else "()"  # the pages that listen

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)  # files bring a stricter one
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = f"camera=(), geolocation=(), microphone={microphone}"
                headers["Cache-Control"] = "no-cache" if static else "no-store"
                if self._secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return dressed


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _same_origin(headers: Headers, host: str, *, required: bool) -> bool:
    """Whether a browser says that our own page sent this; programs that are no browser say nothing."""
    origin = headers.get("origin")
    if origin is None:
        return not required and headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
