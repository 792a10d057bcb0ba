"""Authentication, usage records, and failures of DynamoDB."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from qwen_gateway.ledger import UsageLedger
from qwen_gateway.ledger.dynamodb import ledger_unavailable
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request, garbage_token, key_item, mistype_token, token
from tests.integration.chat.conftest import PROVIDER_KEY, Gateway

PROMPT = "marked words of a prompt"


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "missing_api_key"), (garbage_token(), "invalid_api_key"), (mistype_token(token()), "invalid_api_key")],
    ids=["no key", "a foreign key", "a mistyped key"],
)
def test_a_malformed_key_causes_no_aws_call(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, key: str, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("AWS was called")

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", fail)

    for answer in (gateway.chat(chat_request(), key=key), gateway.models(key=key)):
        assert answer.error == (401, "authentication_error", code)


def test_an_unknown_id_and_a_wrong_secret_return_the_same_error(gateway: Gateway) -> None:
    unknown = gateway.chat(chat_request(), key=token("Unknown00001"))
    wrong = gateway.chat(chat_request(), key=token())

    assert unknown.body == wrong.body
    assert unknown.error == (401, "authentication_error", "invalid_api_key")


def test_revoked_and_expired_keys_return_their_own_codes(gateway: Gateway) -> None:
    now = int(time.time())
    cases: dict[str, Any] = {
        "revoked_api_key": {"disabled": True},
        "expired_api_key": {"expires": now - 1},
    }
    for code, fields in cases.items():
        text = token()
        gateway.aws.dynamodb.put_item(TableName=gateway.aws.keys_table, Item=key_item(text, **fields))
        assert gateway.chat(chat_request(), key=text).error == (401, "authentication_error", code)


def test_a_rotated_key_works_until_its_grace_period_ends(gateway: Gateway) -> None:
    old, new = token(), token()
    old_hash = key_item(old)["token_hash"]["S"]
    for expires, status in ((int(time.time()) + 60, 200), (int(time.time()) - 1, 401)):
        item = key_item(new, previous_hash=old_hash, previous_expires=expires)
        gateway.aws.dynamodb.put_item(TableName=gateway.aws.keys_table, Item=item)
        assert gateway.chat(chat_request(), key=old).status == status
        assert gateway.chat(chat_request(), key=new).status == 200


def test_a_call_writes_one_record_with_its_usage_and_without_content(
    gateway: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.control({"prompt_tokens": 40, "completion_tokens": 9, "reasoning_tokens": 5, "cached_tokens": 30})
    request = chat_request(
        model="qwen-max",
        messages=[{"role": "user", "content": PROMPT}],
        user="u" * 500,
        metadata={"team": "blue", "n": 7},
    )

    answer = gateway.chat(request, headers={"x-stainless-retry-count": "2"})

    (record,) = gateway.records()
    assert record["sk"] == f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
    assert (record["tokens_in"], record["tokens_out"]) == (40, 9)
    assert (record["tokens_cached"], record["tokens_thinking"]) == (30, 5)
    assert (record["model_asked"], record["model_used"], record["provider"]) == ("qwen-max", "qwen4-max", "dashscope")
    assert record["attempts"][0]["charged"] == "billed"
    assert record["tags"] == {"team": "blue"}
    assert len(record["end_user"]) == 128
    assert record["client_retry_count"] == 2
    assert record["expires_at"] > record["created"]
    output = capsys.readouterr()
    for secret in (PROMPT, PROVIDER_KEY, gateway.token, answer.body["choices"][0]["message"]["content"][:24]):
        assert secret not in json.dumps(record, default=str) + output.out + output.err


def test_without_dynamodb_no_call_is_authenticated(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_connect(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://dynamodb")

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", fail_to_connect)

    answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "ledger_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "x-should-retry" not in answer.headers


def test_a_record_that_cannot_be_written_is_logged_and_the_answer_is_returned(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail_to_write(*_: object) -> None:
        raise ledger_unavailable()

    monkeypatch.setattr(UsageLedger, "replace_open", fail_to_write)

    answer = gateway.chat(chat_request(messages=[{"role": "user", "content": PROMPT}]))

    assert answer.status == 200
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (record,) = [line["usage_record"] for line in lines if line.get("message") == "usage record lost"]
    assert record["sk"] == f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
    assert record["tokens_out"] == answer.body["usage"]["completion_tokens"]
    assert any("usage_record_lost" in line for line in lines)
    assert PROMPT not in json.dumps(lines)


def test_the_model_list_contains_aliases_and_limits(gateway: Gateway) -> None:
    listed = {model["id"]: model for model in gateway.models().body["data"]}

    assert {"qwen-max", "qwen-plus", "qwen-turbo", "qwen3.8-max"} <= listed.keys()
    assert listed["qwen-max"] == {**listed["qwen4-max"], "id": "qwen-max"}
    assert listed["qwen-max"].keys() >= {"id", "object", "created", "owned_by", "context_length", "max_output_tokens"}
    assert gateway.models("qwen-max").body == listed["qwen-max"]
    assert gateway.models("no/such").error == (404, "invalid_request_error", "model_not_found")
    assert gateway.records() == []
