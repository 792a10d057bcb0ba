"""Calls that take longer than the client's timeout."""

import httpx2
import openai
import pytest

from tests.builders import chat_request
from tests.stack.clients.conftest import Received, Records
from tests.stack.clients.openai_clients import ClientError, Node
from tests.stack.repository import wait_until


def test_a_client_that_announces_its_timeout_gets_an_error_before_it(
    client: openai.OpenAI, node: Node, provider: httpx2.Client, received: Received
) -> None:
    client.chat.completions.create(**chat_request())  # Warm up: a cold start would count against the timeouts.
    provider.delete("/_control")
    provider.put("/_control", json={"faults": [{"kind": "hang", "times": 9}]})

    with pytest.raises(openai.InternalServerError) as python:
        client.with_options(timeout=2.5).chat.completions.create(**chat_request())
    with pytest.raises(ClientError) as javascript:
        node.call_with({}, {"timeout": 2500}, "chat", **chat_request())

    for error in (python.value, javascript.value):
        assert error.code == "provider_timeout"
        assert "fewer max_tokens" in str(error)
    assert len(received()) == 2


def test_a_client_without_an_announced_timeout_retries_and_records_count_the_retries(
    node: Node, provider: httpx2.Client, records: Records
) -> None:
    earlier = [record["sk"]["S"] for record in records()]
    provider.put("/_control", json={"latency_ms": 900})

    with pytest.raises(ClientError) as caught:
        node.call_with({"timeout": 400}, {}, "chat", **chat_request())

    assert caught.value.kind == "APIConnectionTimeoutError"
    wait_until(lambda: len(records()) == len(earlier) + 3)
    retry_counts = [record["client_retry_count"]["N"] for record in records() if record["sk"]["S"] not in earlier]
    assert sorted(retry_counts) == ["0", "1", "2"]
