"""Responses that a handler may return, and the decorator for handlers that stream them."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from qwen_gateway.runtime.support import check_loop

type ProxyResponse = dict[str, Any]
"""A buffered response in the format of a Lambda proxy integration."""


class EventStream(NamedTuple):
    """A response whose body is sent while it is produced: server-sent events, or another body in parts.

    Each of `chunks` is sent as soon as it is produced; chunks of events contain complete ones. After `ping` seconds
    without a chunk a comment is sent between two chunks; None sends none, because only a stream of events may have
    comments. `chunks` is read to the end, also after the client disconnected.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    ping: float | None


class StreamingHandler:
    """A decorator for a handler whose responses are all sent in Lambda's streaming mode, buffered ones included.

    A runtime that cannot stream calls it like any other handler and gets the complete response. On Lambda, where API
    Gateway expects a stream, the decorator raises RuntimeUnsupported unless the loop of this package runs.
    """

    def __init__(self, function: Callable[[Any, Any], ProxyResponse | EventStream]) -> None:
        check_loop()
        self.function = function
        """The decorated handler. It may return a stream that is not read yet."""

    def __call__(self, event: Any, context: Any) -> ProxyResponse:
        """Return the complete response."""
        response = self.function(event, context)
        return _read_all(response) if isinstance(response, EventStream) else response


def _read_all(stream: EventStream) -> ProxyResponse:
    body = b"".join(stream.chunks).decode()
    return {"statusCode": stream.status, "headers": dict(stream.headers), "body": body}


class StreamedResponse(NamedTuple):
    """A response of either kind in the form that streaming mode sends."""

    prelude: bytes
    """Status and headers as JSON."""
    chunks: Iterable[bytes]
    ping_s: float | None
    """Seconds without a chunk after which a comment is sent; None sends none."""

    @classmethod
    def of(cls, response: ProxyResponse | EventStream) -> "StreamedResponse":
        """Convert what a handler returned.

        Raises:
            KeyError: it has no statusCode.
            ValueError: its headers cannot be written as JSON, or its body is not valid base64.
            TypeError: its headers cannot be written as JSON.
        """
        if isinstance(response, EventStream):
            prelude = _encode_prelude({"statusCode": response.status, "headers": response.headers})
            return cls(prelude, response.chunks, response.ping)
        text: str = response.get("body") or ""
        # Half a surrogate pair has no UTF-8 encoding; API Gateway replaces it too.
        is_base64 = response.get("isBase64Encoded")
        body = base64.b64decode(text, validate=True) if is_base64 else text.encode(errors="replace")
        return cls(_encode_prelude(response), [body], None)


def _encode_prelude(response: ProxyResponse) -> bytes:
    single: dict[str, Any] = {}
    repeated: dict[str, Any] = {**(response.get("multiValueHeaders") or {})}
    for name, value in (response.get("headers") or {}).items():
        # API Gateway answers 502 to a list in `headers`.
        (repeated if isinstance(value, list) else single)[name] = value
    prelude = {"statusCode": response["statusCode"], "headers": single}
    optional = {"multiValueHeaders": repeated, "cookies": response.get("cookies")}
    return json.dumps(prelude | {name: value for name, value in optional.items() if value}, allow_nan=False).encode(
        "ascii"
    )
