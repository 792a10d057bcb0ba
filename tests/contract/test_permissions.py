"""What a function asks of AWS is exactly what its role allows: nothing more, so that no call is refused; nothing less,
so that no permission stands idle for whoever breaks in."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.client
import pytest

from qwen_gateway_cli.local.front.intrinsics import Intrinsics
from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import Context, chat_event, chat_request, key_item, models_event, token
from tests.contract.transformed import Template, functions
from tests.integration.chat.conftest import PROVIDER_KEY
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import fresh_import

type Permission = tuple[str, str]
"""An action, and the logical id of the resource that it is done to."""

RESOURCE_PARAMETERS = {"dynamodb": "TableName", "secretsmanager": "SecretId"}
"""Where a call names its resource; the emulated AWS names each by its logical id."""

DONE_BY_LAMBDA = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
"""Lambda writes a function's output to its log in the function's name: no call of the code shows it."""


def allowed(template: Template, function: str) -> set[Permission]:
    """Return what the function's role allows."""
    role = template["Resources"][functions(template)[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert {each["Effect"] for each in statements} == {"Allow"}
    return {(action, logical_id(each["Resource"])) for each in statements for action in actions(each["Action"])}


def actions(named: str | list[str]) -> list[str]:
    return [named] if isinstance(named, str) else named


def logical_id(resource: Mapping[str, Any]) -> str:
    match resource:
        case {"Fn::GetAtt": [str(name), "Arn"]} | {"Ref": str(name)}:
            return name
    raise ValueError(f"no resource of the template: {resource}")


def done_by_lambda(template: Template, function: str) -> set[Permission]:
    log = functions(template)[function]["LoggingConfig"]["LogGroup"]["Ref"]
    return {(action, log) for action in DONE_BY_LAMBDA}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Permission]:
    """What AWS is asked from now on."""
    asked: set[Permission] = set()
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = self.meta.service_model.signing_name
        asked.add((f"{service}:{operation}", parameters[RESOURCE_PARAMETERS[service]]))
        return call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recorded)
    return asked


@pytest.fixture
def deployed(template: Template, aws: Aws, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put state into the account; return the token of a key that it knows."""
    for name in ("KEYS_TABLE", "USAGE_TABLE", "PROVIDER_KEYS_SECRET"):
        monkeypatch.delenv(name)
    text = token()
    aws.dynamodb.put_item(TableName="KeysTable", Item=key_item(text))
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    return text


def give_environment(
    template: Template, function: str, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set the variables that the template gives a function: resources by their logical ids, defaults for the rest."""
    config = {"providers": {"dashscope": {"base_url": f"{provider.url}/v1"}}}
    values = {name: name for name in template["Resources"]} | {"GatewayConfig": json.dumps(config)}
    intrinsics = Intrinsics(template, values)
    for name, value in functions(template)[function]["Environment"]["Variables"].items():
        monkeypatch.setenv(name, intrinsics.text(value))


def chat_life(key: str, provider: RunningProvider) -> Iterator[tuple[dict[str, Any], int]]:
    """Everything that befalls the chat function, event by event, with the status that it leads to."""
    yield chat_event(chat_request(), key), 200
    yield chat_event(chat_request(), token()), 401
    yield chat_event(chat_request(model="no-such"), key), 404
    for status, code, told in (
        (429, "limit_requests", 429),
        (401, "invalid_api_key", 502),
        (500, "InternalError", 503),
    ):
        provider.control({"faults": [{"status": status, "code": code, "times": 9}]})
        yield chat_event(chat_request(), key), told


def models_life(key: str, _: RunningProvider) -> Iterator[tuple[dict[str, Any], int]]:
    """Everything that befalls the models function."""
    yield models_event(key), 200
    yield models_event(key, "qwen-plus"), 200
    yield models_event(key, "no-such"), 404
    yield models_event(token()), 401


LIVES = {"ChatFunction": chat_life, "ModelsFunction": models_life}


def test_every_function_is_watched(template: Template) -> None:
    assert LIVES.keys() == functions(template).keys()


@pytest.mark.parametrize("function", LIVES)
def test_a_function_asks_aws_for_exactly_what_its_role_allows(  # noqa: PLR0913, PLR0917 - a function's whole world
    template: Template,
    deployed: str,
    provider: RunningProvider,
    calls: set[Permission],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    give_environment(template, function, provider, monkeypatch)
    handler = fresh_import(functions(template)[function]["Handler"].rpartition(".")[0], monkeypatch)

    for event, status in LIVES[function](deployed, provider):
        assert handler.lambda_handler(event, Context())["statusCode"] == status

    assert calls | done_by_lambda(template, function) == allowed(template, function)
    assert not calls & done_by_lambda(template, function)
