"""The API key in other headers than `Authorization`: signed requests, and Azure's client."""

import runpy
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.builders import chat_request

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.fixture
def signing_client(stack: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> openai.OpenAI:
    """Return the client that docs/operations.md shows for IAM authorization."""
    monkeypatch.setenv("OPENAI_BASE_URL", stack["base_url"])
    monkeypatch.setenv("GATEWAY_API_KEY", stack["api_key"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    _, _, after = OPERATIONS.read_text(encoding="utf-8").partition("```python\nimport os\n")
    example = tmp_path / "example.py"
    example.write_text("import os\n" + after.partition("```")[0], encoding="utf-8")
    client: openai.OpenAI = runpy.run_path(str(example))["client"]
    return client


def test_a_signed_request_has_its_key_in_a_header_of_its_own(signing_client: openai.OpenAI) -> None:
    """The local gateway checks no signature. It reads `Authorization`, though, and rejects the key `unused`."""
    answer = signing_client.chat.completions.create(**chat_request())
    chunks = list(signing_client.chat.completions.create(**chat_request(), stream=True))

    assert "You said" in (answer.choices[0].message.content or "")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert signing_client.models.list().data


def test_a_bearer_key_takes_precedence(stack: dict[str, Any]) -> None:
    headers = {"x-api-key": stack["api_key"]}

    with pytest.raises(openai.AuthenticationError, match="key"):
        openai.OpenAI(base_url=stack["base_url"], api_key="unused", default_headers=headers).models.list()


def test_azures_client_has_its_key_accepted_but_calls_other_paths(stack: dict[str, Any]) -> None:
    azure = openai.AzureOpenAI(base_url=stack["base_url"], api_key=stack["api_key"], api_version="2024-10-21")

    assert azure.models.list().data
    with pytest.raises(openai.NotFoundError, match="Served are POST /v1/chat/completions"):
        azure.chat.completions.create(**chat_request())
