"""The life of the local stack, as its operator sees it."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qwen_gateway_cli.local.provider import running_provider
from tests.stack.repository import HOSTILE, Repository, wait_until

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
KEPT = {"build", "build.stamp", "build.toml", "cache", "logs", "up.lock"}
BODY = {"model": "qwen-plus", "messages": [{"role": "user", "content": "Who are you?"}]}


class Tarpit:
    """A port of the loopback interface that answers nobody and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._listener.accept()[0].close()
            except OSError:
                return
            self.visits += 1

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def tarpit() -> Iterator[Tarpit]:
    tarpit = Tarpit()
    yield tarpit
    tarpit.close()


@pytest.fixture
def hostile(tarpit: Tarpit, tmp_path: Path) -> dict[str, str]:
    """An environment whose every setting that is heeded leads into the tarpit."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        f"[default]\nendpoint_url = {tarpit.url}\n[profile production]\nendpoint_url = {tarpit.url}\n"
    )
    services = ("", "_DYNAMODB", "_SECRETS_MANAGER", "_CLOUDFORMATION", "_LAMBDA", "_S3", "_STS")
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return (
        HOSTILE
        | {"HOME": str(tmp_path)}
        | {f"AWS_ENDPOINT_URL{service}": tarpit.url for service in services}
        | dict.fromkeys(proxies, tarpit.url)
        | {"NO_PROXY": "", "no_proxy": ""}
    )


def post(stack: dict[str, Any]) -> httpx2.Response:
    with httpx2.Client(trust_env=False, timeout=30) as client:
        headers = {"authorization": f"Bearer {stack['api_key']}"}
        return client.post(f"{stack['base_url']}/chat/completions", json=BODY, headers=headers)


def listens(url: str) -> bool:
    address = httpx2.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port or 80)) == 0


def assert_nothing_is_left(repository: Repository) -> None:
    wait_until(lambda: not repository.processes())
    assert {path.name for path in repository.local.iterdir()} <= KEPT


def test_the_stack_file_says_where_everything_is(stack: dict[str, Any], repository: Repository) -> None:
    assert set(stack) == FIELDS
    assert stack["base_url"].endswith("/v1")
    assert httpx2.URL(stack["provider_url"]).path == "/"
    assert set(stack["pids"]) == {"ministack", "provider", "front"}
    assert set(stack["pids"].values()) <= set(repository.processes())
    assert (repository.local / "stack.json").stat().st_mode & 0o077 == 0


def test_the_printed_python_lines_work_when_pasted(welcome: str) -> None:
    lines = welcome.split("from openai import OpenAI")[1].split("\n\n", maxsplit=1)[0]

    pasted = subprocess.run(
        [sys.executable, "-c", f"from openai import OpenAI{lines}"], capture_output=True, text=True, check=False
    )

    assert "stand-in" in pasted.stdout, pasted.stderr


def test_the_printed_curl_line_holds_a_request_that_works(welcome: str) -> None:
    (line,) = (line for line in welcome.splitlines() if line.startswith("curl "))
    words = shlex.split(line)
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")

    answer = httpx2.post(words[1], headers=headers, content=words[words.index("-d") + 1])

    assert answer.status_code == 200, answer.text


def test_a_second_stack_is_refused_and_names_the_first(stack: dict[str, Any], repository: Repository) -> None:
    second = repository.run("up", "--detach")

    assert second.returncode == 1
    assert stack["base_url"] in second.stderr
    assert "qwen-gateway down" in second.stderr
    assert repository.stack == stack


def test_status_tells_what_runs(stack: dict[str, Any], repository: Repository) -> None:
    told = json.loads(repository.run("status", "--json").stdout)

    assert told["base_url"] == stack["base_url"]
    assert {name: process["pid"] for name, process in told["processes"].items()} == stack["pids"]
    assert all(process["lives"] for process in told["processes"].values())
    assert stack["base_url"] in repository.run("status").stdout


def test_the_doctor_finds_all_well_and_shows_no_key(stack: dict[str, Any], repository: Repository) -> None:
    examined = repository.run("doctor", "--json")
    findings = json.loads(examined.stdout)["findings"]

    assert examined.returncode == 0, findings
    assert {finding["state"] for finding in findings if finding["subject"] == "dashscope"} == {"ok"}
    assert "sk-stand-in" not in examined.stdout + examined.stderr


def test_logs_are_shown_and_hold_no_token(stack: dict[str, Any], repository: Repository) -> None:
    post(stack)
    shown = repository.run("logs", "-n", "1000")

    for name in ("front", "provider", "ministack", "ChatFunction"):
        assert f"{name}.log" in shown.stderr
    assert stack["api_key"] not in shown.stdout
    assert repository.run("logs", "provider", "-n", "1").stdout.count("\n") == 1


def test_a_log_that_is_not_there_is_refused_with_those_that_are(stack: dict[str, Any], repository: Repository) -> None:
    refused = repository.run("logs", "nginx")

    assert refused.returncode == 1
    assert "front" in refused.stderr


def test_keys_are_made_and_revoked_on_the_running_stack(stack: dict[str, Any], repository: Repository) -> None:
    made = json.loads(repository.run("keys", "create", "--name", "test", "--json").stdout)
    headers = {"authorization": f"Bearer {made['token']}"}
    assert httpx2.get(f"{stack['base_url']}/models", headers=headers).status_code == 200

    assert repository.run("keys", "revoke", made["id"]).returncode == 0

    refused = httpx2.get(f"{stack['base_url']}/models", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "revoked_api_key")


def test_a_limit_that_is_not_enforced_yet_is_refused(stack: dict[str, Any], repository: Repository) -> None:
    refused = repository.run("keys", "create", "--name", "test", "--budget", "1.50")

    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


@pytest.mark.thorough
def test_without_its_database_a_call_gets_a_clear_503_and_down_still_leaves_nothing(own: Repository) -> None:
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
    assert_nothing_is_left(own)
    assert not any(listens(stack[url]) for url in ("base_url", "provider_url", "aws_endpoint_url"))
    remains = [path for path in own.local.rglob("*") if path.is_file()]
    assert not any(stack["api_key"].encode() in path.read_bytes() for path in remains)


@pytest.mark.thorough
def test_with_a_real_account_in_the_callers_environment_nothing_leaves_loopback(
    own: Repository, hostile: dict[str, str], tarpit: Tarpit
) -> None:
    # The build alone may use the caller's proxies, to reach the package registry: here it is done already.
    with own.in_front(environment=hostile) as command:
        command.wait_until_ready()
        answer = post(own.stack)
        keys = json.loads(own.run("keys", "list", "--json", environment=hostile).stdout)

        ended = own.run("down", environment=hostile)

        assert command.status() == 0, "`down` elsewhere ends a stack in the foreground"
    assert answer.status_code == 200
    assert [key["name"] for key in keys] == ["local"]
    assert ended.returncode == 0
    assert tarpit.visits == 0


def test_a_url_serves_as_the_provider_until_ctrl_c(own: Repository) -> None:
    with running_provider() as ollama, own.in_front("--provider", f"{ollama.url}/v1") as command:
        command.wait_until_ready()
        stack = own.stack
        answer = post(stack)
        calls = ollama.calls()

        command.send(signal.SIGINT)

        assert command.status() == 0
    assert (stack["provider_url"], set(stack["pids"])) == (ollama.url, {"ministack", "front"})
    assert answer.headers["x-gateway-provider"] == "local"
    assert len(calls) == 1
    assert_nothing_is_left(own)


@pytest.mark.thorough
def test_when_one_process_ends_the_command_says_which_and_stops_the_rest(own: Repository) -> None:
    with own.in_front() as command:
        command.wait_until_ready()

        os.kill(own.stack["pids"]["provider"], signal.SIGKILL)

        assert command.status() == 1
    assert "provider ended by itself" in command.said
    assert "Traceback" not in command.said
    assert_nothing_is_left(own)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_builds_it_leaves_nothing(own: Repository, number: signal.Signals) -> None:
    (own.local / "build.stamp").unlink(missing_ok=True)
    with own.in_front() as command:
        wait_until(lambda: any(process["name"] == "sam build" for process in started(own)))

        command.send(number)

        assert command.status() == 130
    assert "Traceback" not in command.said
    assert_nothing_is_left(own)


@pytest.mark.thorough
def test_of_two_at_once_the_second_is_refused(own: Repository) -> None:
    with own.in_front() as command:
        wait_until(lambda: bool(started(own)))

        second = own.run("up", "--detach")

        command.send(signal.SIGINT)
        assert command.status() == 130
    assert second.returncode == 1
    assert "at work in this folder" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.thorough
def test_what_a_killed_command_left_is_stopped_by_down(own: Repository) -> None:
    with own.in_front() as command:
        wait_until(lambda: bool(started(own)))
        command.send(signal.SIGKILL)
        command.status()
    assert_nothing_is_left(own)


def test_down_without_a_stack_says_so(own: Repository) -> None:
    ended = own.run("down")

    assert ended.returncode == 0
    assert "No local stack runs" in ended.stdout


def test_a_taken_port_is_refused_before_anything_starts(own: Repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = own.run("up", "--detach", "--port", port)

    assert refused.returncode == 1
    assert port in refused.stderr
    assert "Traceback" not in refused.stderr
    assert_nothing_is_left(own)


def test_a_provider_that_cannot_be_reached_is_refused_before_anything_starts(own: Repository) -> None:
    refused = own.run("up", "--detach", "--provider", "http://127.0.0.1:9/v1")

    assert refused.returncode == 1
    assert "cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert_nothing_is_left(own)


def started(repository: Repository) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads((repository.local / "processes.json").read_text())
    except FileNotFoundError:
        return []
    return rows
