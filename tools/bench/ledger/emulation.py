"""The emulated DynamoDB and the mock Qwen in processes of their own, with the tables of the template and a secret."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

from qwen_gateway.ledger.administration import IssuedKey, KeyAdministration
from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway.ledger.key_limits import KeyLimits
from qwen_gateway.ledger.reconcile import Tables
from qwen_gateway_cli.aws_clients import LOCAL_KEY, LOCAL_REGION, create_local_client
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.servers import Servers
from qwen_gateway_cli.local.sockets import find_free_port
from qwen_gateway_cli.upstream import build_mock_upstream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEYS, USAGE, SECRET = "keys", "usage", "provider-keys"
TABLES = Tables(keys=KEYS, usage=USAGE, retention_days=400, currency="USD")
_TIMEOUTS = {"connect": 1, "first_token": 0.3, "idle": 0.3}
"""Seconds, so that a hanging provider does not hold up a call for long."""


class Emulation(NamedTuple):
    """The running servers: a client of the emulated DynamoDB, and one of the mock's control interface."""

    endpoint: str
    dynamodb: "DynamoDBClient"
    provider: RunningMockQwen

    def create_key(self, now: float, **limits: Any) -> IssuedKey:
        """Create an API key with these limits."""
        return KeyAdministration(self.dynamodb, KEYS).create("bench", now, limits=KeyLimits(**limits))

    def scan(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [from_item(item) for page in pages for item in page["Items"]]

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables of a function, as the template sets them."""
        settings = build_mock_upstream(self.provider.url).gateway_config
        # A failed target is not put aside, so that every call has as many attempts as the last one.
        more = {"timeouts": _TIMEOUTS, "retries": {"attempts": 3, "cooldown": 0}}
        return {
            "AWS_ACCESS_KEY_ID": LOCAL_KEY,
            "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
            "AWS_REGION": LOCAL_REGION,
            "AWS_DEFAULT_REGION": LOCAL_REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "KEYS_TABLE": KEYS,
            "USAGE_TABLE": USAGE,
            "PROVIDER_KEYS_SECRET": SECRET,
            "GATEWAY_CONFIG": json.dumps(settings | more),
            "POWERTOOLS_METRICS_NAMESPACE": "QwenGateway",
            "POWERTOOLS_SERVICE_NAME": "qwen-gateway",
        }


@contextmanager
def run_emulation(layout: Layout) -> Iterator[Emulation]:
    """Run both servers until the end of the block, with empty tables. Of the repository only its tools are used."""
    with tempfile.TemporaryDirectory() as folder:
        own = _OwnFolders(layout, Path(folder))
        processes = Processes(own.processes)
        try:
            yield from _serve(own, processes)
        finally:
            processes.stop(processes.recorded())


class _OwnFolders(Layout):
    """The tools of a repository, and folders elsewhere: a local stack of the repository may run beside."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        super().__init__(folder)
        self.ministack = layout.ministack
        for path in (*self.transient_folders, self.logs):
            path.mkdir(parents=True)


def _serve(layout: Layout, processes: Processes) -> Iterator[Emulation]:
    servers = Servers(layout, processes)
    port = find_free_port()
    endpoint = f"http://127.0.0.1:{port}"
    ministack, mock = servers.start_ministack(port), servers.start_mock_qwen()
    url = servers.wait_for_url(mock)
    servers.wait_for_ministack(ministack, port)
    dynamodb = create_local_client("dynamodb", endpoint)
    _create_tables(dynamodb)
    keys = {provider: {"key": key} for provider, key in build_mock_upstream(url).keys.items()}
    create_local_client("secretsmanager", endpoint).create_secret(Name=SECRET, SecretString=json.dumps(keys))
    with httpx2.Client(base_url=url, trust_env=False, timeout=60) as http:
        yield Emulation(endpoint, dynamodb, RunningMockQwen(http))


def _create_tables(dynamodb: "DynamoDBClient") -> None:
    dynamodb.create_table(
        TableName=KEYS,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    dynamodb.create_table(
        TableName=USAGE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
