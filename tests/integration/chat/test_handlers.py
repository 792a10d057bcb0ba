"""The handlers as Lambda meets them: imported once with the template's environment, then called with events."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.config import ConfigurationWrong
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context, chat_event, chat_request, key_item, mistyped, models_event, token
from tests.integration.chat.calls import record_aws_calls
from tests.integration.chat.conftest import PROVIDER_KEY
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import fresh_import

type Import = Callable[[str], ModuleType]


@pytest.fixture
def operations(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What AWS is asked from now on."""
    return record_aws_calls(monkeypatch)


@pytest.fixture
def key(aws: Aws) -> str:
    """The token of a key that is in the table."""
    text = token()
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(text))
    return text


@pytest.fixture
def imported(aws: Aws, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Import a handler as a fresh environment does."""
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    overrides = {
        "providers": {"dashscope": {"base_url": f"{provider.url}/v1"}},
        "routes": {"org/qwen small": [{"model": "qwen3-max"}]},
        "timeouts": {"settle": 9.7},
    }
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(overrides))

    return lambda name: fresh_import(name, monkeypatch)


def read(answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return answer["statusCode"], json.loads(answer["body"])


def test_a_chat_call_is_answered_and_written_down(imported: Import, aws: Aws, key: str) -> None:
    handler = imported("chat.handler")

    status, body = read(handler.lambda_handler(chat_event(chat_request(), key), Context()))

    assert status == 200
    assert body["choices"][0]["message"]["content"]
    assert aws.dynamodb.scan(TableName=aws.usage_table)["Count"] == 1


def test_a_body_in_base64_is_a_body(imported: Import, key: str) -> None:
    handler = imported("chat.handler")

    event = chat_event(json.dumps(chat_request()).encode(), key)

    assert event["isBase64Encoded"] is True
    assert handler.lambda_handler(event, Context())["statusCode"] == 200


def test_the_secret_is_read_once_and_a_call_costs_one_read_and_one_write(
    imported: Import, key: str, operations: list[str]
) -> None:
    handler = imported("chat.handler")
    assert operations.count("GetSecretValue") == 1
    operations.clear()

    for _ in range(2):
        assert handler.lambda_handler(chat_event(chat_request(), key), Context())["statusCode"] == 200

    assert operations == ["GetItem", "PutItem"] * 2


def test_garbage_costs_no_call_to_aws(imported: Import, key: str, operations: list[str]) -> None:
    chat, models = imported("chat.handler"), imported("models.handler")
    operations.clear()

    for answer in (
        chat.lambda_handler(chat_event(chat_request(), mistyped(key)), Context()),
        models.lambda_handler(models_event(mistyped(key)), Context()),
        models.lambda_handler(models_event(), Context()),
    ):
        assert answer["statusCode"] == 401

    assert operations == []


def test_lambdas_time_less_what_the_record_needs_is_the_deadline(
    imported: Import, provider: RunningMockQwen, aws: Aws, key: str
) -> None:
    provider.control({"faults": [{"kind": "hang"}]})
    handler = imported("chat.handler")

    status, body = read(handler.lambda_handler(chat_event(chat_request(), key), Context(seconds=10)))

    assert (status, body["error"]["code"]) == (504, "provider_timeout")
    assert "the time for the whole call was over" in body["error"]["message"]
    (record,) = aws.dynamodb.scan(TableName=aws.usage_table)["Items"]
    assert int(record["latency_ms"]["N"]) < 5000


def test_models_are_listed_and_found_by_names_with_slashes(imported: Import, key: str) -> None:
    handler = imported("models.handler")

    status, listed = read(handler.lambda_handler(models_event(key), Context()))
    assert status == 200
    assert "org/qwen small" in {model["id"] for model in listed["data"]}

    encoded = models_event(key, "org/qwen small")
    assert encoded["pathParameters"] == {"model": "org%2Fqwen%20small"}
    for event in (
        encoded,
        encoded | {"pathParameters": {"model": "org/qwen small"}},
        encoded | {"pathParameters": {"model": "org/qwen small/"}},
    ):
        status, model = read(handler.lambda_handler(event, Context()))
        assert (status, model["id"]) == (200, "org/qwen small")


def test_an_unknown_model_is_told_as_openai_does(imported: Import, key: str) -> None:
    status, body = read(imported("models.handler").lambda_handler(models_event(key, "gpt/4o"), Context()))

    assert (status, body["error"]["code"], body["error"]["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize("handler", ["chat.handler", "models.handler"])
def test_a_wrong_configuration_stops_the_start_by_name(
    imported: Import, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", '{"timeouts": {"conect": 3}}')
    config.configuration.cache_clear()

    with pytest.raises(ConfigurationWrong, match=r"timeouts\.conect"):
        imported(handler)


@pytest.mark.parametrize("handler", ["chat.handler", "models.handler"])
def test_a_missing_table_name_stops_the_start_by_name(
    imported: Import, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    monkeypatch.delenv("KEYS_TABLE")
    config.environment.cache_clear()

    with pytest.raises(ConfigurationWrong, match="KEYS_TABLE"):
        imported(handler)
