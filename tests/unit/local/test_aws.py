import pytest

from qwen_gateway_cli.local import aws
from qwen_gateway_cli.local.layout import Layout

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

    client = aws.client("dynamodb", ENDPOINT)

    assert client.meta.endpoint_url == ENDPOINT
    assert client.meta.region_name == "us-east-1"
    assert client._request_signer._credentials.access_key == "test"  # type: ignore[attr-defined]


def test_the_emulated_aws_is_bound_to_loopback(tmp_path: "object") -> None:
    environment = aws.build_environment(Layout(tmp_path), 4567)  # type: ignore[arg-type]

    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["GATEWAY_PORT"] == "4567"
    assert environment["IOT_MTLS_ENABLED"] == "0"


def test_the_rest_api_url_takes_a_path_of_the_template() -> None:
    address = aws.rest_api_url(ENDPOINT, "abc", "api") + "/v1/models"

    assert address == "http://127.0.0.1:4566/restapis/abc/api/_user_request_/v1/models"
