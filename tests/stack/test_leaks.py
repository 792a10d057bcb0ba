"""A stack with every log switched on stores prompts, answers and keys nowhere except where they belong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from tests.builders import mistype_token
from tests.stack.repository import Repository

PROMPT = "planted-prompt-5f1e"
ANSWER = "planted-answer-77ab"
PROVIDER_KEY = "sk-mock-dashscope"
TOOL = {"type": "function", "function": {"name": ANSWER}}
CALL = {
    "model": "qwen-plus",
    "messages": [{"role": "user", "content": PROMPT}],
    "tools": [TOOL],
    "tool_choice": TOOL,
}
VERBOSE = {
    "Default: INFO": "Default: DEBUG",
    "POWERTOOLS_LOG_LEVEL:": "OPENAI_LOG: debug\n        POWERTOOLS_LOG_LEVEL:",
}


@pytest.fixture
def verbose_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Start a stack whose template switches every log on."""
    # A short path: `compileall` opens a Unix socket below it, whose address has at most 108 bytes.
    repository = Repository(tmp_path_factory.mktemp("loud"))
    template = repository.folder / "template.yaml"
    text = template.read_text(encoding="utf-8")
    for text_now, replacement in VERBOSE.items():
        assert text.count(text_now) == 1
        text = text.replace(text_now, replacement)
    template.write_text(text, encoding="utf-8")
    started = repository.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield repository
    repository.run("down")


@pytest.mark.thorough
def test_only_the_token_is_stored_and_only_in_the_stack_file(verbose_repository: Repository) -> None:
    stack = verbose_repository.stack
    wrong = mistype_token(stack["api_key"])

    make_all_kinds_of_calls(stack, wrong)
    running = read_files(verbose_repository.local) | read_aws_state(stack)
    verbose_repository.run("down")

    marks = {"prompt": PROMPT, "answer": ANSWER, "provider's key": PROVIDER_KEY, "wrong key": wrong}
    token = {"token": stack["api_key"]}
    assert find_marks(running, marks) == set()
    assert find_marks(running, token) == {("token", "stack.json")}
    assert find_marks(read_files(verbose_repository.local), marks | token) == set()
    assert [name for name, text in running.items() if b"Traceback" in text and name.startswith("logs/")] == []


def make_all_kinds_of_calls(stack: dict[str, Any], wrong: str) -> None:
    own = {"authorization": f"Bearer {stack['api_key']}"}
    bodies = [json.dumps(CALL), json.dumps(CALL)[:-2], json.dumps({**CALL, "n": PROMPT}), PROMPT]
    with httpx2.Client(timeout=60, trust_env=False) as http:
        for url in (stack["base_url"], f"{stack['rest_api_url']}/v1"):
            response = http.post(f"{url}/chat/completions", content=bodies[0], headers=own)
            assert ANSWER in response.text, response.text
            http.get(f"{url}/models/{PROMPT}", headers=own)
        for body in bodies:
            http.post(f"{stack['base_url']}/chat/completions", content=body, headers=own)
        http.get(f"{stack['base_url']}/models?key={stack['api_key']}", headers={"authorization": f"Bearer {wrong}"})
        fault = {"status": 400, "code": "invalid_parameter_error", "message": f"{PROMPT} {PROVIDER_KEY}"}
        http.put(f"{stack['provider_url']}/_control", json={"faults": [fault]})
        http.post(f"{stack['base_url']}/chat/completions", content=bodies[0], headers=own)
        retryable_fault = {**fault, "status": 503, "model": "qwen-plus", "times": 9}
        http.put(f"{stack['provider_url']}/_control", json={"faults": [retryable_fault]})
        fallback = http.post(f"{stack['base_url']}/chat/completions", content=bodies[0], headers=own)
        assert fallback.headers["x-gateway-model"] == "qwen-flash", fallback.text


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in the folder, by relative path."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def read_aws_state(stack: dict[str, Any]) -> dict[str, bytes]:
    """Return the contents of the tables and the log groups."""
    account: dict[str, Any] = {
        "endpoint_url": stack["aws_endpoint_url"],
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    tables, logs = boto3.client("dynamodb", **account), boto3.client("logs", **account)
    items = [tables.scan(TableName=stack[name])["Items"] for name in ("keys_table", "usage_table")]
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    events = [logs.filter_log_events(logGroupName=group)["events"] for group in groups]
    assert all(items)
    assert any(events)
    return {"tables": json.dumps(items).encode(), "log groups": json.dumps(events).encode()}


def find_marks(contents: dict[str, bytes], marks: dict[str, str]) -> set[tuple[str, str]]:
    return {(mark, name) for name, text in contents.items() for mark, value in marks.items() if value.encode() in text}
