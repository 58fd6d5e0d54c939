"""Errors as `application/problem+json` (RFC 9457); no answer quotes what was sent."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hotline.errors import HotlineError
from workorders.attachments import TooManyFiles
from workorders.errors import ForbiddenMove, NotPermitted, StaleOrder, UnknownOrder, WorkOrderError
from workorders.intake import KeyReused
from workorders.number import BadNumber
from workorders.ports import DuplicateOrder

MEDIA_TYPE = "application/problem+json"

_STATUS: dict[type[Exception], int] = {
    UnknownOrder: 404,
    BadNumber: 404,
    ForbiddenMove: 409,
    NotPermitted: 403,
    StaleOrder: 409,
    DuplicateOrder: 409,
    TooManyFiles: 409,
    KeyReused: 409,
}


class Problem(Exception):
    """Ends a request with an error; `code` is stable, `title` is for developers."""

    def __init__(
        self, status: int, code: str, title: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.title = title or HTTPStatus(status).phrase
        self.headers = headers or {}
        super().__init__(code)

    def response(self) -> JSONResponse:
        """The answer."""
        return _answer(self.status, self.code, self.title, self.headers)


def install(app: FastAPI) -> None:
    """Let every error of a handler become a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WorkOrderError, _order)
    app.add_exception_handler(HotlineError, _hotline)
    app.add_exception_handler(UnicodeError, _unreadable)


def _answer(status: int, code: str, title: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {"type": f"urn:hotline12348:problem:{code}", "title": title, "status": status, "code": code}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    return error.response() if isinstance(error, Problem) else _answer(500, "web.error", "Error")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    phrase = HTTPStatus(status).phrase
    return _answer(status, f"web.{phrase.lower().replace(' ', '_')}", phrase, headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = sorted({_place(item["loc"]) for item in found})[:8]
    return _answer(422, "web.invalid", "Invalid: " + ", ".join(places))


def _place(loc: tuple[int | str, ...]) -> str:
    """Where something is wrong, by our own names only: an unknown field's name came from outside."""
    return ".".join(str(part) for part in loc[:2] if str(part).isidentifier() and len(str(part)) <= 32)


async def _order(_request: Request, error: Exception) -> JSONResponse:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
    if status is None:
        status = 503 if isinstance(error, WorkOrderError) and error.retryable else 400
    code = error.code if isinstance(error, WorkOrderError) else "order.error"
    return _answer(status, code, str(error))


async def _hotline(_request: Request, error: Exception) -> JSONResponse:
    retryable = isinstance(error, HotlineError) and error.retryable
    code = error.code if isinstance(error, HotlineError) else "hotline.error"
    headers = {"Retry-After": "2"} if retryable else {}
    return _answer(503 if retryable else 400, code, HTTPStatus(503 if retryable else 400).phrase, headers)


async def _unreadable(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(400, "web.unreadable", "Not valid Unicode")
