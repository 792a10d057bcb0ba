"""Route matching, and responses of API Gateway itself."""

from collections.abc import Iterator

import pytest

from tests.integration.apigateway.gateways import Route, RunningGateway, run_gateway, settings, template


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/v1/models", "/v1/models", None),
        ("/v1/models/", "/v1/models", None),
        ("/v1/models/qwen-max", "/v1/models/{model+}", {"model": "qwen-max"}),
        ("/v1/models/qwen-max/", "/v1/models/{model+}", {"model": "qwen-max"}),
        ("/v1/models/qwen/plus", "/v1/models/{model+}", {"model": "qwen/plus"}),
        ("/v1/models/qwen%2Fplus", "/v1/models/{model+}", {"model": "qwen/plus"}),
        ("/v1/models/%E9%80%9A%20%0A+", "/v1/models/{model+}", {"model": "通 \n+"}),
        ("/v1/keys/a%2Fb/use", "/v1/keys/{key}/use", {"key": "a/b"}),
    ],
)
def test_a_path_matches_its_route_and_its_parameters_are_decoded(
    gateway: RunningGateway, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = gateway.ask(path, method="GET").json["event"]

    assert (event["resource"], event["pathParameters"]) == (resource, parameters)
    assert event["path"] == path


def test_a_literal_route_comes_before_a_greedy_one(gateway: RunningGateway) -> None:
    assert gateway.ask("/v1/models/listed", '{"body": "literal"}', method="GET").body == b"literal"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/echo/more"),
        ("POST", "/V1/echo"),
        ("POST", "/v1%2Fecho"),
        ("POST", "/v1//echo"),
        ("POST", "//v1/echo"),
        ("GET", "/v1/keys//use"),
        ("GET", "/v1/echo"),
        ("DELETE", "/v1/models"),
        ("POST", "/v1/models/listed"),
        ("OPTIONS", "/v1/responses"),
    ],
)
def test_an_unknown_route_or_method_gets_the_templates_response(
    gateway: RunningGateway, method: str, path: str
) -> None:
    reply = gateway.ask(path, "{}", method=method)

    assert reply.status == 404
    assert reply.json == {"error": {"message": "Missing Authentication Token"}}
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == reply.headers["x-amzn-requestid"]


def test_head_is_a_method_like_any_other(gateway: RunningGateway) -> None:
    reply = gateway.ask("/v1/models", method="HEAD")

    assert (reply.status, reply.body) == (404, b"")


def test_a_preflight_is_answered_without_a_function(gateway: RunningGateway) -> None:
    reply = gateway.ask("/v1/verbatim", headers={"origin": "https://example.com"}, method="OPTIONS")

    assert (reply.status, reply.body) == (200, b"{}\n")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-methods"] == "GET,POST,OPTIONS"


KEY = "sk-qg-abc-123"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("POST", "/v1"), ("POST", "/v1/responses"), ("GET", "/v1/echo")]
)
def test_a_missing_method_with_an_authorization_gets_api_gateways_403_with_the_key(
    gateway: RunningGateway, method: str, path: str
) -> None:
    reply = gateway.ask(path, "{}", {"authorization": f"Bearer {KEY}"}, method)

    assert reply.status == 403
    words = "not a valid key=value pair (missing equal-sign) in Authorization header:"
    assert reply.json == {"message": f"'{KEY}' {words} 'Bearer {KEY}'."}
    assert reply.headers["x-amzn-errortype"] == "IncompleteSignatureException"
    assert not {"x-request-id", "access-control-allow-origin"} & reply.headers.keys()


ECHO_PATH = "def handle(event, context):\n    return {'body': event['path']}\n"


@pytest.fixture(scope="module")
def mocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """An API with a mock on the method ANY of some paths, and none on the prefix /v1/deep."""
    mocks = {
        "/": {},
        "/{proxy+}": {},
        "/v1/echo": {},
        "/text": {"contentHandling": None},
        "/passing": {"passthroughBehavior": None},
    }
    folder = tmp_path_factory.mktemp("mocked")
    api = template([Route("/v1/echo", "Echo"), Route("/v1/deep/echo", "Echo")], mocks=mocks)
    with run_gateway(folder, settings(folder, api, {"Echo": ECHO_PATH})) as started:
        yield started


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/other", "/other/still", "/v1/echo"])
def test_any_answers_each_method_without_one_of_its_own(mocked: RunningGateway, method: str, path: str) -> None:
    reply = mocked.ask(path, headers={"authorization": f"Bearer {KEY}"}, method=method)

    assert reply.status == 404
    assert reply.body == b"" if method == "HEAD" else reply.json == {"error": {"code": "unknown_route"}}
    assert reply.headers["x-request-id"] == reply.headers["x-amzn-requestid"]
    assert reply.headers["content-type"] == "application/json"


def test_a_method_of_its_own_comes_before_any(mocked: RunningGateway) -> None:
    assert mocked.ask("/v1/echo").body == b"/v1/echo"
    assert mocked.ask("/v1/echo", method="OPTIONS").status == 200


@pytest.mark.parametrize("path", ["/v1", "/v1/other", "/v1/deep", "/v1/deep/other", "/v1/echo/below"])
def test_a_path_into_a_prefix_does_not_fall_back_to_a_greedy_route_above(mocked: RunningGateway, path: str) -> None:
    """The worst case: AWS does not document whether it falls back."""
    reply = mocked.ask(path, headers={"authorization": f"Bearer {KEY}"})

    assert (reply.status, KEY in reply.json["message"]) == (403, True)


@pytest.mark.parametrize(
    ("path", "content_type", "status", "code"),
    [
        ("/other", None, 404, "unknown_route"),
        ("/other", "application/json", 404, "unknown_route"),
        ("/other", "Application/JSON; charset=utf-8", 404, "unknown_route"),
        ("/other", "text/plain", 404, "unknown_type"),
        ("/other", "multipart/form-data; boundary=x", 404, "unknown_type"),
        ("/text", "application/json", 404, "unknown_route"),
        ("/text", "text/plain", 404, "unknown_type"),
        ("/text", "multipart/form-data; boundary=x", 500, "gateway_failed"),
        ("/passing", "application/json", 404, "unknown_route"),
        ("/passing", "text/plain", 500, "gateway_failed"),
    ],
)
def test_a_mock_answers_content_types_with_a_template(
    mocked: RunningGateway, path: str, content_type: str | None, status: int, code: str
) -> None:
    reply = mocked.ask(path, "x", {"content-type": content_type} if content_type else {})

    assert (reply.status, reply.json["error"]["code"]) == (status, code)
