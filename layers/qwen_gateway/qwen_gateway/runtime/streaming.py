"""What a handler answers with when its answer is to go out while it is made."""

import base64
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

    prelude: dict[str, Any]
    chunks: Iterable[bytes]
    ping: float | None


_IN_PRELUDE = ("statusCode", "headers", "multiValueHeaders", "cookies")


def response_of(answer: ProxyAnswer | EventStream) -> Response:
    """Return what is sent of a handler's answer. Raises ValueError when its body is not the base64 that it says."""
    if isinstance(answer, EventStream):
        prelude = {"statusCode": answer.status, "headers": dict(answer.headers)}
        return Response(prelude, answer.chunks, answer.ping)
    text: str = answer.get("body") or ""
    body = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
    return Response({name: answer[name] for name in _IN_PRELUDE if answer.get(name)}, [body], None)
