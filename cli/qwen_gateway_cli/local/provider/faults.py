"""How each kind of fault looks on the wire."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from qwen_gateway_cli.local.provider.connection import Exchange
from qwen_gateway_cli.local.provider.control import Fault
from qwen_gateway_cli.local.provider.envelopes import encoded, error_document, event
from qwen_gateway_cli.local.provider.reply import Reply

DRIP_MS = 200.0
"""Pause between two bytes of a dripping body when `chunk_gap_ms` sets none."""

PAGE = b"<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
CODES = {
    400: "invalid_parameter_error",
    401: "InvalidApiKey",
    403: "AccessDenied",
    404: "model_not_found",
    429: "limit_requests",
    503: "ModelUnavailable",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends one reply, at the pace that the control document sets; headers go with every answer, also a faulty one."""

    exchange: Exchange
    headers: dict[str, str]
    request_id: str
    gap_ms: float

    async def send(self, reply: Reply) -> None:
        """Send `reply` as it is."""
        if reply.streamed:
            await self._start(200, reply.content_type)
            await self._pour(reply, 0, len(reply.parts))
            await self.exchange.end()
        else:
            await self.send_body(200, reply.content_type, reply.body)

    async def send_body(self, status: int, content_type: str, body: bytes) -> None:
        """Send a whole body with its length."""
        length = {"content-length": str(len(body))}
        await self.exchange.start(status, {"content-type": content_type, **length, **self.headers})
        await self.exchange.end(body)

    async def fail(self, fault: Fault, reply: Reply | None) -> None:
        """Show `fault`. A reply is needed for every fault that lets some of an answer through (`needs_reply`)."""
        faulty = replace(self, headers={**self.headers, **{name.lower(): text for name, text in fault.headers.items()}})
        if reply is None:
            await _WITHOUT_REPLY[fault.kind](faulty, fault)
        else:
            await _WITH_REPLY[fault.kind](faulty, fault, reply)

    async def _start(self, status: int, content_type: str) -> None:
        await self.exchange.start(status, {"content-type": content_type, **self.headers})

    async def _start_up_to(self, deltas: int, reply: Reply) -> int:
        """Send the headers and the parts up to so many deltas; return the number of parts sent."""
        await self._start(200, reply.content_type)
        sent = reply.cut(deltas)
        await self._pour(reply, 0, sent)
        return sent

    async def _pour(self, reply: Reply, first: int, end: int) -> None:
        """Send some of the parts, with a gap before each delta but the first."""
        gap_due = any(part.is_delta for part in reply.parts[:first])
        for part in reply.parts[first:end]:
            if part.is_delta and gap_due:
                await self.exchange.pause(self.gap_ms)
            gap_due = gap_due or part.is_delta
            await self.exchange.write(part.data)


def needs_reply(fault: Fault) -> bool:
    """Whether `fault` lets something of an answer through."""
    return fault.kind not in _WITHOUT_REPLY or (fault.kind in _WITH_REPLY and fault.after_chunks > 0)


def _error(delivery: Delivery, fault: Fault) -> bytes:
    code = fault.code or CODES.get(fault.status or 500, "InternalError")
    message = fault.message or f"The stand-in was told to fail with {code}."
    return encoded(error_document(delivery.request_id, {"message": message, "type": code, "param": None, "code": code}))


async def _refuse(delivery: Delivery, fault: Fault) -> None:
    await delivery.send_body(fault.status or 500, "application/json", _error(delivery, fault))


async def _show_page(delivery: Delivery, fault: Fault) -> None:
    await delivery.send_body(fault.status or 200, "text/html", PAGE)


async def _hang_silently(delivery: Delivery, fault: Fault) -> None:
    await delivery.exchange.hang()


async def _hang_up(delivery: Delivery, fault: Fault) -> None:
    await delivery.exchange.break_off()


async def _hang_midway(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery._start_up_to(fault.after_chunks, reply)
    await delivery.exchange.hang()


async def _hang_up_midway(delivery: Delivery, fault: Fault, reply: Reply) -> None:
    await delivery._start_up_to(fault.after_chunks, reply)
    await delivery.exchange.break_off()
