"""AWS as replayed responses, and Qwen as a stream with the pace that each call requests, in its own process.

A call sets the pace in a field of its body that the gateway relays unchanged: `"bench": {"chunks", "gap_ms"}`.
"""

import asyncio
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from qwen_gateway_cli.local.sockets import listen
from tools.bench.replay import (
    CHAT,
    STREAM,
    Backends,
    Response,
    build_aws_responses,
    create_api_key,
    record_qwen_responses,
)

_HOST = "127.0.0.1"
DONE = b"data: [DONE]"


class Events(NamedTuple):
    """The events of a recorded stream: the role, one text, and the end."""

    role: bytes
    text: bytes
    end: bytes


def build_request(chunks: int, gap_ms: float) -> dict[str, Any]:
    """Return a request for a stream of `chunks` texts, `gap_ms` milliseconds apart."""
    return {**CHAT, "stream": True, "bench": {"chunks": chunks, "gap_ms": gap_ms}}


def record_events() -> Events:
    """Return the events of a stream of mock Qwen."""
    role, text, *_, finish, usage, done, _ = record_qwen_responses()[STREAM].body.split(b"\n\n")
    return Events(role + b"\n\n", text + b"\n\n", b"\n\n".join((finish, usage, done)) + b"\n\n")


@contextmanager
def run_backends(events: Events) -> Iterator[Backends]:
    """Serve until the end of the block."""
    token, item = create_api_key()
    responses = {name.lower().encode(): response for name, response in build_aws_responses(item).items()}
    with listen(_HOST, 0) as listener:
        server = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(listener, responses, events), daemon=True
        )
        server.start()
        try:
            yield Backends(f"http://{_HOST}:{listener.getsockname()[1]}", token, None)
        finally:
            server.terminate()
            server.join()


def _serve(listener: Any, responses: Mapping[bytes, Response], events: Events) -> None:
    async def handle_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(line.lower().split(b": ", 1) for line in head.strip().split(b"\r\n")[1:])
                body = await reader.readexactly(int(headers[b"content-length"]))
                if target := headers.get(b"x-amz-target"):
                    _send_response(writer, responses[target.rpartition(b".")[2]])
                else:
                    await _send_stream(writer, events, json.loads(body)["bench"])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(handle_connection, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


def _send_response(writer: asyncio.StreamWriter, response: Response) -> None:
    head = b"HTTP/1.1 %d\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % (response.status, response.media_type, len(response.body)) + response.body)


async def _send_stream(writer: asyncio.StreamWriter, events: Events, pace: Mapping[str, float]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(_encode_chunk(events.role))
    for number in range(int(pace["chunks"])):
        if number and pace["gap_ms"]:
            await asyncio.sleep(pace["gap_ms"] / 1000)
        writer.write(_encode_chunk(events.text))
        if not number % 100:
            await writer.drain()
    writer.write(_encode_chunk(events.end) + b"0\r\n\r\n")
    await writer.drain()


def _encode_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
