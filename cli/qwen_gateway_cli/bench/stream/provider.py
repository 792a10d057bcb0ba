"""AWS as replayed answers, and Qwen as a stream at the pace that each call asks for, in a process of its own.

A call sets its pace in a field of its body that the gateway relays unchanged: `"bench": {"chunks", "gap_ms"}`.
"""

import asyncio
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from qwen_gateway_cli.bench.replay import CHAT, STREAM, Backends, api_key, of_aws, of_qwen
from qwen_gateway_cli.local.sockets import listen

_HOST = "127.0.0.1"
DONE = b"data: [DONE]"


class Events(NamedTuple):
    """The events of a recorded answer: its role, one of its texts, and its end."""

    role: bytes
    text: bytes
    end: bytes


def asked(chunks: int, gap_ms: float) -> dict[str, Any]:
    """Return a request for a stream of so many texts, so far apart."""
    return {**CHAT, "stream": True, "bench": {"chunks": chunks, "gap_ms": gap_ms}}


def recorded() -> Events:
    """Record a response of mock Qwen."""
    role, text, *_, finish, usage, done, _ = of_qwen()[STREAM].body.split(b"\n\n")
    return Events(role + b"\n\n", text + b"\n\n", b"\n\n".join((finish, usage, done)) + b"\n\n")


@contextmanager
def run_backends(events: Events) -> Iterator[Backends]:
    """Serve until the end of the block."""
    token, item = api_key()
    answers = {name: answer.body for name, answer in of_aws(item).items()}
    with listen(_HOST, 0) as listener:
        server = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(listener, answers, events), daemon=True
        )
        server.start()
        try:
            yield Backends(f"http://{_HOST}:{listener.getsockname()[1]}", token, None)
        finally:
            server.terminate()
            server.join()


def _serve(listener: Any, answers: Mapping[str, bytes], events: Events) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(line.lower().split(b": ", 1) for line in head.strip().split(b"\r\n")[1:])
                body = await reader.readexactly(int(headers[b"content-length"]))
                if target := headers.get(b"x-amz-target"):
                    _answer(writer, answers[_operation(target, answers)])
                else:
                    await _stream(writer, events, json.loads(body)["bench"])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(connected, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


def _operation(target: bytes, answers: Mapping[str, bytes]) -> str:
    asked_for = target.decode().rpartition(".")[2]
    return next(name for name in answers if name.lower() == asked_for)


def _answer(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
    writer.write(head + body)


async def _stream(writer: asyncio.StreamWriter, events: Events, pace: Mapping[str, float]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(_chunk(events.role))
    for number in range(int(pace["chunks"])):
        if number and pace["gap_ms"]:
            await asyncio.sleep(pace["gap_ms"] / 1000)
        writer.write(_chunk(events.text))
        if not number % 100:
            await writer.drain()
    writer.write(_chunk(events.end) + b"0\r\n\r\n")
    await writer.drain()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
