"""The chat and models functions with emulated AWS and a provider over real HTTP."""

import functools
import json
import secrets
import sys
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO, cast

import pytest
from aws_lambda_powertools import Logger

from chat.service import ChatService
from embeddings.service import EmbeddingsService
from messages.service import MessagesService
from models.service import ModelsService
from qwen_gateway import aws as aws_clients
from qwen_gateway import config, observability
from qwen_gateway.api import ANTHROPIC, HttpExchange, ResponsesFormat
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.ledger import Admissions, ApiKeys, KeysTable, KnownKeys, Settlements, UsageLedger
from qwen_gateway.ledger import token as token_form
from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway.ledger.own_usage import OwnUsage
from qwen_gateway.ledger.stored_responses import StoredResponses
from qwen_gateway.pricing import Prices
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys
from qwen_gateway.routing import Routes
from qwen_gateway.runtime import EventStream
from qwen_gateway.upstream import Transport, Upstream
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from responses_api.service import ResponsesService
from tests.builders import chat_event, key_item, models_event, post_event, proxy_event, token, usage_event
from tests.integration.chat.fake_provider import FakeCertificateAuthority
from tests.integration.emulated_aws import Aws
from tests.stream_response import MessageStream, ResponseEvents, StreamResponse
from usage.service import UsageService

PROVIDER_KEY = "sk-marked-provider-key"
SHORT_TIMEOUTS: dict[str, float] = {"connect": 0.5, "first_token": 0.6, "idle": 0.6}
LONG_TIMEOUTS: dict[str, float] = {"connect": 5, "first_token": 30, "idle": 20}
"""For tests that expect no timeout, also on a slow machine."""
DEADLINE_S = 5.0
MAX_JITTER = 1.0
"""The jitter of each backoff, as long as it can be."""


class Answer(NamedTuple):
    """The response that a client receives."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, type and code."""
        return self.status, self.body["error"]["type"], self.body["error"]["code"]


class Gateway:
    """The functions, composed as in their handlers."""

    def __init__(  # noqa: PLR0913 - a fixture passes them
        self,
        aws: Aws,
        provider_url: str,
        timeouts: dict[str, float],
        attempts: int,
        more: Mapping[str, Any],
        *,
        now: datetime | None,
    ) -> None:
        self.aws = aws
        self.waits: list[float] = []
        """Seconds of each wait before an attempt. No test sleeps."""
        self.token = token()
        aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(self.token))
        names, dynamodb = config.environment(), aws_clients.dynamodb()
        settings = config.parse(
            json.dumps(
                {
                    "providers": {"dashscope": {"base_url": f"{provider_url}/v1", "anthropic_base_url": provider_url}},
                    "timeouts": timeouts,
                    "retries": {"attempts": attempts},
                }
            ),
            more,
        )
        keys = KeysTable(dynamodb, aws_clients.dynamodb_once(), names.keys_table)
        self.routes = Routes(settings, now.timestamp) if now else Routes(settings)
        self.provider_keys = ProviderKeys(aws_clients.secretsmanager(), names.provider_keys_secret)
        upstream = Upstream(
            settings, self.provider_keys, Transport(), sleep=self.waits.append, jitter=lambda: MAX_JITTER
        )
        ledger = UsageLedger(dynamodb, names.usage_table, names.usage_retention_days)
        self.calls = MeteredCalls(
            Admissions(keys, KnownKeys(), sleep=lambda _: None),
            upstream,
            Settlements(keys, ledger),
            settings.timeouts,
            self.routes,
            Prices(settings),
            settings.accounting.presumed,
        )
        self._chat = ChatService(self.routes, self.calls)
        self.reserved_s = settings.timeouts.reserved_for_ledger
        self._usage = UsageService(OwnUsage(dynamodb, names.keys_table, names.usage_table), "USD")
        self._embeddings = EmbeddingsService(self.routes, self.calls)
        self._messages = MessagesService(self.routes, self.calls)
        stored = StoredResponses(dynamodb, names.usage_table)
        self._responses = ResponsesService(self.routes, self.calls, stored)
        self._models = ModelsService(ApiKeys(dynamodb, names.keys_table), self.routes)

    def chat(
        self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None, seconds: float = DEADLINE_S
    ) -> Answer:
        """POST a chat request with a deadline of `seconds`. An empty `key` sends no Authorization header."""
        return parse_response(self.handle(chat_event(body, self.token if key is None else key, headers), seconds))

    def stream(
        self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None, seconds: float = DEADLINE_S
    ) -> StreamResponse:
        """POST a streaming chat request and return the complete stream."""
        answer = self.handle(chat_event({**body, "stream": True}, key or self.token, headers), seconds)
        if isinstance(answer, EventStream):
            return StreamResponse(answer.status, dict(answer.headers), b"".join(answer.chunks).decode())
        return StreamResponse(answer["statusCode"], answer["headers"], answer["body"])

    def embed(self, body: Any, *, key: str | None = None, seconds: float = DEADLINE_S) -> Answer:
        """POST a request for embeddings with a deadline of `seconds`, and return the whole answer."""
        event = post_event("/v1/embeddings", body, self.token if key is None else key)
        with HttpExchange(event) as exchange:
            exchange.respond(self._embeddings.embed(exchange.request, seconds + self.reserved_s))
        return parse_response(exchange.response)

    def message(self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        """POST a request for a whole message."""
        return parse_response(self.handle_message(body, key=key, headers=headers))

    def stream_message(self, body: Any, *, key: str | None = None, seconds: float = DEADLINE_S) -> MessageStream:
        """POST a request for a streamed message, and return the complete stream."""
        answer = self.handle_message({**body, "stream": True}, key=key, seconds=seconds)
        if isinstance(answer, EventStream):
            return MessageStream(answer.status, dict(answer.headers), b"".join(answer.chunks).decode())
        return MessageStream(answer["statusCode"], answer["headers"], answer["body"])

    def count_tokens(self, body: Any, *, key: str | None = None) -> Answer:
        """POST a request whose tokens are to be counted."""
        event = post_event("/v1/messages/count_tokens", body, self.token if key is None else key)
        with HttpExchange(event, ANTHROPIC) as exchange:
            exchange.respond(self._messages.count_tokens(exchange.request, DEADLINE_S))
        return parse_response(exchange.response)

    def handle_message(
        self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None, seconds: float = DEADLINE_S
    ) -> Any:
        """Return the response of the messages function to a request for a message."""
        event = post_event("/v1/messages", body, self.token if key is None else key, headers)
        with HttpExchange(event, ANTHROPIC) as exchange:
            exchange.respond(self._messages.create(exchange.request, seconds + self.reserved_s))
        return exchange.response

    def respond(self, body: Any, *, key: str | None = None, seconds: float = DEADLINE_S) -> Answer:
        """POST a request for a whole response."""
        return parse_response(self.handle_response(body, key=key, seconds=seconds))

    def stream_response(self, body: Any, *, key: str | None = None, seconds: float = DEADLINE_S) -> ResponseEvents:
        """POST a request for a streamed response, and return the complete stream."""
        answer = self.handle_response({**body, "stream": True}, key=key, seconds=seconds)
        if isinstance(answer, EventStream):
            return ResponseEvents(answer.status, dict(answer.headers), b"".join(answer.chunks).decode())
        return ResponseEvents(answer["statusCode"], answer["headers"], answer["body"])

    def handle_response(self, body: Any, *, key: str | None = None, seconds: float = DEADLINE_S) -> Any:
        """Return the response of the function of Responses to a POST."""
        event = post_event("/v1/responses", body, self.token if key is None else key)
        with HttpExchange(event, ResponsesFormat()) as exchange:
            exchange.respond(self._responses.create(exchange.request, seconds + self.reserved_s))
        return exchange.response

    def stored(
        self,
        method: str,
        response_id: str,
        part: str = "",
        *,
        key: str | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """GET or DELETE a stored response, or GET its `input_items`."""
        headers = {"Authorization": f"Bearer {self.token if key is None else key}"}
        event = proxy_event(method, "/v1/responses", headers=headers, path_parameters={"response_id": response_id})
        answers = {"GET": self._responses.retrieve, "DELETE": self._responses.delete}
        answer = self._responses.list_input if part else answers[method]
        with HttpExchange(event | {"queryStringParameters": query}, ResponsesFormat()) as exchange:
            exchange.respond(answer(exchange.request, DEADLINE_S))
        return parse_response(exchange.response)

    def models(self, model: str | None = None, *, key: str | None = None) -> Answer:
        """GET all models, or one."""
        with HttpExchange(models_event(self.token if key is None else key, model)) as exchange:
            request = exchange.request
            exchange.respond(self._models.retrieve(request, model) if model else self._models.list(request))
        return parse_response(exchange.response)

    def usage(self, *, key: str | None = None) -> Answer:
        """GET the key's own use."""
        with HttpExchange(usage_event(self.token if key is None else key)) as exchange:
            exchange.respond(self._usage.show(exchange.request))
        return parse_response(exchange.response)

    def handle(self, event: dict[str, Any], seconds: float = DEADLINE_S) -> Any:
        """Return the response of the chat function to a proxy event."""
        with HttpExchange(event) as exchange:
            exchange.respond(self._chat.complete(exchange.request, seconds + self.reserved_s))
        return exchange.response

    def add_key(self, **fields: Any) -> str:
        """Store a key with these settings and state; return its token."""
        text = token(f"TestKey{secrets.token_hex(4)}")
        self.aws.dynamodb.put_item(TableName=self.aws.keys_table, Item=key_item(text, **fields))
        return text

    def key(self, text: str | None = None) -> dict[str, Any]:
        """Return the item of a key, by its token."""
        key = {"id": {"S": token_form.parse(text or self.token).id}}
        return from_item(self.aws.dynamodb.get_item(TableName=self.aws.keys_table, Key=key)["Item"])

    def records(self) -> list[dict[str, Any]]:
        """Return all usage records."""
        items = self.aws.dynamodb.scan(TableName=self.aws.usage_table)["Items"]
        return [dict(from_item(item)) for item in items if item["sk"]["S"].startswith("USE#")]

    def record(self, answer: Answer | StreamResponse) -> dict[str, Any]:
        """Return the usage record of a call."""
        sort_key = f"USE#{answer.headers['x-request-id'].removeprefix('req_')}"
        (record,) = [record for record in self.records() if record["sk"] == sort_key]
        return record


def parse_response(response: Any) -> Answer:
    """Return the response of a handler as the client receives it."""
    if isinstance(response, EventStream):
        return Answer(response.status, dict(response.headers), json.loads(b"".join(response.chunks)))
    return Answer(response["statusCode"], response["headers"], json.loads(response["body"]))


class MakeGateway(Protocol):
    """Creates a gateway that calls the provider at a URL, by default with one attempt for each request.

    `more` is merged over the configuration. `now` is the time for retirements of models.
    """

    def __call__(
        self, url: str, attempts: int = 1, more: Mapping[str, Any] = {}, now: datetime | None = None
    ) -> Gateway: ...


class _CurrentStdout:
    """The current `sys.stdout`, which pytest replaces for each test, while a logger keeps its first stream."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _logger() -> Logger:
    return Logger(service=f"test-{uuid.uuid4()}", stream=cast("TextIO", _CurrentStdout()))


@pytest.fixture
def make_gateway(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> MakeGateway:
    """Return a function that creates gateways to the provider at a URL."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "qwen-gateway")
    monkeypatch.setattr(observability, "logger", functools.cache(_logger))
    aws.store_provider_keys(dashscope=PROVIDER_KEY)
    return lambda url, attempts=1, more={}, now=None: Gateway(aws, url, SHORT_TIMEOUTS, attempts, more, now=now)


@pytest.fixture
def gateway(make_gateway: MakeGateway, provider: RunningMockQwen) -> Gateway:
    """A gateway to the mock Qwen."""
    return make_gateway(provider.url)


@pytest.fixture
def untrusted_ca() -> FakeCertificateAuthority:
    """A certificate authority that is not trusted."""
    return FakeCertificateAuthority()


@pytest.fixture
def trusted_ca(
    untrusted_ca: FakeCertificateAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeCertificateAuthority:
    """A certificate authority that is trusted through SSL_CERT_FILE."""
    bundle = tmp_path / "trusted.pem"
    untrusted_ca.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    return untrusted_ca
