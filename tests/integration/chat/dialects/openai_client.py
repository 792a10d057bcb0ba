"""The openai package in front of the chat function, without a server between them."""

import json
from collections.abc import Iterator
from typing import cast

import httpx2
from openai import OpenAI

from qwen_gateway.runtime import EventStream
from tests.builders import proxy_event
from tests.integration.chat.conftest import Gateway


class _Body(httpx2.SyncByteStream):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


class _GatewayTransport(httpx2.BaseTransport):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the function's response to a request."""
        event = proxy_event(
            request.method,
            request.url.path,
            body=request.read().decode(),
            headers={name: value for name, value in request.headers.items() if name != "host"},
        )
        response = self._gateway.handle(event)
        if isinstance(response, EventStream):
            return httpx2.Response(response.status, headers=dict(response.headers), stream=_Body(response.chunks))
        return httpx2.Response(
            cast("int", response["statusCode"]), headers=response["headers"], content=response["body"]
        )


def openai_client(gateway: Gateway) -> OpenAI:
    """Return a client at its defaults, but for retries, which would multiply the provider's calls."""
    return OpenAI(
        base_url="http://gateway.test/v1",
        api_key=gateway.token,
        max_retries=0,
        http_client=httpx2.Client(transport=_GatewayTransport(gateway)),
    )


def error_of(body: object) -> tuple[str, str]:
    """Return the code and the message of an error."""
    document = body if isinstance(body, dict) else json.loads(str(body))
    error = document.get("error", document)
    return error["code"], error["message"]
