"""Which provider a client calls, with which key, and what it does without: Lambda and AWS."""

import json
import os
import subprocess
import sys

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.config import ConfigurationWrong
from qwen_gateway.errors import Defect, ModelUnknown, ProviderKeyRefused, ProviderNotConfigured
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.local.upstream import build_mock_upstream
from tests.builders import whole_stream
from tests.integration.chat.scripted import event_stream, says, scripted_provider
from tests.integration.library.conftest import KEY, MakeClient

WITHOUT_AWS = """
import sys
sys.modules |= dict.fromkeys(["boto3", "botocore", "aws_lambda_powertools"])
from qwen_gateway import QwenClient
with QwenClient() as client:
    print(client.chat("Say hello.").content)
    print(*client.batch(["One.", "Two."]))
"""


def test_it_works_without_any_package_of_aws_and_with_nothing_but_a_key(provider: RunningMockQwen) -> None:
    """Importing a module that stands as None in `sys.modules` fails, as one that is not installed."""
    environment = {
        "DASHSCOPE_API_KEY": KEY,
        "GATEWAY_CONFIG": json.dumps(build_mock_upstream(provider.url).gateway_config),
        "PATH": os.environ["PATH"],
    }

    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_AWS], env=environment, capture_output=True, text=True, check=True
    )

    assert all(prompt in ended.stdout for prompt in ("Say hello.", "One.", "Two."))
    assert KEY not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("name", "variable", "base_path"),
    [
        (None, "DASHSCOPE_API_KEY", "/compatible-mode/v1"),
        ("dashscope-beijing", "DASHSCOPE_API_KEY", "/compatible-mode/v1"),
        ("holysheep", "HOLYSHEEP_API_KEY", "/v1"),
    ],
)
def test_a_provider_is_called_with_the_key_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str | None, variable: str, base_path: str
) -> None:
    monkeypatch.setenv(variable, KEY)
    with (
        scripted_provider(says(event_stream(whole_stream()))) as provider,
        QwenClient(name, configuration=build_mock_upstream(provider.url).gateway_config) as client,
    ):
        assert client.chat("Say hello.").provider == (name or "dashscope")

    (sent,) = provider.requests
    assert sent.startswith(f"POST {base_path}/chat/completions".encode())
    assert f"Bearer {KEY}".encode() in sent


def test_a_client_without_its_key_is_not_made(make_client: MakeClient) -> None:
    with pytest.raises(ProviderNotConfigured, match="DASHSCOPE_API_KEY"):
        make_client(api_key=None)


def test_a_providers_url_can_be_another(provider: RunningMockQwen) -> None:
    with QwenClient("holysheep", base_url=f"{provider.url}/v1", api_key=KEY) as client:
        assert client.chat("Say hello.").provider == "holysheep"
    with pytest.raises(ProviderNotConfigured, match="HOLYSHEEP_API_KEY"):
        QwenClient("holysheep", base_url=f"{provider.url}/v1")


def test_a_server_of_ones_own_needs_no_key_and_gets_any_models_name(
    provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it get the key of another provider."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-invalid-here")
    with QwenClient(base_url=f"{provider.url}/v1") as client:
        answer = client.chat("Say hello.", "qwen3:8b")

    assert (answer.provider, answer.model) == ("local", "qwen3:8b")


def test_a_provider_with_a_catalog_gets_no_unknown_name(client: QwenClient, provider: RunningMockQwen) -> None:
    with pytest.raises(ModelUnknown):
        client.chat("Say hello.", "qwen3:8b")
    assert provider.calls() == []


def test_what_is_given_goes_before_the_environments_configuration(
    make_client: MakeClient, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = {"routes": {"mine": [{"model": "qwen-flash"}], "yours": [{"model": "qwen-flash"}]}}
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(routes))
    client = make_client(configuration={"routes": {"mine": [{"model": "qwen-plus"}]}})

    assert [client.chat("Say hello.", name).model for name in ("mine", "yours")] == ["qwen-plus", "qwen-flash"]
    assert {"mine", "yours", "qwen-plus", "qwen-max"} <= set(client.models())


def test_a_provider_that_is_named_goes_before_the_configurations(make_client: MakeClient) -> None:
    client = make_client("dashscope-beijing", configuration={"default_provider": "holysheep"})

    assert client.chat("Say hello.").provider == "dashscope-beijing"


def test_a_wrong_configuration_is_refused_with_the_key_that_is_wrong(make_client: MakeClient) -> None:
    with pytest.raises(ConfigurationWrong, match=r"retries\.attempts"):
        make_client(configuration={"retries": {"attempts": 0}})
    with pytest.raises(ConfigurationWrong, match="nobody"):
        make_client("nobody")
    with pytest.raises(ConfigurationWrong, match="base_url"):
        make_client(base_url="no url")


def test_no_error_shows_the_key(make_client: MakeClient, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "message": f"Incorrect API key: {KEY}"}]})

    with pytest.raises(ProviderKeyRefused) as refused:
        make_client().chat("Say hello.")

    assert KEY not in repr(refused.value) + refused.value.message


def test_a_refused_key_is_told_with_the_variable_that_holds_it(
    make_client: MakeClient, provider: RunningMockQwen
) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "code": "invalid_api_key"}]})

    with pytest.raises(ProviderKeyRefused, match=r"dashscope refuses.*DASHSCOPE_API_KEY") as told:
        make_client().chat("Say hello.")

    assert (told.value.status, told.value.code) == (401, "invalid_api_key")


def test_a_defect_shows_what_it_was(make_client: MakeClient) -> None:
    client = make_client()
    client.close()

    with pytest.raises(Defect) as failed:
        client.chat("Say hello.")

    assert failed.value.__cause__ is failed.value.unforeseen


def test_a_closed_client_leaves_no_connection(make_client: MakeClient, provider: RunningMockQwen) -> None:
    client = make_client()
    client.chat("Say hello.")
    pool = client._transport._http._transport._pool  # type: ignore[attr-defined]
    assert pool.connections
    client.close()

    assert not pool.connections
