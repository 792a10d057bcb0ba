"""A fault played out: what reaches the caller of an answer that goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from .control import Fault
from .wire import Chunk, event

DRIP_S = 0.2
_PAGE = "<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"
_CODES = {
    400: "invalid_parameter_error",
    401: "invalid_api_key",
    403: "AccessDenied",
    404: "model_not_found",
    429: "limit_requests",
    500: "InternalError",
    503: "ModelUnavailable",
}


class Disconnected(Exception):  # noqa: N818 - an order to the server, not an error of it
    """Break the connection here."""


class Hung(Exception):  # noqa: N818 - an order to the server, not an error of it
    """Say nothing more until the caller leaves."""


def instead(fault: Fault, request_id: str) -> Response | None:
    """The response that takes the answer's place, or None when the fault strikes inside of it.

    Raises:
        Disconnected, Hung: before any byte of the answer.
    """
    if fault.kind == "error":
        return error_response(fault.status or 500, fault.code, fault.message, request_id, fault.headers)
    if fault.kind == "html":
        return HTMLResponse(_PAGE, fault.status or 200, {**fault.headers, "x-request-id": request_id})
    if fault.after_chunks == 0 and fault.kind == "disconnect":
        raise Disconnected
    if fault.after_chunks == 0 and fault.kind == "hang":
        raise Hung
    return None


async def within(fault: Fault, chunks: Iterator[Chunk], request_id: str) -> AsyncIterator[Chunk]:
    """A stream's chunks up to the fault, then the fault."""
    deltas = 0
    for chunk in chunks:
        if chunk.is_delta and deltas == fault.after_chunks:
            break
        deltas += chunk.is_delta
        yield chunk
    match fault.kind:
        case "disconnect":
            raise Disconnected
        case "hang":
            raise Hung
        case "error_event":
            yield Chunk(event(error_body(fault.status or 500, fault.code, fault.message, request_id)))
        case "bad_json":
            yield Chunk(b'data: {"id": "chatcmpl-broken", "choices": [{"index"\n\n')
        case "drip":
            for chunk in chunks:
                async for byte in _dripped(chunk.data):
                    yield byte


async def within_whole(fault: Fault, body: bytes) -> AsyncIterator[Chunk]:
    """A whole body up to the fault: nothing of it, or half when `after_chunks` is above 0."""
    if fault.kind == "drip":
        async for byte in _dripped(body):
            yield byte
        return
    yield Chunk(body[: len(body) // 2] if fault.after_chunks or fault.kind == "bad_json" else b"")
    if fault.kind == "disconnect":
        raise Disconnected
    if fault.kind == "hang":
        raise Hung


async def _dripped(data: bytes) -> AsyncIterator[Chunk]:
    for byte in data:
        await asyncio.sleep(DRIP_S)
        yield Chunk(bytes([byte]))


def error_response(
    status: int, code: str | None, message: str | None, request_id: str, headers: dict[str, str] | None = None
) -> Response:
    """An error in DashScope's envelope."""
    body = error_body(status, code, message, request_id)
    return JSONResponse(body, status, {**(headers or {}), "x-request-id": request_id})


def error_body(
    status: int, code: str | None, message: str | None, request_id: str, kind: str | None = None
) -> dict[str, Any]:
    """DashScope's error envelope; code and message follow from the status when they are not told."""
    shown = code or _CODES.get(status, "InternalError")
    return {
        "error": {
            "message": message or f"The stand-in was told to fail with {shown}.",
            "type": kind or shown,
            "param": None,
            "code": shown,
        },
        "id": f"chatcmpl-{request_id}",
        "request_id": request_id,
    }


def dumped(document: dict[str, Any]) -> bytes:
    """A body's bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
