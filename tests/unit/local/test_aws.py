from qwen_gateway_cli.local import aws
from qwen_gateway_cli.local.layout import Layout

ENDPOINT = "http://127.0.0.1:4566"


def test_the_emulated_aws_is_bound_to_loopback(tmp_path: "object") -> None:
    environment = aws.build_environment(Layout(tmp_path), 4567)  # type: ignore[arg-type]

    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["GATEWAY_PORT"] == "4567"
    assert environment["IOT_MTLS_ENABLED"] == "0"


def test_the_rest_api_url_takes_a_path_of_the_template() -> None:
    address = aws.rest_api_url(ENDPOINT, "abc", "api") + "/v1/models"

    assert address == "http://127.0.0.1:4566/restapis/abc/api/_user_request_/v1/models"
