"""Logs and tables hold no prompt, answer or key. The tests mark these, make calls that succeed and calls that fail in
every way, and search everything written for the marks."""

import io
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest

from tests.builders import Context, chat_event, chat_request, mistype_token, models_event
from tests.integration.apigateway.gateways import RunningGateway
from tests.integration.conftest import _clear_caches
from tests.integration.fresh_import import import_fresh
from tests.integration.hostile import raw_http
from tests.integration.hostile.responses import ANSWER, PROVIDER_KEY, Functions
from tests.sam_local.backends import Backends

PROMPT = "planted-prompt-31d0"
"""Used only in this file: other tests put their marks into `user` and `metadata`, which a record may hold."""
TOOL = {"type": "function", "function": {"name": ANSWER}}
# The mock's answer calls the forced tool and thereby holds its mark.
MARKED = chat_request(messages=[{"role": "user", "content": PROMPT}], tools=[TOOL], tool_choice=TOOL)
ECHOING_MESSAGE = f"I cannot answer {PROMPT} with {PROVIDER_KEY}"

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
"""Statuses after which the gateway does not fall back within one provider."""
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
    """Return the root logger's output at level DEBUG, as under the managed runtime with that log level."""
    log = io.StringIO()
    monkeypatch.setattr(logging.root, "handlers", [logging.StreamHandler(log)])
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    return log


def test_libraries_log_nothing_at_level_debug(
    functions: Functions, root_log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clear_caches()
    chat, models = import_fresh("chat.handler", monkeypatch), import_fresh("models.handler", monkeypatch)

    assert chat.lambda_handler(chat_event(MARKED, functions.token), Context())["statusCode"] == 200
    assert models.lambda_handler(models_event(functions.token), Context())["statusCode"] == 200

    assert root_log.getvalue() == ""


def test_no_prompt_answer_or_key_is_written_on_success_or_failure(
    front: RunningGateway, backends: Backends, key: str
) -> None:
    own = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    wrong = mistype_token(key)
    assert ANSWER.encode() in front.ask("/v1/chat/completions", json.dumps(MARKED), own).body
    for body in BODIES:
        front.ask("/v1/chat/completions", body if isinstance(body, str | bytes) else json.dumps(body), own)
    for fault in FAULTS:
        backends.provider.control({"faults": [{"model": "qwen-plus", "times": 9, "message": ECHOING_MESSAGE, **fault}]})
        is_final = fault.get("status") in FINAL
        assert (front.ask("/v1/chat/completions", json.dumps(MARKED), own).status == HTTPStatus.OK) != is_final
        backends.provider.control({"faults": [{"model": "*", "times": 9, "message": ECHOING_MESSAGE, **fault}]})
        assert front.ask("/v1/chat/completions", json.dumps(MARKED), own).status != HTTPStatus.OK
    backends.provider.reset()
    signed = {"authorization": "AWS4-HMAC-SHA256 Credential=x", "x-api-key": key}
    assert front.ask("/v1/chat/completions", json.dumps(MARKED), signed).status == HTTPStatus.OK
    others: list[dict[str, str]] = [{name: each} for name in ("x-api-key", "api-key") for each in (key, wrong)]
    for headers in ({"authorization": f"Bearer {wrong}"}, {"authorization": key}, *others):
        front.ask("/v1/chat/completions", json.dumps(MARKED), headers)
        front.ask(f"/v1/models/{PROMPT}?key={key}", headers=headers, method="GET")

    tables = [
        backends.aws.dynamodb.scan(TableName=name) for name in (backends.aws.keys_table, backends.aws.usage_table)
    ]
    stored = {**raw_http.read_logs(front), "DynamoDB": json.dumps([table["Items"] for table in tables])}
    marks = {"prompt": PROMPT, "answer": ANSWER, "provider's key": PROVIDER_KEY, "key": key, "wrong key": wrong}
    assert {(mark, place) for place, text in stored.items() for mark, value in marks.items() if value in text} == set()
    assert [place for place, text in stored.items() if "Traceback" in text] == []
    assert stored["ChatFunction.log"].count('"call failed"') >= len(FAULTS)
