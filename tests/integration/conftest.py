"""AWS by moto, with the tables and the secret that template.yaml describes, and AWS that fails."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import boto3
import pytest
import yaml
from moto import mock_aws

from qwen_gateway import aws as aws_clients
from qwen_gateway import config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REGION = "us-east-1"
LEFT_OUT = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "GATEWAY_CONFIG",
)


class Aws(NamedTuple):
    """An emulated account that holds the stack's state. Names are the logical ids of the template."""

    dynamodb: "DynamoDBClient"
    secretsmanager: "SecretsManagerClient"
    keys_table: str
    usage_table: str
    provider_keys_secret: str

    def store_provider_keys(self, **keys: str) -> None:
        """Fill the secret as the operator's command does."""
        document = {provider: {"key": key, "set_at": "2026-11-24T09:00:00Z"} for provider, key in keys.items()}
        self.secretsmanager.put_secret_value(SecretId=self.provider_keys_secret, SecretString=json.dumps(document))


type FailingAws = Callable[[int, str], str]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Make tables and secret, and the environment that the template gives a function."""
    set_environment(monkeypatch, KEYS_TABLE="KeysTable", USAGE_TABLE="UsageTable")
    monkeypatch.setenv("PROVIDER_KEYS_SECRET", "ProviderKeysSecret")
    _forget()
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        secretsmanager = boto3.client("secretsmanager")
        resources = _template()["Resources"]
        for name in ("KeysTable", "UsageTable"):
            _make_table(dynamodb, name, resources[name]["Properties"])
        secret = resources["ProviderKeysSecret"]["Properties"]["SecretString"]
        secretsmanager.create_secret(Name="ProviderKeysSecret", SecretString=secret)
        yield Aws(dynamodb, secretsmanager, "KeysTable", "UsageTable", "ProviderKeysSecret")
    _forget()


@pytest.fixture
def failing_aws() -> Iterator[FailingAws]:
    """Start services that answer every call with one HTTP status and one AWS error code; returns their URL."""
    with ExitStack() as servers:
        yield lambda status, code: servers.enter_context(
            answering(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "internals"}))
        )


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set dummy AWS credentials and some variables, and leave out what a developer's own shell may hold."""
    for name in LEFT_OUT:
        monkeypatch.delenv(name, raising=False)
    dummy = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    for name, value in (dummy | variables).items():
        monkeypatch.setenv(name, value)


@contextmanager
def answering(status: int, body: str, seen: list[dict[str, str]] | None = None) -> Iterator[str]:
    """Serve one answer for every POST on loopback; `seen` collects the headers and the body of each call."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", "0")))
            if seen is not None:
                seen.append({**{name.lower(): value for name, value in self.headers.items()}, "body": sent.decode()})
            self.send_response(status)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's YAML; a short intrinsic function becomes its name and argument."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def _template() -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return template


def _make_table(dynamodb: "DynamoDBClient", name: str, properties: dict[str, Any]) -> None:
    same = ("BillingMode", "AttributeDefinitions", "KeySchema")
    dynamodb.create_table(TableName=name, **{each: properties[each] for each in same})
    if lifetime := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=lifetime)


def _forget() -> None:
    """Drop the clients and the configuration that the code under test keeps for the life of a process."""
    for kept in (aws_clients._session, aws_clients.dynamodb, aws_clients.secretsmanager):
        kept.cache_clear()
    config.configuration.cache_clear()
    config.environment.cache_clear()
