"""Files of prompts, and a provider whose key stands in the environment."""

import json
from pathlib import Path

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.upstream import build_mock_upstream
from tests.integration.cli.batch.files import KEY, Fill

VARIABLES = ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY")


@pytest.fixture(autouse=True)
def _stand_in_and_its_key(provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(build_mock_upstream(provider.url).gateway_config))


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write a file of prompts."""

    def write(*lines: str | bytes, name: str = "prompts.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
        return path

    return write
