"""How each kind of fault looks on the wire."""

from collections.abc import Awaitable, Callable
from typing import Any

from qwen_gateway_cli.local.provider.control import Fault
from qwen_gateway_cli.local.provider.delivery import Delivery
from qwen_gateway_cli.local.provider.envelopes import encoded, error_document, event
from qwen_gateway_cli.local.provider.reply import Reply

_DRIP_MS = 200.0
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
_INTERNAL_ERROR = 500
_CODES = {
    400: "invalid_parameter_error",
    401: "InvalidApiKey",
    403: "AccessDenied",
    404: "model_not_found",
    429: "limit_requests",
    503: "ModelUnavailable",
}


def lets_some_through(fault: Fault) -> bool:
    """Whether something of the true answer is sent, so that one is needed to show the fault."""
    return fault.kind not in _AT_ONCE or (fault.kind in _MIDWAY and fault.after_chunks > 0)


async def fail_at_once(delivery: Delivery, fault: Fault) -> None:
    """Show a fault that lets nothing of an answer through."""
    await _AT_ONCE[fault.kind](delivery.with_headers(fault.headers), fault)


async def fail_midway(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    """Show a fault within the answer `reply`."""
    await _MIDWAY[fault.kind](delivery.with_headers(fault.headers), fault, reply)


def _error(delivery: Delivery, fault: Fault) -> dict[str, Any]:
    code = fault.code or _CODES.get(fault.status or _INTERNAL_ERROR, "InternalError")
    message = fault.message or f"The stand-in was told to fail with {code}."
    return error_document(delivery.request_id, {"message": message, "type": code, "param": None, "code": code})


async def _refuse(delivery: Delivery, fault: Fault) -> None:
    await delivery.send_body(fault.status or _INTERNAL_ERROR, "application/json", encoded(_error(delivery, fault)))


async def _show_page(delivery: Delivery, fault: Fault) -> None:
    await delivery.send_body(fault.status or 200, "text/html", _PAGE)


async def _hang(delivery: Delivery, _fault: Fault) -> None:
    await delivery.exchange.hang()


async def _disconnect(delivery: Delivery, _fault: Fault) -> None:
    await delivery.exchange.break_off()


async def _hang_midway(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery.start_up_to(fault.after_chunks, reply)
    await delivery.exchange.hang()


async def _disconnect_midway(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery.start_up_to(fault.after_chunks, reply)
    await delivery.exchange.break_off()


async def _truncate(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery.start_up_to(fault.after_chunks, reply)
    await delivery.exchange.end()


async def _drip(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    sent = await delivery.start_up_to(fault.after_chunks, reply)
    for byte in b"".join(part.data for part in reply.parts[sent:]):
        await delivery.exchange.pause(delivery.gap_ms or _DRIP_MS)
        await delivery.exchange.write(bytes([byte]))
    await delivery.exchange.end()


async def _spoil_json(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery.send(reply.spoiled(fault.after_chunks))


async def _send_error_event(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    error = _error(delivery, fault)
    if not reply.streamed:
        await delivery.send_body(200, "application/json", encoded(error))
        return
    await delivery.start_up_to(fault.after_chunks, reply)
    await delivery.exchange.end(event(error))


_AT_ONCE: dict[str, Callable[[Delivery, Fault], Awaitable[None]]] = {
    "error": _refuse,
    "html": _show_page,
    "hang": _hang,
    "disconnect": _disconnect,
}
_MIDWAY: dict[str, Callable[[Delivery, Fault, Reply], Awaitable[None]]] = {
    "hang": _hang_midway,
    "disconnect": _disconnect_midway,
    "truncate": _truncate,
    "drip": _drip,
    "bad_json": _spoil_json,
    "error_event": _send_error_event,
}
