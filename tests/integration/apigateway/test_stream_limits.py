"""Total and idle timeout of streams, and chunk boundaries, at the ASGI interface."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli.local.apigateway import streaming
from qwen_gateway_cli.local.apigateway.gateway import Gateway
from tests.integration.apigateway.raw_function import DELIMITER, HEAD, order, raw_function_settings
from tests.integration.apigateway.scripted_function import wait_until

type Message = dict[str, Any]
BROKEN_OFF = "Raw: its stream exceeded API Gateway's total or idle timeout"
END = {"type": "http.response.body", "body": b"", "more_body": False}


async def ask(gateway: Gateway, body: str) -> list[Message]:
    """Return the ASGI messages that the gateway sends."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/stream",
        "raw_path": b"/v1/stream",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await gateway(scope, receive, send)
    return messages


def with_gateway[T](
    folder: Path, script: Callable[[Gateway], Coroutine[Any, Any, T]], timeout_ms: int | None = None
) -> T:
    async def run() -> T:
        gateway = Gateway(raw_function_settings(folder, timeout_ms=timeout_ms))
        try:
            return await script(gateway)
        finally:
            await gateway.close()

    return asyncio.run(run())


def pieces(messages: list[Message]) -> list[bytes]:
    return [message["body"] for message in messages[1:]]


def pid(messages: list[Message]) -> bytes:
    return dict(messages[0]["headers"])[b"x-pid"]


def test_chunks_that_arrive_together_stay_separate(tmp_path: Path) -> None:
    sent = order(("together", ["{}" + DELIMITER, "one", "two", "three"]))

    messages = with_gateway(tmp_path, lambda gateway: ask(gateway, sent))

    assert pieces(messages) == [b"one", b"two", b"three", b""]
    assert messages[-1] == END


def test_a_stream_that_pauses_too_long_is_closed_and_the_function_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "IDLE_TIMEOUT_S", 0.3)

    async def script(gateway: Gateway) -> tuple[list[Message], list[Message]]:
        quiet = await ask(gateway, order(HEAD, ("send", "one"), ("await", "go"), ("fill", 20), ("tell", "ended")))
        (tmp_path / "go").touch()
        await asyncio.to_thread(wait_until, (tmp_path / "ended").exists)
        return quiet, await ask(gateway, order(HEAD))

    with caplog.at_level(logging.ERROR):
        quiet, following = with_gateway(tmp_path, script)

    assert pieces(quiet) == [b"one"]
    assert END not in quiet
    assert END in following
    assert BROKEN_OFF in caplog.text


def test_only_the_time_between_two_pieces_counts_as_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "IDLE_TIMEOUT_S", 1.0)
    steady = order(("pause", 1.2), HEAD, *[("pause", 0.3), ("send", "one")] * 4)

    messages = with_gateway(tmp_path, lambda gateway: ask(gateway, steady))

    assert pieces(messages) == [b"one"] * 4 + [b""]


def test_a_stream_that_takes_too_long_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    endless = order(HEAD, *[("send", "one"), ("pause", 0.1)] * 300)

    with caplog.at_level(logging.ERROR):
        messages = with_gateway(tmp_path, lambda gateway: ask(gateway, endless), timeout_ms=2000)

    assert messages[0]["status"] == 200
    assert set(pieces(messages)) == {b"one"}
    assert END not in messages
    assert BROKEN_OFF in caplog.text


def test_a_stream_that_does_not_begin_in_time_is_a_gateway_timeout(tmp_path: Path) -> None:
    late = order(("await", "go"), HEAD, ("fill", 20), ("tell", "ended"))

    async def script(gateway: Gateway) -> list[Message]:
        messages = await ask(gateway, late)
        (tmp_path / "go").touch()
        await asyncio.to_thread(wait_until, (tmp_path / "ended").exists)
        return messages

    assert with_gateway(tmp_path, script, timeout_ms=1000)[0]["status"] == 504
