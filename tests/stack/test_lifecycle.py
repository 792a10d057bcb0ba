"""The start and the end of the local stack, driven by the operator's command, whatever interrupts them."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qwen_gateway_cli.local.mock_qwen import run_mock_qwen
from tests.stack.repository import CALLER_ENV, Repository, post, wait_until

KEPT_FILES = {"build", "build.stamp", "build.toml", "cache", "logs", "up.lock"}


class ConnectionCounter:
    """A loopback server that closes each connection and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._listener.accept()[0].close()
            except OSError:
                return
            self.connections += 1

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def counter() -> Iterator[ConnectionCounter]:
    counter = ConnectionCounter()
    yield counter
    counter.close()


@pytest.fixture
def hostile_environment(counter: ConnectionCounter, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which every endpoint and proxy setting leads to the counter."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        f"[default]\nendpoint_url = {counter.url}\n[profile production]\nendpoint_url = {counter.url}\n"
    )
    services = ("", "_DYNAMODB", "_SECRETS_MANAGER", "_CLOUDFORMATION", "_LAMBDA", "_S3", "_STS")
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return (
        CALLER_ENV
        | {"HOME": str(tmp_path)}
        | {f"AWS_ENDPOINT_URL{service}": counter.url for service in services}
        | dict.fromkeys(proxies, counter.url)
        | {"NO_PROXY": "", "no_proxy": ""}
    )


def is_listening(url: str) -> bool:
    address = httpx2.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port or 80)) == 0


def assert_clean(repository: Repository) -> None:
    wait_until(lambda: not repository.list_processes())
    assert {path.name for path in repository.local.iterdir()} <= KEPT_FILES


@pytest.mark.thorough
def test_without_dynamodb_a_call_gets_a_503_and_down_still_cleans_up(own: Repository) -> None:
    started = own.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    stack = own.stack
    assert post(stack).status_code == 200
    os.kill(stack["pids"]["ministack"], signal.SIGKILL)

    answer = post(stack)
    ended = own.run("down")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert ended.returncode == 0, ended.stderr
    assert_clean(own)
    assert not any(is_listening(stack[url]) for url in ("base_url", "provider_url", "aws_endpoint_url"))
    remains = [path for path in own.local.rglob("*") if path.is_file()]
    assert not any(stack["api_key"].encode() in path.read_bytes() for path in remains)


@pytest.mark.thorough
def test_with_a_real_account_in_the_environment_all_traffic_stays_on_loopback(
    own: Repository, hostile_environment: dict[str, str], counter: ConnectionCounter
) -> None:
    # Only the build may use the proxies, to reach the package registry; it is done already.
    with own.run_in_foreground(environment=hostile_environment) as command:
        command.wait_until_ready()
        answer = post(own.stack)
        keys = json.loads(own.run("keys", "list", "--json", environment=hostile_environment).stdout)

        ended = own.run("down", environment=hostile_environment)

        assert command.wait() == 0, "`down` elsewhere ends a stack in the foreground"
    assert answer.status_code == 200
    assert [key["name"] for key in keys] == ["local"]
    assert ended.returncode == 0
    assert counter.connections == 0


def test_a_provider_url_is_used_until_ctrl_c(own: Repository) -> None:
    with run_mock_qwen() as ollama, own.run_in_foreground("--provider", f"{ollama.url}/v1") as command:
        command.wait_until_ready()
        stack = own.stack
        answer = post(stack)
        calls = ollama.calls()

        command.send(signal.SIGINT)

        assert command.wait() == 0
    assert (stack["provider_url"], set(stack["pids"])) == (ollama.url, {"ministack", "front"})
    assert answer.headers["x-gateway-provider"] == "local"
    assert len(calls) == 1
    assert_clean(own)


@pytest.mark.thorough
def test_when_a_process_ends_the_command_names_it_and_stops_the_others(own: Repository) -> None:
    with own.run_in_foreground() as command:
        command.wait_until_ready()

        os.kill(own.stack["pids"]["provider"], signal.SIGKILL)

        assert command.wait() == 1
    assert "provider ended unexpectedly" in command.output
    assert "Traceback" not in command.output
    assert_clean(own)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_build_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    unbuilt = Repository(tmp_path)
    with unbuilt.run_in_foreground() as command:
        wait_until(lambda: any(process["name"] == "sam build" for process in list_started(unbuilt)))

        command.send(number)

        assert command.wait() == 130
    assert "Traceback" not in command.output
    assert_clean(unbuilt)


@pytest.mark.thorough
def test_a_concurrent_second_up_is_rejected(own: Repository) -> None:
    with own.run_in_foreground() as command:
        wait_until(lambda: bool(list_started(own)))

        second = own.run("up", "--detach")

        command.send(signal.SIGINT)
        assert command.wait() == 130
    assert second.returncode == 1
    assert "is running in this folder" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.thorough
def test_down_stops_the_processes_of_a_killed_command(own: Repository) -> None:
    with own.run_in_foreground() as command:
        wait_until(lambda: bool(list_started(own)))
        command.send(signal.SIGKILL)
        command.wait()
    assert_clean(own)


def test_down_without_a_stack_reports_it(own: Repository) -> None:
    ended = own.run("down")

    assert ended.returncode == 0
    assert "No local stack runs" in ended.stdout


def test_a_port_in_use_is_rejected_before_anything_starts(own: Repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = own.run("up", "--detach", "--port", port)

    assert refused.returncode == 1
    assert port in refused.stderr
    assert "Traceback" not in refused.stderr
    assert_clean(own)


def test_an_unreachable_provider_is_rejected_before_anything_starts(own: Repository) -> None:
    refused = own.run("up", "--detach", "--provider", "http://127.0.0.1:9/v1")

    assert refused.returncode == 1
    assert "cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert_clean(own)


def list_started(repository: Repository) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads((repository.local / "processes.json").read_text())
    except FileNotFoundError:
        return []
    return rows
