"""The handlers as Lambda runs them: imported once with the template's environment, then invoked with events."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.config import ConfigurationError
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context, chat_event, chat_request, key_item, mistype_token, models_event, token
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import PROVIDER_KEY
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import import_fresh

type ImportHandler = Callable[[str], ModuleType]


@pytest.fixture
def operations(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The AWS operations called from now on."""
    return record_aws_calls(monkeypatch)


@pytest.fixture
def key(aws: Aws) -> str:
    """The token of a key in the table."""
    text = token()
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(text))
    return text


@pytest.fixture
def import_handler(aws: Aws, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> ImportHandler:
    """Import a handler as a new execution environment does."""
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    overrides = {
        "providers": {"dashscope": {"base_url": f"{provider.url}/v1"}},
        "routes": {"org/qwen small": [{"model": "qwen4-max"}]},
        "timeouts": {"reserved_for_ledger": 9.7},
    }
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(overrides))

    return lambda name: import_fresh(name, monkeypatch)


def parse_response(response: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return response["statusCode"], json.loads(response["body"])


def test_a_chat_call_returns_an_answer_and_writes_a_record(import_handler: ImportHandler, aws: Aws, key: str) -> None:
    handler = import_handler("chat.handler")

    status, body = parse_response(handler.lambda_handler(chat_event(chat_request(), key), Context()))

    assert status == 200
    assert body["choices"][0]["message"]["content"]
    assert aws.dynamodb.scan(TableName=aws.usage_table)["Count"] == 1


def test_a_base64_body_is_decoded(import_handler: ImportHandler, key: str) -> None:
    handler = import_handler("chat.handler")

    event = chat_event(json.dumps(chat_request()).encode(), key)

    assert event["isBase64Encoded"] is True
    assert handler.lambda_handler(event, Context())["statusCode"] == 200


def test_the_secret_is_read_once_and_each_call_of_an_unlimited_key_makes_one_read_and_two_writes(
    import_handler: ImportHandler, key: str, operations: list[str]
) -> None:
    handler = import_handler("chat.handler")
    assert operations.count("GetSecretValue") == 1
    operations.clear()

    for _ in range(2):
        assert handler.lambda_handler(chat_event(chat_request(), key), Context())["statusCode"] == 200

    # Of a key that it has not seen, an environment assumes a budget.
    assert operations == ["UpdateItem", "PutItem", "PutItem", "GetItem", "PutItem", "PutItem"]


def test_a_malformed_key_causes_no_aws_call(import_handler: ImportHandler, key: str, operations: list[str]) -> None:
    chat, models = import_handler("chat.handler"), import_handler("models.handler")
    operations.clear()

    for answer in (
        chat.lambda_handler(chat_event(chat_request(), mistype_token(key)), Context()),
        models.lambda_handler(models_event(mistype_token(key)), Context()),
        models.lambda_handler(models_event(), Context()),
    ):
        assert answer["statusCode"] == 401

    assert operations == []


def test_the_deadline_is_the_remaining_time_less_the_reserve_for_the_ledger(
    import_handler: ImportHandler, provider: RunningMockQwen, aws: Aws, key: str
) -> None:
    provider.control({"faults": [{"kind": "hang"}]})
    handler = import_handler("chat.handler")

    status, body = parse_response(handler.lambda_handler(chat_event(chat_request(), key), Context(seconds=11)))

    assert (status, body["error"]["code"]) == (504, "provider_timeout")
    assert "the time for the whole call was over" in body["error"]["message"]
    (record,) = aws.dynamodb.scan(TableName=aws.usage_table)["Items"]
    assert int(record["latency_ms"]["N"]) < 5000


def test_models_are_listed_and_retrieved_by_names_with_slashes(import_handler: ImportHandler, key: str) -> None:
    handler = import_handler("models.handler")

    status, listed = parse_response(handler.lambda_handler(models_event(key), Context()))
    assert status == 200
    assert "org/qwen small" in {model["id"] for model in listed["data"]}

    encoded = models_event(key, "org/qwen small")
    assert encoded["pathParameters"] == {"model": "org%2Fqwen%20small"}
    for event in (
        encoded,
        encoded | {"pathParameters": {"model": "org/qwen small"}},
        encoded | {"pathParameters": {"model": "org/qwen small/"}},
    ):
        status, model = parse_response(handler.lambda_handler(event, Context()))
        assert (status, model["id"]) == (200, "org/qwen small")


def test_an_unknown_model_returns_the_error_of_openai(import_handler: ImportHandler, key: str) -> None:
    status, body = parse_response(
        import_handler("models.handler").lambda_handler(models_event(key, "gpt/4o"), Context())
    )

    assert (status, body["error"]["code"], body["error"]["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize("handler", ["chat.handler", "models.handler", "usage.handler"])
def test_an_invalid_setting_fails_the_import_with_its_name(
    import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", '{"timeouts": {"conect": 3}}')
    config.configuration.cache_clear()

    with pytest.raises(ConfigurationError, match=r"timeouts\.conect"):
        import_handler(handler)


@pytest.mark.parametrize("handler", ["chat.handler", "models.handler", "usage.handler"])
def test_a_missing_table_name_fails_the_import_with_its_name(
    import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    monkeypatch.delenv("KEYS_TABLE")
    config.environment.cache_clear()

    with pytest.raises(ConfigurationError, match="KEYS_TABLE"):
        import_handler(handler)
