"""Fixtures of the smoke tests: the target gateway, its clients and its records."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway.ledger.dynamodb import from_item
from tests.smoke.claims import Claim
from tests.smoke.target import TARGET, Account, Target

type ReadRecord = Callable[[str], dict[str, Any]]
type Measure = Callable[[str, Claim], None]

RECORD_TIMEOUT_S = 20
"""The record is written after the last event of a stream."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "target" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.enable_socket, append=False)


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """Return the gateway under test."""
    if TARGET not in pytestconfig.stash:
        pytest.skip("`make smoke STACK=NAME` tests a gateway deployed on AWS or by `make up`")
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def account(target: Target) -> Account:
    """Return the account of the gateway."""
    if target.account is None:
        pytest.skip("this test reads the gateway's account: set STACK")
    return target.account


@pytest.fixture(scope="session")
def client(target: Target) -> openai.OpenAI:
    """Return OpenAI's client with its defaults."""
    return openai.OpenAI(base_url=target.base_url, api_key=target.api_key)


@pytest.fixture(scope="session")
def http(target: Target) -> httpx2.Client:
    """Return a plain HTTP client with the key."""
    authorization = {"authorization": f"Bearer {target.api_key}"}
    return httpx2.Client(base_url=target.base_url, headers=authorization, timeout=60)


@pytest.fixture
def measure(record_property: Callable[[str, object], None]) -> Measure:
    """Return a function that adds a measurement to the line of a claim."""
    return lambda text, claim: record_property(claim.name, text)


@pytest.fixture
def set_pace(target: Target) -> Callable[[int, int], None]:
    """Return a function that sets the number of chunks of an answer and the gap between them in milliseconds.

    It has an effect on the mock provider only.
    """

    def configure(pieces: int, gap_ms: int) -> None:
        if target.provider_url:
            _control(target.provider_url, {"chunks": pieces, "chunk_gap_ms": gap_ms})

    return configure


@pytest.fixture
def fail_once(target: Target) -> Callable[[str], None]:
    """Return a function that makes the mock provider fail the next call of a model; skip without a mock provider."""
    url = target.provider_url
    if url is None:
        pytest.skip("a real provider does not fail on demand")
    return lambda model: _control(url, {"faults": [{"model": model, "status": 429, "code": "limit_burst_rate"}]})


@pytest.fixture
def read_record(target: Target, account: Account) -> ReadRecord:
    """Return a function that reads the one usage record of a request id."""
    key_id = target.api_key.split("-")[2]

    def query(request_id: str) -> list[dict[str, Any]]:
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

    def wait_for_record(request_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + RECORD_TIMEOUT_S
        while not query(request_id) and time.monotonic() < deadline:
            time.sleep(0.2)
        (only,) = query(request_id)
        return only

    return wait_for_record


def _control(provider_url: str, settings: dict[str, Any]) -> None:
    httpx2.put(f"{provider_url}/_control", json=settings, timeout=10).raise_for_status()
