"""`QwenClient`: its provider, its key, its configuration, and no need for AWS."""

import json
import os
import subprocess
import sys

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.config import ConfigurationError
from qwen_gateway.errors import InternalError, ModelUnknown, ProviderKeyRefused, ProviderNotConfigured
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.upstream import build_mock_upstream
from tests.builders import whole_stream
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response
from tests.integration.library.conftest import KEY, MakeClient

WITHOUT_AWS = """
import sys
sys.modules |= dict.fromkeys(["boto3", "botocore", "aws_lambda_powertools"])
from qwen_gateway import QwenClient
with QwenClient() as client:
    print(client.chat("Say hello.").content)
    print(*client.batch(["One.", "Two."]))
"""


def test_it_works_without_any_aws_package_and_with_only_a_key(provider: RunningMockQwen) -> None:
    """Importing a module that is None in `sys.modules` fails like one that is not installed."""
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
        run_fake_provider(respond_with(sse_response(whole_stream()))) as provider,
        QwenClient(name, configuration=build_mock_upstream(provider.url).gateway_config) as client,
    ):
        assert client.chat("Say hello.").provider == (name or "dashscope")

    (sent,) = provider.requests
    assert sent.startswith(f"POST {base_path}/chat/completions".encode())
    assert f"Bearer {KEY}".encode() in sent


def test_a_missing_key_is_rejected(make_client: MakeClient) -> None:
    with pytest.raises(ProviderNotConfigured, match="DASHSCOPE_API_KEY"):
        make_client(api_key=None)


def test_base_url_replaces_the_url_of_a_provider(provider: RunningMockQwen) -> None:
    with QwenClient("holysheep", base_url=f"{provider.url}/v1", api_key=KEY) as client:
        assert client.chat("Say hello.").provider == "holysheep"
    with pytest.raises(ProviderNotConfigured, match="HOLYSHEEP_API_KEY"):
        QwenClient("holysheep", base_url=f"{provider.url}/v1")


def test_a_custom_server_needs_no_key_and_gets_any_model_name(
    provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not get the key of another provider either."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-invalid-here")
    with QwenClient(base_url=f"{provider.url}/v1") as client:
        answer = client.chat("Say hello.", "qwen3:8b")

    assert (answer.provider, answer.model) == ("local", "qwen3:8b")


def test_an_unknown_model_of_a_provider_with_a_catalog_is_rejected(
    client: QwenClient, provider: RunningMockQwen
) -> None:
    with pytest.raises(ModelUnknown):
        client.chat("Say hello.", "qwen3:8b")
    assert provider.calls() == []


def test_the_configuration_argument_takes_precedence_over_the_environment(
    make_client: MakeClient, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = {"routes": {"mine": [{"model": "qwen-flash"}], "yours": [{"model": "qwen-flash"}]}}
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(routes))
    client = make_client(configuration={"routes": {"mine": [{"model": "qwen-plus"}]}})

    assert [client.chat("Say hello.", name).model for name in ("mine", "yours")] == ["qwen-plus", "qwen-flash"]
    assert {"mine", "yours", "qwen-plus", "qwen-max"} <= set(client.models())


def test_the_provider_argument_takes_precedence_over_the_configuration(make_client: MakeClient) -> None:
    client = make_client("dashscope-beijing", configuration={"default_provider": "holysheep"})

    assert client.chat("Say hello.").provider == "dashscope-beijing"


def test_the_error_for_an_invalid_configuration_names_the_key(make_client: MakeClient) -> None:
    with pytest.raises(ConfigurationError, match=r"retries\.attempts"):
        make_client(configuration={"retries": {"attempts": 0}})
    with pytest.raises(ConfigurationError, match="nobody"):
        make_client("nobody")
    with pytest.raises(ConfigurationError, match="base_url"):
        make_client(base_url="no url")


def test_errors_do_not_quote_the_key(make_client: MakeClient, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "message": f"Incorrect API key: {KEY}"}]})

    with pytest.raises(ProviderKeyRefused) as refused:
        make_client().chat("Say hello.")

    assert KEY not in repr(refused.value) + refused.value.message


def test_the_error_for_a_refused_key_names_its_variable(make_client: MakeClient, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "code": "invalid_api_key"}]})

    with pytest.raises(ProviderKeyRefused, match=r"dashscope refuses.*DASHSCOPE_API_KEY") as error:
        make_client().chat("Say hello.")

    assert (error.value.status, error.value.code) == (401, "invalid_api_key")


def test_an_internal_error_is_raised_from_its_cause(make_client: MakeClient) -> None:
    client = make_client()
    client.close()

    with pytest.raises(InternalError) as failed:
        client.chat("Say hello.")

    assert failed.value.__cause__ is failed.value.cause


def test_closing_the_client_closes_its_connections(make_client: MakeClient, provider: RunningMockQwen) -> None:
    client = make_client()
    client.chat("Say hello.")
    pool = client._transport._http._transport._pool  # type: ignore[attr-defined]
    assert pool.connections
    client.close()

    assert not pool.connections
