"""Errors that OpenAI's clients raise, and the number of requests for a failing call."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.builders import chat_request, garbage_token, mistype_token
from tests.stack.clients.conftest import MakeOpenAiClient, Records
from tests.stack.clients.openai_clients import ClientError, OpenAiClient

BASE_ERRORS = ("APIStatusError", "APIError")
"""The error class for statuses without their own class, in Python and in Node."""

# The provider's fault; the exception, its status and type.
FAILURES = [
    ({"status": 400, "code": "data_inspection_failed"}, ("BadRequestError", 400, "invalid_request_error")),
    ({"status": 401}, ("InternalServerError", 502, "server_error")),
    ({"status": 404}, ("NotFoundError", 404, "invalid_request_error")),
    ({"status": 429, "code": "limit_requests"}, ("RateLimitError", 429, "rate_limit_error")),
    ({"status": 429, "code": "insufficient_quota"}, ("RateLimitError", 429, "rate_limit_error")),
    ({"status": 400, "code": "Arrearage"}, ("InternalServerError", 503, "server_error")),
    ({"status": 500}, ("InternalServerError", 503, "server_error")),
    ({"status": 503}, ("InternalServerError", 503, "server_error")),
    ({"status": 500, "code": "RequestTimeOut"}, ("InternalServerError", 504, "timeout_error")),
    ({"kind": "truncate", "after_chunks": 2}, ("InternalServerError", 502, "server_error")),
    ({"kind": "disconnect"}, ("InternalServerError", 503, "server_error")),
]


def catch_error(openai_client: OpenAiClient, call: str = "chat", **body: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        openai_client.call(call, **body)
    assert caught.value.request_id == caught.value.headers["x-request-id"]
    return caught.value


def get_fields(error: ClientError) -> tuple[str, int | None, str | None, str | None]:
    return error.kind, error.status, error.type, error.code


def test_an_invalid_field_is_named(openai_client: OpenAiClient) -> None:
    error = catch_error(openai_client, **chat_request(temperature=9))

    assert get_fields(error) == ("BadRequestError", 400, "invalid_request_error", "invalid_request")
    assert error.param == "temperature"
    assert "temperature" in str(error)


@pytest.mark.parametrize("make_invalid", [mistype_token, lambda _token: garbage_token()], ids=["mistyped", "foreign"])
def test_a_wrong_key_is_an_authentication_error(
    make_openai_client: MakeOpenAiClient, stack: dict[str, Any], make_invalid: Callable[[str], str]
) -> None:
    openai_client = make_openai_client(stack | {"api_key": make_invalid(stack["api_key"])})

    for call, body in (("chat", chat_request()), ("models", {})):
        error = catch_error(openai_client, call, **body)
        assert get_fields(error) == ("AuthenticationError", 401, "authentication_error", "invalid_api_key")


def test_a_stream_that_fails_before_its_first_output_raises_an_api_error(
    openai_client: OpenAiClient, provider: httpx2.Client, records: Records
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"status": 503, "times": 99}]})

    error = catch_error(openai_client, **chat_request(stream=True))

    assert get_fields(error) == ("InternalServerError", 503, "server_error", "provider_overloaded")
    assert error.headers["x-should-retry"] == "false"
    assert len(records()) == before + 1


@pytest.mark.parametrize(
    ("call", "body"), [("chat", chat_request(model="some/model")), ("model", {"model": "some/model"})]
)
def test_an_unknown_model_is_named(openai_client: OpenAiClient, call: str, body: dict[str, Any]) -> None:
    error = catch_error(openai_client, call, **body)

    assert get_fields(error) == ("NotFoundError", 404, "invalid_request_error", "model_not_found")
    assert "some/model" in str(error)


def test_a_response_that_the_key_has_not_made_is_not_found(openai_client: OpenAiClient) -> None:
    error = catch_error(openai_client, "respond", model="qwen-plus", input="Go on.", previous_response_id="resp_x")

    assert get_fields(error) == ("NotFoundError", 404, "invalid_request_error", "response_not_found")


@pytest.mark.parametrize("size", [5_600_000, 11_000_000], ids=["for a Lambda event", "for API Gateway"])
def test_a_body_too_large_is_rejected_with_the_limit(openai_client: OpenAiClient, size: int) -> None:
    error = catch_error(openai_client, **chat_request(user="x" * size))

    assert error.kind in BASE_ERRORS
    assert (error.status, error.code) == (413, "request_too_large")
    assert "5.5 MB" in str(error) or "5500000" in str(error)


@pytest.mark.parametrize(("fault", "raised"), FAILURES, ids=str)
def test_a_provider_failure_raises_its_cause_without_client_retries(
    openai_client: OpenAiClient,
    provider: httpx2.Client,
    records: Records,
    fault: dict[str, Any],
    raised: tuple[str, int, str],
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{**fault, "times": 99}]})

    error = catch_error(openai_client, **chat_request(model="qwen-flash"))

    assert (error.kind, error.status, error.type) == raised
    assert error.code
    assert len(records()) == before + 1, "the client made more than one request"


def test_retry_after_is_sent_with_x_should_retry_false(openai_client: OpenAiClient, provider: httpx2.Client) -> None:
    provider.put("/_control", json={"faults": [{"status": 429, "times": 99, "headers": {"retry-after": "600"}}]})

    # A model of its own: the gateway tries a target last for as long as its Retry-After says.
    headers = catch_error(openai_client, **chat_request(model="qwen3.6-flash")).headers

    assert (headers["retry-after"], headers["x-should-retry"]) == ("600", "false")
