"""The command's AWS clients."""

import pytest

from qwen_gateway_cli.aws_clients import create_local_client

ENDPOINT = "http://127.0.0.1:4566"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_PROFILE", "a profile that is in no file"),
        ("AWS_ACCESS_KEY_ID", "AKIAREALLOOKINGKEY00"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.eu-central-1.amazonaws.com"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"),
        ("AWS_CA_BUNDLE", "/nowhere.pem"),
    ],
)
def test_a_local_client_ignores_the_callers_environment(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    client = create_local_client("dynamodb", ENDPOINT)

    assert client.meta.endpoint_url == ENDPOINT
    assert client.meta.region_name == "us-east-1"
    assert client._request_signer._credentials.access_key == "test"  # type: ignore[attr-defined]
