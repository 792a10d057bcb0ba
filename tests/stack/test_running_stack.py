"""The stack file, the printed lines and the operator's commands of a running local stack."""

import json
import shlex
import subprocess
import sys
from typing import Any

import httpx2

from tests.stack.repository import Repository, post

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


def test_the_stack_file_lists_every_address_table_and_process(stack: dict[str, Any], repository: Repository) -> None:
    assert set(stack) == FIELDS
    assert stack["base_url"].endswith("/v1")
    assert httpx2.URL(stack["provider_url"]).path == "/"
    assert set(stack["pids"]) == {"ministack", "provider", "front"}
    assert set(stack["pids"].values()) <= set(repository.list_processes())
    assert (repository.local / "stack.json").stat().st_mode & 0o077 == 0


def test_the_printed_python_lines_work_when_pasted(welcome: str) -> None:
    lines = welcome.split("from openai import OpenAI")[1].split("\n\n", maxsplit=1)[0]

    pasted = subprocess.run(
        [sys.executable, "-c", f"from openai import OpenAI{lines}"], capture_output=True, text=True, check=False
    )

    assert "mock" in pasted.stdout, pasted.stderr


def test_the_printed_curl_line_works(welcome: str) -> None:
    (line,) = (line for line in welcome.splitlines() if line.startswith("curl "))
    words = shlex.split(line)
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")

    answer = httpx2.post(words[1], headers=headers, content=words[words.index("-d") + 1])

    assert answer.status_code == 200, answer.text


def test_a_second_stack_is_rejected_with_the_address_of_the_first(
    stack: dict[str, Any], repository: Repository
) -> None:
    second = repository.run("up", "--detach")

    assert second.returncode == 1
    assert stack["base_url"] in second.stderr
    assert "qwen-gateway down" in second.stderr
    assert repository.stack == stack


def test_status_lists_the_running_processes(stack: dict[str, Any], repository: Repository) -> None:
    status = json.loads(repository.run("status", "--json").stdout)

    assert status["base_url"] == stack["base_url"]
    assert {name: process["pid"] for name, process in status["processes"].items()} == stack["pids"]
    assert all(process["lives"] for process in status["processes"].values())
    assert stack["base_url"] in repository.run("status").stdout


def test_doctor_reports_ok_and_prints_no_key(stack: dict[str, Any], repository: Repository) -> None:
    examined = repository.run("doctor", "--json")
    findings = json.loads(examined.stdout)["findings"]

    assert examined.returncode == 0, findings
    assert {finding["state"] for finding in findings if finding["subject"] == "dashscope"} == {"ok"}
    assert "sk-mock" not in examined.stdout + examined.stderr


def test_logs_are_printed_without_tokens(stack: dict[str, Any], repository: Repository) -> None:
    post(stack)
    shown = repository.run("logs", "-n", "1000")

    for name in ("front", "provider", "ministack", "ChatFunction"):
        assert f"{name}.log" in shown.stderr
    assert stack["api_key"] not in shown.stdout
    assert repository.run("logs", "provider", "-n", "1").stdout.count("\n") == 1


def test_an_unknown_log_is_rejected_with_the_available_ones(stack: dict[str, Any], repository: Repository) -> None:
    refused = repository.run("logs", "nginx")

    assert refused.returncode == 1
    assert "front" in refused.stderr


def test_keys_are_created_and_revoked_on_the_running_stack(stack: dict[str, Any], repository: Repository) -> None:
    made = json.loads(repository.run("keys", "create", "--name", "test", "--json").stdout)
    headers = {"authorization": f"Bearer {made['token']}"}
    assert httpx2.get(f"{stack['base_url']}/models", headers=headers).status_code == 200

    assert repository.run("keys", "revoke", made["id"]).returncode == 0

    refused = httpx2.get(f"{stack['base_url']}/models", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "revoked_api_key")


def test_a_limit_that_is_none_is_refused(stack: dict[str, Any], repository: Repository) -> None:
    refused = repository.run("keys", "create", "--name", "test", "--budget", "0")

    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


def test_a_budget_refuses_the_call_that_it_does_not_cover(stack: dict[str, Any], repository: Repository) -> None:
    made = json.loads(repository.run("keys", "create", "--name", "test", "--budget", "0.000001", "--json").stdout)

    refused = post(stack | {"api_key": made["token"]})

    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exhausted")
    assert refused.headers["x-should-retry"] == "false"
    assert repository.run("keys", "set", made["id"], "--budget", "1").returncode == 0
    assert post(stack | {"api_key": made["token"]}).status_code == 200
    shown = json.loads(repository.run("keys", "show", made["id"], "--json").stdout)
    assert (shown["held"], shown["open_holds"]) == ("0", 0)
    assert float(shown["spent"]) + float(shown["remaining"]) == 1
