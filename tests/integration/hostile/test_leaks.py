"""Marked prompts, answers and keys are planted, in calls that succeed and in all ways of failing; then everything that
was written is searched for them."""

import io
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest

from tests.builders import Context, chat_event, chat_request, mistyped, models_event
from tests.integration.conftest import _forget
from tests.integration.fresh_import import fresh_import
from tests.integration.front.fronts import RunningFront
from tests.integration.hostile import wire
from tests.integration.hostile.meeting import ANSWER, PROVIDER_KEY, Functions
from tests.sam_local.neighbours import Neighbours

PROMPT = "planted-prompt-31d0"
"""Of this file alone: other tests put theirs where a record may keep it, into `user` and `metadata`."""
TOOL = {"type": "function", "function": {"name": ANSWER}}
# The stand-in's answer calls the tool that is forced, and so is marked itself.
MARKED = chat_request(messages=[{"role": "user", "content": PROMPT}], tools=[TOOL], tool_choice=TOOL)
QUOTING = f"I cannot answer {PROMPT} with {PROVIDER_KEY}"

FAULTS: list[dict[str, Any]] = [
    {"status": 400, "code": "invalid_parameter_error"},
    {"status": 401, "code": "InvalidApiKey"},
    {"status": 404, "code": "model_not_found"},
    {"status": 429, "code": "limit_requests"},
    {"status": 503, "code": "ModelUnavailable"},
    {"kind": "error_event", "after_chunks": 1, "code": "InternalError"},
    {"kind": "bad_json", "after_chunks": 1},
    {"kind": "truncate", "after_chunks": 1},
    {"kind": "disconnect", "after_chunks": 1},
]
FINAL = {400, 401}
"""Statuses after which a route of one provider has no other target."""
BODIES: list[Any] = [
    json.dumps(MARKED)[:-3],
    {**MARKED, "n": PROMPT},
    {**MARKED, "temperature": {PROMPT: 1}},
    {**MARKED, "messages": [{"role": PROMPT}]},
    {**MARKED, "messages": PROMPT},
    {**MARKED, "model": PROMPT},
    json.dumps(MARKED).encode() + b"\xff",
    json.dumps(MARKED)[:-1] + ', "seed": ' + "9" * 10_000 + "}",
    json.dumps(MARKED)[:-1] + ', "x": ' + "[" * 100_000,
]


@pytest.fixture
def root_log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Lambda's own loop with the log level DEBUG: the root logger writes all that any library has to say."""
    log = io.StringIO()
    monkeypatch.setattr(logging.root, "handlers", [logging.StreamHandler(log)])
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    return log


def test_libraries_write_nothing_even_where_everything_is_to_be_written(
    functions: Functions, root_log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget()
    chat, models = fresh_import("chat.handler", monkeypatch), fresh_import("models.handler", monkeypatch)

    assert chat.lambda_handler(chat_event(MARKED, functions.token), Context())["statusCode"] == 200
    assert models.lambda_handler(models_event(functions.token), Context())["statusCode"] == 200

    assert root_log.getvalue() == ""


def test_nothing_of_a_call_is_written_whatever_becomes_of_it(front: RunningFront, around: Neighbours, key: str) -> None:
    own = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    wrong = mistyped(key)
    assert ANSWER.encode() in front.ask("/v1/chat/completions", json.dumps(MARKED), own).body
    for body in BODIES:
        front.ask("/v1/chat/completions", body if isinstance(body, str | bytes) else json.dumps(body), own)
    for fault in FAULTS:
        around.provider.control({"faults": [{"model": "qwen-plus", "times": 9, "message": QUOTING, **fault}]})
        is_final = fault.get("status") in FINAL
        assert (front.ask("/v1/chat/completions", json.dumps(MARKED), own).status == HTTPStatus.OK) != is_final
        around.provider.control({"faults": [{"model": "*", "times": 9, "message": QUOTING, **fault}]})
        assert front.ask("/v1/chat/completions", json.dumps(MARKED), own).status != HTTPStatus.OK
    around.provider.reset()
    for headers in ({"authorization": f"Bearer {wrong}"}, {"authorization": key}, {"x-api-key": key}):
        front.ask("/v1/chat/completions", json.dumps(MARKED), headers)
        front.ask(f"/v1/models/{PROMPT}?key={key}", headers=headers, method="GET")

    tables = [around.aws.dynamodb.scan(TableName=name) for name in (around.aws.keys_table, around.aws.usage_table)]
    kept = {**wire.written(front), "DynamoDB": json.dumps([table["Items"] for table in tables])}
    marks = {"prompt": PROMPT, "answer": ANSWER, "provider's key": PROVIDER_KEY, "key": key, "wrong key": wrong}
    assert {(mark, place) for place, text in kept.items() for mark, words in marks.items() if words in text} == set()
    assert [place for place, text in kept.items() if "Traceback" in text] == []
    assert kept["ChatFunction.log"].count('"call failed"') >= len(FAULTS)
