"""A relay on the gateway's loop that forwards the bytes of a stream without parsing them."""

import http.client
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from qwen_gateway.runtime import EventStream, StreamingHandler

_provider = http.client.HTTPConnection(urlsplit(os.environ["PROVIDER_URL"]).netloc)


@StreamingHandler
def lambda_handler(event: dict[str, Any], _context: Any) -> EventStream:
    """Relay one chat call."""
    _provider.request("POST", "/chat/completions", event["body"].encode())
    response = _provider.getresponse()

    def pieces() -> Iterator[bytes]:
        while piece := response.read1(65_536):
            yield piece

    return EventStream(response.status, {"content-type": "text/event-stream"}, pieces(), 10.0)
