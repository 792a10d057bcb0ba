"""Keep-alive comments, as the decoders of published clients read them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway.runtime.response_writer import _PING
from tests.builders import encode_chunks, finish, text_chunks
from tests.builders.provider_responses import DONE

CHUNKS = [*text_chunks("Hel", "lo."), finish()]
BODIES = {
    "before the first event": _PING * 3 + encode_chunks(*CHUNKS) + DONE,
    "before every event": b"".join(_PING + encode_chunks(chunk) for chunk in CHUNKS) + _PING + DONE,
    "several in a row": encode_chunks(*CHUNKS[:2]) + _PING * 5 + encode_chunks(*CHUNKS[2:]) + _PING * 2 + DONE,
}

type Decoder = Callable[[bytes], Iterator[str]]


def decode_like_old_openai_go(body: bytes) -> Iterator[str]:
    """Yield the data at each blank line, also if there is none, as openai-go before 3.43 does."""
    data: list[str] = []
    for line in body.decode().split("\n")[:-1]:
        if not line:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))


def decode_blocks(body: bytes) -> Iterator[str]:
    """Split at blank lines, and parse the fields of each block."""
    for block in body.decode().split("\n\n"):
        if block:
            fields = [line.partition(": ") for line in block.split("\n")]
            yield "\n".join(value for name, _, value in fields if name == "data")


def decode_like_browsers(body: bytes) -> Iterator[str]:
    """Follow the rules of the HTML standard for event streams."""
    data: list[str] = []
    for line in body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("decode", [decode_like_old_openai_go, decode_blocks, decode_like_browsers])
def test_a_decoder_passes_over_pings(decode: Decoder, body: bytes) -> None:
    *events, done = decode(body)

    assert [json.loads(data) for data in events] == CHUNKS
    assert done == "[DONE]"


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_openai_package_passes_over_pings(body: bytes) -> None:
    def respond(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    http = httpx2.Client(transport=httpx2.MockTransport(respond))
    client = openai.OpenAI(base_url="http://gateway.test/v1", api_key="-", http_client=http)
    messages: Any = [{"role": "user", "content": "Say hello."}]

    read = list(client.chat.completions.create(model="qwen-plus", messages=messages, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in read) == "Hello."
    assert len(read) == len(CHUNKS)
