"""What a handler answers with when its answer is to go out while it is made."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

type ProxyAnswer = dict[str, Any]
"""A whole answer, as a Lambda proxy integration wants it."""


class EventStream(NamedTuple):
    """An answer of server-sent events.

    Each of `chunks` is sent as it comes, and holds whole events, because after `ping` seconds without one a comment is
    sent between them. They are read to their end, also when nobody listens any more.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    ping: float


class Streaming:
    """A handler, as a decorator, whose answers all go out in Lambda's streaming mode, the whole ones too.

    Called as any other handler, which is what loops do that know no streams, it gives the whole answer at the end.
    """

    def __init__(self, handler: Callable[[Any, Any], ProxyAnswer | EventStream]) -> None:
        self.begin = handler
        """The handler itself: its answer may be a stream that is still to be read."""

    def __call__(self, event: Any, context: Any) -> ProxyAnswer:
        """Answer a call whole."""
        answer = self.begin(event, context)
        return _whole(answer) if isinstance(answer, EventStream) else answer


def _whole(stream: EventStream) -> ProxyAnswer:
    body = b"".join(stream.chunks).decode()
    return {"statusCode": stream.status, "headers": dict(stream.headers), "body": body}


class Response(NamedTuple):
    """An answer of either kind, as it is sent in streaming mode."""

    head: bytes
    """Status and headers as JSON."""
    chunks: Iterable[bytes]
    ping: float | None


def response_of(answer: ProxyAnswer | EventStream) -> Response:
    """Return what is sent of a handler's answer.

    Raises:
        KeyError: it has no statusCode.
        ValueError: its head is no JSON, or its body not the base64 that it says.
        TypeError: its head is no JSON.
    """
    if isinstance(answer, EventStream):
        return Response(_head({"statusCode": answer.status, "headers": answer.headers}), answer.chunks, answer.ping)
    text: str = answer.get("body") or ""
    # Half a surrogate pair has no bytes; API Gateway would replace it too.
    body = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode(errors="replace")
    return Response(_head(answer), [body], None)


def _head(answer: ProxyAnswer) -> bytes:
    single: dict[str, Any] = {}
    repeated: dict[str, Any] = {**(answer.get("multiValueHeaders") or {})}
    for name, value in (answer.get("headers") or {}).items():
        # API Gateway answers 502 to an array among the single ones.
        (repeated if isinstance(value, list) else single)[name] = value
    head = {"statusCode": answer["statusCode"], "headers": single}
    more = {"multiValueHeaders": repeated, "cookies": answer.get("cookies")}
    return json.dumps(head | {name: value for name, value in more.items() if value}, allow_nan=False).encode("ascii")
