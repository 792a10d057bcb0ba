"""What clients make of streams: texts as they come, usage, tools, failures; and what a client that leaves leaves."""

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
from tests.stack.clients.stream_readers import Reader
from tests.stack.repository import Repository, read_environment, wait_until

type NewRecord = Callable[[], dict[str, Any]]

CUTS = ["truncate", "disconnect", "bad_json", "error_event"]
GAP_MS = 250
AT_LEAST_S = 1.7
"""What ten texts take that come 200 ms apart; they come a little slower, for clients that are late for the first."""
ON_ITS_WAY_S = 2
"""From the provider to the client, on a slow machine."""


@pytest.fixture
def new_record(records: Records) -> NewRecord:
    """Return a function that waits for the one record more than there was: clients have their last event before it."""
    before = {record["sk"]["S"] for record in records()}

    def new() -> list[dict[str, Any]]:
        return [record for record in records() if record["sk"]["S"] not in before]

    def only() -> dict[str, Any]:
        wait_until(lambda: bool(new()))
        (record,) = new()
        return {name: next(iter(value.values())) for name, value in record.items()}

    return only


def test_texts_come_as_they_are_made(reader: Reader, provider: httpx2.Client, new_record: NewRecord) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": GAP_MS})

    read = reader.read(**chat_request())

    assert "You said: Say hello." in read.text
    assert (read.finish, read.failure) == ("stop", None)
    assert len(read.texts) == 10
    assert read.texts[-1][0] - read.texts[0][0] >= AT_LEAST_S
    record = new_record()
    assert (record["outcome"], record["status"], record["streamed"]) == ("answered", "200", True)


def test_the_usage_is_told_to_who_asks(reader: Reader, provider: httpx2.Client, new_record: NewRecord) -> None:
    provider.put("/_control", json={"prompt_tokens": 40, "completion_tokens": 9})

    read = reader.read(**chat_request(stream_options={"include_usage": True}))

    assert read.usage
    assert read.usage["total_tokens"] == 49
    assert (new_record()["tokens_in"], new_record()["tokens_out"]) == ("40", "9")


def test_the_usage_is_recorded_and_told_to_nobody_who_did_not_ask(
    reader: Reader, provider: httpx2.Client, new_record: NewRecord
) -> None:
    provider.put("/_control", json={"prompt_tokens": 40, "completion_tokens": 9})

    assert reader.read(**chat_request()).usage is None
    assert (new_record()["tokens_in"], new_record()["tokens_out"]) == ("40", "9")


def test_a_tool_call_is_put_together(reader: Reader) -> None:
    read = reader.read(**chat_request(tools=[function()]))

    ((name, arguments),) = read.calls
    assert (name, arguments.keys()) == ("weather", {"city"})
    assert read.finish == "tool_calls"


def test_thoughts_come_beside_the_text(reader: Reader, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"reasoning_tokens": 5})

    read = reader.read(**chat_request())

    assert "does not think" in read.thoughts
    assert "You said" in read.text


@pytest.mark.parametrize("kind", CUTS)
def test_a_late_failure_is_an_error_with_its_cause(
    reader: Reader, provider: httpx2.Client, new_record: NewRecord, kind: str
) -> None:
    provider.put("/_control", json={"faults": [{"kind": kind, "after_chunks": 2, "times": 9}]})

    read = reader.read(**chat_request())

    assert read.text
    assert read.failure
    assert "dashscope" in str(read.failure)
    assert "qwen-plus" in str(read.failure)
    record = new_record()
    assert record["status"] == "200"
    assert record["outcome"] == (read.failure.code or record["outcome"]) != "answered"


def test_who_leaves_leaves_one_record_with_all_that_the_provider_counts(
    reader: Reader, provider: httpx2.Client, new_record: NewRecord
) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": 100, "prompt_tokens": 40, "completion_tokens": 9})

    read = reader.read(enough=2, **chat_request())

    assert len(read.texts) == 2
    record = new_record()
    assert (record["outcome"], record["tokens_in"], record["tokens_out"]) == ("answered", "40", "9")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a function's process is found by /proc")
def test_a_killed_function_is_a_broken_connection_and_leaves_no_record(
    reader: Reader, repository: Repository, provider: httpx2.Client, records: Records
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"kind": "hang", "after_chunks": 2}]})

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.read, **chat_request())
        wait_until(lambda: bool(provider.get("/_control").json()["calls"]))
        time.sleep(ON_ITS_WAY_S)
        kill_chat(repository)
        read = reading.result()

    assert read.text
    assert read.failure
    assert read.finish is None
    assert reader.read(**chat_request()).finish == "stop"
    wait_until(lambda: len(records()) > before)
    assert len(records()) == before + 1, "the killed call left a record"


def kill_chat(repository: Repository) -> None:
    mark = b"_HANDLER=chat.handler.lambda_handler"
    killed = [number for number in repository.processes() if mark in read_environment(Path("/proc") / str(number))]
    assert killed
    for number in killed:
        os.kill(number, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_shows_texts_as_they_come(stack: dict[str, Any], provider: httpx2.Client) -> None:
    provider.put("/_control", json={"chunks": 10, "chunk_gap_ms": GAP_MS})
    command = ["curl", "-sN", f"{stack['base_url']}/chat/completions", "-d", json.dumps(chat_request(stream=True))]
    headers = ["-H", f"Authorization: Bearer {stack['api_key']}", "-H", "Content-Type: application/json"]

    with subprocess.Popen([*command, *headers], stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout
        lines = [(time.monotonic(), line) for line in curl.stdout if line != "\n"]

    texts = [at for at, line in lines if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"]]
    assert texts[-1] - texts[0] >= AT_LEAST_S
    assert lines[-1][1] == "data: [DONE]\n"
