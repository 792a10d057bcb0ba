"""Embeddings with the library: any number of texts, in order, with usage and cost."""

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.errors import ProviderContextExceeded, RequestInvalid
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen

TEXTS = [f"This is text {number}." for number in range(25)]


@pytest.fixture
def client(provider: RunningMockQwen) -> QwenClient:
    """A client of the mock under the name of DashScope, whose catalog and prices it has."""
    return QwenClient("dashscope", base_url=f"{provider.url}/v1", api_key="sk-test")


def test_texts_are_embedded_in_calls_of_ten(client: QwenClient, provider: RunningMockQwen) -> None:
    answer = client.embed(TEXTS, dimensions=64)

    assert [len(vector) for vector in answer.vectors] == [64] * 25
    assert [len(call["body"]["input"]) for call in provider.calls()] == [10, 10, 5]
    assert client.embed(TEXTS[24], dimensions=64).vectors == answer.vectors[24:]
    assert (answer.model, answer.provider, len(answer.attempts)) == ("text-embedding-v4", "dashscope", 3)
    assert answer.usage
    assert answer.cost
    assert answer.cost.amount == (answer.usage.tokens_in or 0) * 70_000


def test_a_failed_call_is_raised(client: QwenClient) -> None:
    with pytest.raises(ProviderContextExceeded):
        client.embed([*TEXTS, "word " * 9_000])
    with pytest.raises(RequestInvalid):
        client.embed([])
