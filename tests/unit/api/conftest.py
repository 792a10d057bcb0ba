"""The environment that responses need: the CORS values and the names of table and metrics."""

from collections.abc import Iterator

import pytest

from qwen_gateway import config


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KEYS_TABLE", "keys")
    monkeypatch.setenv("ALLOWED_ORIGIN", "https://app.example")
    monkeypatch.setenv("EXPOSED_HEADERS", "x-request-id,retry-after")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    config.environment.cache_clear()
    yield
    config.environment.cache_clear()
