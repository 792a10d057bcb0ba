"""The library over real HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from qwen_gateway import QwenClient
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.upstream import build_mock_upstream

KEY = "sk-marked-provider-key"
VARIABLES = ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY", "GATEWAY_CONFIG")

type MakeClient = Callable[..., QwenClient]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_client(provider: RunningMockQwen) -> Iterator[MakeClient]:
    """Return a factory of clients whose providers are all the mock."""
    with ExitStack() as opened:

        def make(name: str | None = None, *, api_key: str | None = KEY, **settings: Any) -> QwenClient:
            configuration = build_mock_upstream(provider.url).gateway_config | settings.pop("configuration", {})
            client = QwenClient(name, api_key=api_key, configuration=configuration, **settings)
            return opened.enter_context(client)

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> QwenClient:
    """A client that calls the mock."""
    return make_client()
