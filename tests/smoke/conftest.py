"""The gateway that is examined, and how it is called."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway.ledger.dynamodb import from_item
from tests.smoke.target import TARGET, Account, Target

type Record = Callable[[str], dict[str, Any]]

PATIENCE_S = 20
"""A client has its last event before the record is written."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "target" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.enable_socket, append=False)


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """The gateway."""
    if TARGET not in pytestconfig.stash:
        pytest.skip("`make smoke STACK=NAME` runs this against a gateway that is deployed, on AWS or by `make up`")
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def account(target: Target) -> Account:
    """The account in which it is deployed."""
    if target.account is None:
        pytest.skip("only who may read the gateway's account can tell: name its STACK")
    return target.account


@pytest.fixture(scope="session")
def client(target: Target) -> openai.OpenAI:
    """The real client with its defaults."""
    return openai.OpenAI(base_url=target.base_url, api_key=target.api_key)


@pytest.fixture(scope="session")
def http(target: Target) -> httpx2.Client:
    """Any other client, with the key."""
    authorization = {"authorization": f"Bearer {target.api_key}"}
    return httpx2.Client(base_url=target.base_url, headers=authorization, timeout=60)


@pytest.fixture
def pace(target: Target) -> Callable[[int, int], None]:
    """Return a function that sets how many pieces an answer has, and the milliseconds between them.

    The real Qwen has a pace of its own.
    """

    def set_pace(pieces: int, gap_ms: int) -> None:
        if target.provider_url:
            control = {"chunks": pieces, "chunk_gap_ms": gap_ms}
            httpx2.put(f"{target.provider_url}/_control", json=control).raise_for_status()

    return set_pace


@pytest.fixture
def record(target: Target, account: Account) -> Record:
    """Return a function that reads the one usage record of a request id."""
    key_id = target.api_key.split("-")[2]

    def found(request_id: str) -> list[dict[str, Any]]:
        answer = account.stack.clients.dynamodb.query(
            TableName=account.stack.usage_table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={
                ":pk": {"S": f"KEY#{key_id}"},
                ":sk": {"S": f"USE#{request_id.removeprefix('req_')}"},
            },
            ConsistentRead=True,
        )
        return [dict(from_item(item)) for item in answer["Items"]]

    def of(request_id: str) -> dict[str, Any]:
        limit = time.monotonic() + PATIENCE_S
        while not found(request_id) and time.monotonic() < limit:
            time.sleep(0.2)
        (only,) = found(request_id)
        return only

    return of
