"""The chat and models functions over emulated AWS and a provider that answers over real HTTP."""

import functools
import json
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO, cast

import pytest
from aws_lambda_powertools import Logger

from chat.service import ChatService
from models.service import ModelsService
from qwen_gateway import aws as aws_clients
from qwen_gateway import config, observability
from qwen_gateway.api import HttpRequest, JsonResponse, serve
from qwen_gateway.ledger import ApiKeys, UsageLedger
from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys
from qwen_gateway.routing import Routes
from qwen_gateway.runtime import EventStream
from qwen_gateway.upstream import Transport, Upstream
from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_event, key_item, models_event, token
from tests.integration.chat.authority import Authority
from tests.integration.emulated_aws import Aws
from tests.reading import ReadStream

PROVIDER_KEY = "sk-marked-provider-key"
HURRIED = {"connect": 0.5, "first_token": 0.6, "idle": 0.6}
PATIENT = {"connect": 5, "first_token": 30, "idle": 20}
"""For gateways that have nothing to wait for: a slow machine then fails no test."""
SECONDS = 5.0
LONGEST = 1.0
"""What chance gives: each backoff is as long as it may be."""


class Answer(NamedTuple):
    """What a client sees."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, type and code."""
        return self.status, self.body["error"]["type"], self.body["error"]["code"]


class Gateway:
    """Both functions, put together as their handlers do it."""

    def __init__(
        self, aws: Aws, provider_url: str, timeouts: dict[str, float], attempts: int, more: Mapping[str, Any]
    ) -> None:
        self.aws = aws
        self.waits: list[float] = []
        """The seconds before each attempt. Nobody sleeps."""
        self.token = token()
        aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(self.token))
        names, dynamodb = config.environment(), aws_clients.dynamodb()
        settings = config.parse(
            json.dumps(
                {
                    "providers": {"dashscope": {"base_url": f"{provider_url}/v1"}},
                    "timeouts": timeouts,
                    "retries": {"attempts": attempts},
                }
            ),
            more,
        )
        keys, routes = ApiKeys(dynamodb, names.keys_table), Routes(settings)
        self.provider_keys = ProviderKeys(aws_clients.secretsmanager(), names.provider_keys_secret)
        upstream = Upstream(settings, self.provider_keys, Transport(), sleep=self.waits.append, jitter=lambda: LONGEST)
        ledger = UsageLedger(dynamodb, names.usage_table, names.usage_retention_days)
        self._chat = ChatService(keys, routes, upstream, ledger, settings.timeouts)
        self._models = ModelsService(keys, routes)

    def chat(
        self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None, seconds: float = SECONDS
    ) -> Answer:
        """POST a chat request that has to be answered within `seconds`; `key` empty sends none."""
        event = chat_event(body, self.token if key is None else key, headers)
        return self.send(event, lambda request, request_id: self._chat.complete(request, request_id, seconds))

    def stream(self, body: Any, *, headers: dict[str, str] | None = None, seconds: float = SECONDS) -> ReadStream:
        """POST a chat request that asks for a stream, and read what comes to its end."""
        event = chat_event({**body, "stream": True}, self.token, headers)
        answer = serve(event, lambda request, request_id: self._chat.complete(request, request_id, seconds))
        if isinstance(answer, EventStream):
            return ReadStream(answer.status, dict(answer.headers), b"".join(answer.chunks).decode())
        return ReadStream(answer["statusCode"], answer["headers"], answer["body"])

    def models(self, model: str | None = None, *, key: str | None = None) -> Answer:
        """GET the models, or one."""
        event = models_event(self.token if key is None else key, model)

        def handle(request: HttpRequest, _: str) -> JsonResponse:
            if model is None:
                return JsonResponse(self._models.list(request.headers))
            return JsonResponse(self._models.retrieve(request.headers, model))

        return self.send(event, handle)

    def send(self, event: dict[str, Any], handle: Callable[[HttpRequest, str], JsonResponse]) -> Answer:
        """Send an event through the edge."""
        answer = serve(event, handle)
        return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))

    def records(self) -> list[dict[str, Any]]:
        """Every usage record."""
        items = self.aws.dynamodb.scan(TableName=self.aws.usage_table)["Items"]
        return [dict(from_item(item)) for item in items]

    def record(self, answer: Answer | ReadStream) -> dict[str, Any]:
        """The record of an answer's call."""
        sort_key = f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
        (record,) = [record for record in self.records() if record["sk"] == sort_key]
        return record


class MakeGateway(Protocol):
    """Makes a gateway that calls the provider at a URL, once a request unless it is told otherwise.

    `more` is merged over its configuration.
    """

    def __call__(self, url: str, attempts: int = 1, more: Mapping[str, Any] = {}) -> Gateway: ...


class _CurrentStdout:
    """Where a test looks, while a logger keeps the stream that it was made with."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _logger() -> Logger:
    return Logger(service=f"test-{uuid.uuid4()}", stream=cast("TextIO", _CurrentStdout()))


@pytest.fixture
def make_gateway(request: pytest.FixtureRequest, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> MakeGateway:
    """Return a maker of gateways that call the provider at a URL."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "qwen-gateway")
    monkeypatch.setattr(observability, "logger", functools.cache(_logger))
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    if not {"trusted", "unknown"} & set(request.fixturenames):
        request.getfixturevalue("shared_ssl_context")
    return lambda url, attempts=1, more={}: Gateway(aws, url, HURRIED, attempts, more)


@pytest.fixture
def gateway(make_gateway: MakeGateway, provider: RunningProvider) -> Gateway:
    """A gateway that calls the stand-in."""
    return make_gateway(provider.url)


@pytest.fixture
def unknown() -> Authority:
    """An authority that nobody has reason to trust."""
    return Authority()


@pytest.fixture
def trusted(unknown: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Authority:
    """An authority that the machine's owner trusts."""
    bundle = tmp_path / "trusted.pem"
    unknown.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    return unknown
