"""The openai client for the mock."""

from collections.abc import Iterator

import httpx2
import openai
import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.mock_qwen.chat_client import TIMEOUT_S


@pytest.fixture
def client(provider: RunningMockQwen) -> Iterator[openai.OpenAI]:
    """The openai client without retries."""
    http = httpx2.Client(trust_env=False)
    with openai.OpenAI(
        base_url=f"{provider.url}/compatible-mode/v1",
        api_key="sk-any",
        max_retries=0,
        timeout=TIMEOUT_S,
        http_client=http,
    ) as client:
        yield client
