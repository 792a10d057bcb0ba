"""`python -m qwen_gateway_cli.local.mock_qwen`: prints its URL, and ends on a signal."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.builders import chat_request
from tests.integration.mock_qwen.chat_client import PATH

MODULE = "qwen_gateway_cli.local.mock_qwen"
PROMPT_S = 5


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the program and yield it with the URL that it prints."""
    command = [sys.executable, "-m", MODULE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, json.loads(running.stdout.readline())["url"]
        finally:
            running.kill()


def test_it_serves_at_the_printed_url(unused_port: int) -> None:
    with program("--port", str(unused_port)) as (_, url):
        answer = httpx2.post(url + PATH, json=chat_request(), headers={"authorization": "Bearer k"}, trust_env=False)

    assert url == f"http://127.0.0.1:{unused_port}"
    assert answer.status_code == 200


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_promptly_and_quietly_although_calls_hang(sent: signal.Signals) -> None:
    faults = [{"kind": "hang"}, {"kind": "hang", "after_chunks": 1}, {"kind": "drip"}]
    with program("--port", "0") as (running, url), httpx2.Client(base_url=url, trust_env=False, timeout=30) as client:
        client.put("/_control", json={"faults": faults})
        hanging = [_call_sent(url) for _ in faults]
        while len(client.get("/_control").json()["calls"]) < len(faults):
            time.sleep(0.01)
        running.send_signal(sent)
        _, errors = running.communicate(timeout=PROMPT_S)
        for call in hanging:
            call.close()

    assert errors == ""


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", MODULE, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )

    assert ended.returncode == 1
    assert f"127.0.0.1:{port} cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_imports_nothing_of_the_gateway() -> None:
    """The mock's table of models is independent of the gateway's, so it detects wrong limits there."""
    seen = f"import sys, {MODULE}; print([name for name in sys.modules if name.partition('.')[0] == 'qwen_gateway'])"

    loaded = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, timeout=30, check=True)

    assert loaded.stdout.strip() == "[]"


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _call_sent(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps(chat_request(stream=True))
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: {len(body)}\r\n\r\n"
    connection = socket.create_connection((host, int(port)))
    connection.sendall((head + body).encode())
    return connection
