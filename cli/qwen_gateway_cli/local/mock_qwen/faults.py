"""The faults on the wire, one function each."""

from collections.abc import Awaitable, Callable
from typing import Any

from qwen_gateway_cli.local.mock_qwen.connection import ResponseWriter
from qwen_gateway_cli.local.mock_qwen.control import Fault
from qwen_gateway_cli.local.mock_qwen.responses import ResponseBody, encode_json

_DRIP_MS = 200.0
_HTML = b"<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
_INTERNAL_ERROR = 500


def has_partial_response(fault: Fault) -> bool:
    """Return whether the fault sends a part of the real response first."""
    return fault.kind not in _IMMEDIATE or (fault.kind in _PARTIAL and fault.after_chunks > 0)


async def send_immediate_fault(writer: ResponseWriter, fault: Fault) -> None:
    """Send a fault without any part of the real response."""
    await _IMMEDIATE[fault.kind](writer.with_headers(fault.headers), fault)


async def send_partial_fault(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    """Send a fault within the real response."""
    await _PARTIAL[fault.kind](writer.with_headers(fault.headers), fault, body)


def _build_error(writer: ResponseWriter, fault: Fault) -> dict[str, Any]:
    return writer.errors.build_fault(writer.request_id, fault.status, fault.code, fault.message)


async def _send_error(writer: ResponseWriter, fault: Fault) -> None:
    body = encode_json(_build_error(writer, fault))
    await writer.send_whole(fault.status or _INTERNAL_ERROR, "application/json", body)


async def _send_html(writer: ResponseWriter, fault: Fault) -> None:
    await writer.send_whole(fault.status or 200, "text/html", _HTML)


async def _hang(writer: ResponseWriter, _fault: Fault) -> None:
    await writer.exchange.hang()


async def _disconnect(writer: ResponseWriter, _fault: Fault) -> None:
    await writer.exchange.disconnect()


async def _hang_after_deltas(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    await writer.send_first_deltas(fault.after_chunks, body)
    await writer.exchange.hang()


async def _disconnect_after_deltas(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    await writer.send_first_deltas(fault.after_chunks, body)
    await writer.exchange.disconnect()


async def _truncate(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    await writer.send_first_deltas(fault.after_chunks, body)
    await writer.exchange.end()


async def _drip(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    sent = await writer.send_first_deltas(fault.after_chunks, body)
    for byte in b"".join(part.data for part in body.parts[sent:]):
        await writer.exchange.sleep(writer.gap_ms or _DRIP_MS)
        await writer.exchange.write(bytes([byte]))
    await writer.exchange.end()


async def _send_bad_json(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    await writer.send(body.with_broken_json(fault.after_chunks))


async def _send_error_event(writer: ResponseWriter, fault: Fault, body: ResponseBody) -> None:
    error = _build_error(writer, fault)
    if not body.streamed:
        await writer.send_whole(200, "application/json", encode_json(error))
        return
    await writer.send_first_deltas(fault.after_chunks, body)
    await writer.exchange.end(writer.errors.encode_event(error))


_IMMEDIATE: dict[str, Callable[[ResponseWriter, Fault], Awaitable[None]]] = {
    "error": _send_error,
    "html": _send_html,
    "hang": _hang,
    "disconnect": _disconnect,
}
_PARTIAL: dict[str, Callable[[ResponseWriter, Fault, ResponseBody], Awaitable[None]]] = {
    "hang": _hang_after_deltas,
    "disconnect": _disconnect_after_deltas,
    "truncate": _truncate,
    "drip": _drip,
    "bad_json": _send_bad_json,
    "error_event": _send_error_event,
}
