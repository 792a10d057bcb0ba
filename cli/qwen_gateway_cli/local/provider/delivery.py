"""Sends a reply over an exchange, at the pace that the control document sets."""

from dataclasses import dataclass, replace

from qwen_gateway_cli.local.provider.connection import Exchange
from qwen_gateway_cli.local.provider.reply import Reply


@dataclass(frozen=True, slots=True)
class Delivery:
    """Answers one exchange. `headers` go with every answer; `gap_ms` is the pause between two deltas."""

    exchange: Exchange
    request_id: str
    headers: dict[str, str]
    gap_ms: float

    def with_headers(self, more: dict[str, str]) -> "Delivery":
        """Return the same delivery with `more` headers, which win over its own."""
        return replace(self, headers={**self.headers, **{name.lower(): value for name, value in more.items()}})

    async def send(self, reply: Reply) -> None:
        """Send the reply: a stream event by event, a whole answer at once and with its length."""
        if reply.streamed:
            await self.start(reply)
            await self.pour(reply, 0, len(reply.parts))
            await self.exchange.end()
        else:
            await self.send_body(200, reply.content_type, reply.body)

    async def send_body(self, status: int, content_type: str, body: bytes) -> None:
        """Send a whole body with its length."""
        headers = {"content-type": content_type, "content-length": str(len(body)), **self.headers}
        await self.exchange.start(status, headers)
        await self.exchange.end(body)

    async def start(self, reply: Reply) -> None:
        """Send the headers of a body that comes in parts."""
        await self.exchange.start(200, {"content-type": reply.content_type, **self.headers})

    async def start_up_to(self, deltas: int, reply: Reply) -> int:
        """Send the headers and the parts up to so many deltas; return how many parts that were."""
        await self.start(reply)
        sent = reply.cut(deltas)
        await self.pour(reply, 0, sent)
        return sent

    async def pour(self, reply: Reply, first: int, end: int) -> None:
        """Send the parts from `first` up to `end`, with a pause before each delta but the reply's first."""
        gap_due = any(part.is_delta for part in reply.parts[:first])
        for part in reply.parts[first:end]:
            if part.is_delta and gap_due:
                await self.exchange.pause(self.gap_ms)
            gap_due = gap_due or part.is_delta
            await self.exchange.write(part.data)
