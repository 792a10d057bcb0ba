"""Streams with real clients: incremental texts, usage, tools, failures, disconnects."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.builders import chat_request
from tests.stack.clients.bodies import function
from tests.stack.clients.conftest import Records
from tests.stack.clients.openai_clients import Driver
from tests.stack.clients.stream_readers import AsyncPythonReader, NodeReader, PythonReader, Reader
from tests.stack.repository import Repository, read_environment, wait_until

type WaitForRecord = Callable[[], dict[str, Any]]

CUTS = ["truncate", "disconnect", "bad_json", "error_event"]
GAP_MS = 250
LONGER_THAN_A_PING_MS = 12_000
AT_LEAST_S = 1.7
"""Duration of ten texts 200 ms apart; the real gap is longer, for clients that read the first one late."""
DELIVERY_S = 2
"""Time for a chunk from the provider to the client on a slow machine."""


@pytest.fixture
def wait_for_record(records: Records) -> WaitForRecord:
    """Return a function that waits for the one new record, which is final after the last event."""
    before = {record["sk"]["S"] for record in records()}

    def list_new() -> list[dict[str, Any]]:
        return [record for record in records() if record["sk"]["S"] not in before]

    def wait() -> dict[str, Any]:
        wait_until(lambda: [record["state"]["S"] != "open" for record in list_new()] == [True])
        (record,) = list_new()
        return {name: next(iter(value.values())) for name, value in record.items()}

    return wait


def test_texts_arrive_incrementally(reader: Reader, provider: httpx2.Client, wait_for_record: WaitForRecord) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": GAP_MS})

    read = reader.read(**chat_request())

    assert "You said: Say hello." in read.text
    assert (read.finish, read.failure) == ("stop", None)
    assert len(read.texts) == 10
    assert read.texts[-1][0] - read.texts[0][0] >= AT_LEAST_S
    record = wait_for_record()
    assert (record["outcome"], record["status"], record["streamed"]) == ("answered", "200", True)


@pytest.mark.thorough  # it waits for a ping of production
def test_openai_clients_pass_over_pings(stack: dict[str, Any], driver: Driver, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"chunks": 2, "chunk_gap_ms": LONGER_THAN_A_PING_MS})
    # The driver of the Node clients makes one call at a time.
    readers: list[Reader] = [PythonReader(stack), AsyncPythonReader(stack), NodeReader(stack, driver)]

    with ThreadPoolExecutor(len(readers)) as pool:
        results = list(pool.map(lambda reader: reader.read(**chat_request()), readers))

    for read in results:
        assert "You said: Say hello." in read.text
        assert (read.finish, read.failure) == ("stop", None)


def test_usage_is_sent_on_request(reader: Reader, provider: httpx2.Client, wait_for_record: WaitForRecord) -> None:
    provider.put("/_control", json={"prompt_tokens": 40, "completion_tokens": 9})

    read = reader.read(**chat_request(stream_options={"include_usage": True}))

    assert read.usage
    assert read.usage["total_tokens"] == 49
    assert (wait_for_record()["tokens_in"], wait_for_record()["tokens_out"]) == ("40", "9")


def test_usage_is_recorded_but_not_sent_without_request(
    reader: Reader, provider: httpx2.Client, wait_for_record: WaitForRecord
) -> None:
    provider.put("/_control", json={"prompt_tokens": 40, "completion_tokens": 9})

    assert reader.read(**chat_request()).usage is None
    assert (wait_for_record()["tokens_in"], wait_for_record()["tokens_out"]) == ("40", "9")


def test_a_tool_call_is_assembled(reader: Reader) -> None:
    read = reader.read(**chat_request(tools=[function()]))

    ((name, arguments),) = read.calls
    assert (name, arguments.keys()) == ("weather", {"city"})
    assert read.finish == "tool_calls"


def test_reasoning_is_streamed_beside_the_text(reader: Reader, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"reasoning_tokens": 5})

    read = reader.read(**chat_request())

    assert "does not think" in read.thoughts
    assert "You said" in read.text


@pytest.mark.parametrize("kind", CUTS)
def test_a_late_failure_raises_an_error_with_its_cause(
    reader: Reader, provider: httpx2.Client, wait_for_record: WaitForRecord, kind: str
) -> None:
    provider.put("/_control", json={"faults": [{"kind": kind, "after_chunks": 2, "times": 9}]})

    read = reader.read(**chat_request())

    assert read.text
    assert read.failure
    assert "dashscope" in str(read.failure)
    assert "qwen-plus" in str(read.failure)
    record = wait_for_record()
    assert record["status"] == "200"
    assert record["outcome"] == (read.failure.code or record["outcome"]) != "answered"


def test_a_disconnected_client_leaves_one_record_with_the_full_usage(
    reader: Reader, provider: httpx2.Client, wait_for_record: WaitForRecord
) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": 100, "prompt_tokens": 40, "completion_tokens": 9})

    read = reader.read(stop_after=2, **chat_request())

    assert len(read.texts) == 2
    record = wait_for_record()
    assert (record["outcome"], record["tokens_in"], record["tokens_out"]) == ("answered", "40", "9")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a function's process is found by /proc")
def test_a_killed_function_breaks_the_connection_and_leaves_an_open_record(
    reader: Reader, repository: Repository, provider: httpx2.Client, records: Records
) -> None:
    before = {record["sk"]["S"] for record in records()}
    provider.put("/_control", json={"faults": [{"kind": "hang", "after_chunks": 2}]})

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.read, **chat_request())
        wait_until(lambda: bool(provider.get("/_control").json()["calls"]))
        time.sleep(DELIVERY_S)
        kill_chat(repository)
        read = reading.result()

    assert read.text
    assert read.failure
    assert read.finish is None
    assert reader.read(**chat_request()).finish == "stop"

    def states() -> list[str]:
        return sorted(record["state"]["S"] for record in records() if record["sk"]["S"] not in before)

    wait_until(lambda: states() == ["open", "settled"])


def kill_chat(repository: Repository) -> None:
    mark = b"_HANDLER=chat.handler.lambda_handler"
    killed = [number for number in repository.list_processes() if mark in read_environment(Path("/proc") / str(number))]
    assert killed
    for number in killed:
        os.kill(number, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_receives_texts_incrementally(stack: dict[str, Any], provider: httpx2.Client) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": GAP_MS})
    command = ["curl", "-sN", f"{stack['base_url']}/chat/completions", "-d", json.dumps(chat_request(stream=True))]
    headers = ["-H", f"Authorization: Bearer {stack['api_key']}", "-H", "Content-Type: application/json"]

    with subprocess.Popen([*command, *headers], stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout
        lines = [(time.monotonic(), line) for line in curl.stdout if line != "\n"]

    texts = [at for at, line in lines if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"]]
    assert texts[-1] - texts[0] >= AT_LEAST_S
    assert lines[-1][1] == "data: [DONE]\n"
