"""A stack that logs all it can: prompts, answers and keys stand nowhere but where they belong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from tests.builders import mistyped
from tests.stack.repository import Repository

PROMPT = "planted-prompt-5f1e"
ANSWER = "planted-answer-77ab"
PROVIDER_KEY = "sk-stand-in-dashscope"
TOOL = {"type": "function", "function": {"name": ANSWER}}
CALL = {
    "model": "qwen-plus",
    "messages": [{"role": "user", "content": PROMPT}],
    "tools": [TOOL],
    "tool_choice": TOOL,
}
LOUD = {"Default: INFO": "Default: DEBUG", "POWERTOOLS_LOG_LEVEL:": "OPENAI_LOG: debug\n        POWERTOOLS_LOG_LEVEL:"}


@pytest.fixture
def loud(tmp_path: Path) -> Iterator[Repository]:
    """A stack whose template switches every log on."""
    repository = Repository(tmp_path)
    template = tmp_path / "template.yaml"
    text = template.read_text(encoding="utf-8")
    for word, louder in LOUD.items():
        assert text.count(word) == 1
        text = text.replace(word, louder)
    template.write_text(text, encoding="utf-8")
    started = repository.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield repository
    repository.run("down")


@pytest.mark.thorough
def test_a_stack_keeps_its_token_in_one_file_and_nothing_else_that_was_planted(loud: Repository) -> None:
    stack = loud.stack
    wrong = mistyped(stack["api_key"])

    call_in_every_way(stack, wrong)
    running = written_below(loud.local) | kept_by_aws(stack)
    loud.run("down")

    marks = {"prompt": PROMPT, "answer": ANSWER, "provider's key": PROVIDER_KEY, "wrong key": wrong}
    token = {"token": stack["api_key"]}
    assert places(running, marks) == set()
    assert places(running, token) == {("token", "stack.json")}
    assert places(written_below(loud.local), marks | token) == set()
    assert [name for name, text in running.items() if b"Traceback" in text and name.startswith("logs/")] == []


def call_in_every_way(stack: dict[str, Any], wrong: str) -> None:
    own = {"authorization": f"Bearer {stack['api_key']}"}
    bodies = [json.dumps(CALL), json.dumps(CALL)[:-2], json.dumps({**CALL, "n": PROMPT}), PROMPT]
    with httpx2.Client(timeout=60, trust_env=False) as http:
        for url in (stack["base_url"], f"{stack['rest_api_url']}/v1"):
            answered = http.post(f"{url}/chat/completions", content=bodies[0], headers=own)
            assert ANSWER in answered.text, answered.text
            http.get(f"{url}/models/{PROMPT}", headers=own)
        for body in bodies:
            http.post(f"{stack['base_url']}/chat/completions", content=body, headers=own)
        http.get(f"{stack['base_url']}/models?key={stack['api_key']}", headers={"authorization": f"Bearer {wrong}"})
        fault = {"status": 400, "code": "invalid_parameter_error", "message": f"{PROMPT} {PROVIDER_KEY}"}
        http.put(f"{stack['provider_url']}/_control", json={"faults": [fault]})
        http.post(f"{stack['base_url']}/chat/completions", content=bodies[0], headers=own)
        passed_over = {**fault, "status": 503, "model": "qwen-plus", "times": 9}
        http.put(f"{stack['provider_url']}/_control", json={"faults": [passed_over]})
        fallback = http.post(f"{stack['base_url']}/chat/completions", content=bodies[0], headers=own)
        assert fallback.headers["x-gateway-model"] == "qwen-flash", fallback.text


def written_below(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes, by its path below the folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def kept_by_aws(stack: dict[str, Any]) -> dict[str, bytes]:
    """Return what the tables and the log groups hold."""
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


def places(kept: dict[str, bytes], marks: dict[str, str]) -> set[tuple[str, str]]:
    return {(mark, name) for name, text in kept.items() for mark, words in marks.items() if words.encode() in text}
