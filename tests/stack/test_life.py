"""The life of the local stack, as its operator sees it."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.stack.conftest import COMMAND, ROOT, qwen_gateway

FIELDS = {
    "base_url",
    "api_key",
    "provider_url",
    "aws_endpoint_url",
    "rest_api_url",
    "stack_name",
    "keys_table",
    "usage_table",
    "pids",
}


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_stack_file_says_where_everything_is(stack: dict[str, Any]) -> None:
    assert set(stack) == FIELDS
    assert stack["base_url"].endswith("/v1")
    assert all(lives(pid) for pid in stack["pids"].values())
    assert (ROOT / ".local/stack.json").stat().st_mode & 0o077 == 0


def test_a_second_stack_is_refused_and_names_the_first(stack: dict[str, Any]) -> None:
    second = qwen_gateway("up", "--detach")

    assert second.returncode == 1
    assert stack["base_url"] in second.stderr
    assert "Traceback" not in second.stderr


def test_keys_are_made_and_revoked_on_the_running_stack(stack: dict[str, Any]) -> None:
    made = json.loads(qwen_gateway("keys", "create", "--name", "test", "--json").stdout)
    headers = {"authorization": f"Bearer {made['token']}"}
    assert httpx2.get(f"{stack['base_url']}/models", headers=headers).status_code == 200

    assert qwen_gateway("keys", "revoke", made["id"]).returncode == 0

    refused = httpx2.get(f"{stack['base_url']}/models", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "revoked_api_key")


def test_a_limit_that_is_not_enforced_yet_is_refused(stack: dict[str, Any]) -> None:
    refused = qwen_gateway("keys", "create", "--name", "test", "--budget", "1.50")

    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


def test_the_token_stands_in_no_log(stack: dict[str, Any]) -> None:
    for log in (ROOT / ".local/logs").glob("*.log"):
        assert stack["api_key"] not in log.read_text(errors="replace"), log.name


# The tests below end the shared stack or need that none runs: they come last.


def test_without_its_database_a_call_gets_a_clear_503(stack: dict[str, Any]) -> None:
    os.kill(stack["pids"]["ministack"], signal.SIGKILL)

    answer = httpx2.post(
        f"{stack['base_url']}/chat/completions",
        json={"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}]},
        headers={"authorization": f"Bearer {stack['api_key']}"},
        timeout=30,
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger_unavailable")
    assert answer.headers["retry-after"] == "1"


def test_down_ends_everything_and_leaves_no_token(stack: dict[str, Any]) -> None:
    ended = qwen_gateway("down")

    assert ended.returncode == 0, ended.stderr
    assert not any(lives(pid) for pid in stack["pids"].values())
    assert not (ROOT / ".local/stack.json").exists()
    remains = [path for path in (ROOT / ".local").rglob("*") if path.is_file() and "build" not in path.parts]
    assert not any(stack["api_key"].encode() in path.read_bytes() for path in remains)


def test_down_without_a_stack_says_so() -> None:
    ended = qwen_gateway("down")

    assert ended.returncode == 0
    assert "No local stack runs" in ended.stdout + ended.stderr


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = qwen_gateway("up", "--detach", "--port", str(taken.getsockname()[1]))

    assert refused.returncode == 1
    assert str(taken) not in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (ROOT / ".local/stack.json").exists()


def test_an_interrupt_half_way_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("w") as file:
        starting = subprocess.Popen([COMMAND, "up"], cwd=ROOT, stdout=file, stderr=file, start_new_session=True)
    wait_until(lambda: "stand-in provider" in output.read_text())

    starting.send_signal(signal.SIGINT)

    assert starting.wait(timeout=60) == 130
    assert "Traceback" not in output.read_text()
    assert not (ROOT / ".local/stack.json").exists()
    assert "No local stack runs" in (status := qwen_gateway("status")).stdout + status.stderr


def wait_until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not come")
        time.sleep(0.05)
