"""Each kind of fault, with plain HTTP and with the openai client."""

import json
import socket
import time
from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.mock_qwen.chat_client import PATH, choice, http, post

USER: Any = [{"role": "user", "content": "Say hello."}]
SHORT = httpx2.Timeout(5, read=0.3)


def fault(provider: RunningMockQwen, kind: str, **fields: Any) -> None:
    """Configure a fault for the next call."""
    provider.control({"faults": [{"kind": kind, **fields}]})


def received(provider: RunningMockQwen, **fields: Any) -> tuple[httpx2.Response | None, bytes, Exception | None]:
    """Send a request; return the response, the received body, and the transport error."""
    body, answer = b"", None
    try:
        with (
            http(provider) as client,
            client.stream("POST", PATH, json=chat_request(**fields), timeout=SHORT) as answer,
        ):
            for piece in answer.iter_raw():
                body += piece
    except httpx2.TransportError as failure:
        return answer, body, failure
    return answer, body, None


def events(body: bytes) -> list[bytes]:
    """Return the events of a body, the last of which may be unfinished."""
    return [event for event in body.split(b"\n\n") if event]


def test_an_error_has_the_configured_status_code_message_and_headers(
    client: openai.OpenAI, provider: RunningMockQwen
) -> None:
    fault(provider, "error", status=429, code="limit_requests", message="Slow down.", headers={"Retry-After": "7"})

    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="qwen-plus", messages=USER, stream=True)

    assert caught.value.body == {
        "message": "Slow down.",
        "type": "limit_requests",
        "param": None,
        "code": "limit_requests",
    }
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id == caught.value.response.json()["request_id"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (None, "InternalError"),
        (400, "invalid_parameter_error"),
        (401, "InvalidApiKey"),
        (403, "AccessDenied"),
        (404, "model_not_found"),
        (418, "InternalError"),
        (429, "limit_requests"),
        (503, "ModelUnavailable"),
    ],
)
def test_an_error_without_a_code_has_one_that_fits(provider: RunningMockQwen, status: int | None, code: str) -> None:
    fault(provider, "error", status=status)

    answer = post(provider)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status or 500, code)


@pytest.mark.parametrize(("status", "seen"), [(None, 200), (502, 502)])
@pytest.mark.parametrize("stream", [False, True])
def test_an_html_page_replaces_json(provider: RunningMockQwen, status: int | None, seen: int, *, stream: bool) -> None:
    fault(provider, "html", status=status)

    answer = post(provider, stream=stream)

    assert answer.status_code == seen
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html>" in answer.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_sends_no_byte(provider: RunningMockQwen, *, stream: bool) -> None:
    fault(provider, "hang")

    answer, body, failure = received(provider, stream=stream)

    assert (answer, body) == (None, b"")
    assert isinstance(failure, httpx2.ReadTimeout)


def test_a_later_hang_comes_after_the_configured_number_of_deltas(provider: RunningMockQwen) -> None:
    fault(provider, "hang", after_chunks=2)

    answer, body, failure = received(provider, stream=True)

    assert answer is not None
    assert len(events(body)) == 1 + 2
    assert isinstance(failure, httpx2.ReadTimeout)


def test_a_later_hang_of_a_whole_answer_comes_in_its_middle(provider: RunningMockQwen) -> None:
    fault(provider, "hang", after_chunks=1)

    answer, body, failure = received(provider)

    assert answer is not None
    assert body
    assert isinstance(failure, httpx2.ReadTimeout)


@pytest.mark.parametrize("stream", [False, True])
def test_a_disconnect_comes_before_any_byte(provider: RunningMockQwen, *, stream: bool) -> None:
    fault(provider, "disconnect")
    host, port = provider.url.removeprefix("http://").split(":")
    body = json.dumps(chat_request(stream=stream))
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: {len(body)}\r\n\r\n"

    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall((head + body).encode())
        came = connection.recv(1)

    assert came == b""


@pytest.mark.parametrize("stream", [False, True])
def test_a_later_disconnect_leaves_the_body_unfinished(provider: RunningMockQwen, *, stream: bool) -> None:
    fault(provider, "disconnect", after_chunks=2)

    answer, body, failure = received(provider, stream=stream)

    assert answer is not None
    assert isinstance(failure, httpx2.RemoteProtocolError)
    assert b"finish_reason" in body if stream else not body.endswith(b"}")
    assert len(events(body)) == (1 + 2 if stream else 1)


def test_the_openai_client_reports_a_disconnect_as_a_connection_error(
    client: openai.OpenAI, provider: RunningMockQwen
) -> None:
    fault(provider, "disconnect")

    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="qwen-plus", messages=USER)


@pytest.mark.parametrize(("after", "deltas"), [(0, 0), (2, 2), (99, 4)])
def test_a_truncated_stream_ends_cleanly(provider: RunningMockQwen, after: int, deltas: int) -> None:
    fault(provider, "truncate", after_chunks=after)

    answer, body, failure = received(provider, stream=True)

    assert answer is not None
    assert (answer.status_code, failure) == (200, None)
    assert len(events(body)) == (1 + deltas if deltas else 0)
    assert b"[DONE]" not in body
    assert b'"finish_reason":"stop"' not in body


def test_the_openai_client_does_not_notice_a_truncated_stream(client: openai.OpenAI, provider: RunningMockQwen) -> None:
    fault(provider, "truncate", after_chunks=2)

    seen = list(client.chat.completions.create(model="qwen-plus", messages=USER, stream=True))

    assert len(seen) == 3
    assert all(chunk.choices[0].finish_reason is None for chunk in seen)


def test_a_truncated_whole_answer_is_no_json(provider: RunningMockQwen) -> None:
    fault(provider, "truncate", after_chunks=1)

    answer, body, failure = received(provider)

    assert answer is not None
    assert (answer.status_code, failure) == (200, None)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(body)


def test_a_drip_sends_the_whole_body_byte_by_byte(provider: RunningMockQwen) -> None:
    messages = [{"role": "user", "content": "早上好"}]
    provider.control({"chunk_gap_ms": 0.1})
    whole = choice(provider, messages=messages)
    fault(provider, "drip")

    with http(provider) as client, client.stream("POST", PATH, json=chat_request(messages=messages)) as answer:
        pieces = list(answer.iter_raw())

    assert len(pieces) > 100
    assert json.loads(b"".join(pieces))["choices"][0] == whole


def test_a_drip_is_slow_by_default_and_never_exceeds_a_read_timeout(provider: RunningMockQwen) -> None:
    fault(provider, "drip", after_chunks=1)
    started = time.monotonic()

    with http(provider) as client, client.stream("POST", PATH, json=chat_request(stream=True), timeout=5) as answer:
        came = answer.iter_raw(chunk_size=1)
        head = b""
        while len(events(head)) < 3 or not head.endswith(b"d"):
            head += next(came)

    assert time.monotonic() - started > 0.15
    assert len(events(head)) == 3


@pytest.mark.parametrize("after", [0, 2, 4, 99])
def test_one_chunk_of_a_stream_is_broken_and_the_others_follow(provider: RunningMockQwen, after: int) -> None:
    sound = len(events(received(provider, stream=True)[1]))
    fault(provider, "bad_json", after_chunks=after)

    *chunks, done = events(received(provider, stream=True)[1])

    assert done == b"data: [DONE]"
    assert len(chunks) + 1 == sound
    broken = [position for position, chunk in enumerate(chunks) if not _is_json(chunk.removeprefix(b"data: "))]
    assert broken == [min(after, 4) + 1 if after else 0]


@pytest.mark.parametrize("after", [0, 1])
def test_a_whole_answer_is_broken_json(client: openai.OpenAI, provider: RunningMockQwen, after: int) -> None:
    fault(provider, "bad_json", after_chunks=after)

    with pytest.raises((ValueError, openai.APIError)):
        client.chat.completions.create(model="qwen-plus", messages=USER)


@pytest.mark.parametrize("after", [0, 2])
def test_an_error_event_is_the_last_of_its_stream(client: openai.OpenAI, provider: RunningMockQwen, after: int) -> None:
    code = "data_inspection_failed"
    fault(provider, "error_event", after_chunks=after, code=code, message="No more.")
    _, body, _ = received(provider, stream=True)
    fault(provider, "error_event", after_chunks=after, code=code, message="No more.")
    seen = []

    with pytest.raises(openai.APIError, match=r"No more\.") as caught:
        seen.extend(client.chat.completions.create(model="qwen-plus", messages=USER, stream=True))

    assert caught.value.code == code
    *before, last = events(body)
    assert len(before) == (1 + after if after else 0)
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == code


def test_an_error_within_a_whole_answer_has_status_200(provider: RunningMockQwen) -> None:
    fault(provider, "error_event", code="InternalError")

    answer = post(provider)

    assert (answer.status_code, answer.json()["error"]["code"]) == (200, "InternalError")


def test_a_fault_applies_after_its_delay(provider: RunningMockQwen) -> None:
    fault(provider, "error", delay_ms=600)

    _, _, failure = received(provider)

    assert isinstance(failure, httpx2.ReadTimeout)


@pytest.mark.parametrize("kind", ["error", "html", "truncate", "bad_json", "error_event"])
def test_headers_of_a_fault_override_the_usual_ones(provider: RunningMockQwen, kind: str) -> None:
    fault(provider, kind, headers={"X-Request-Id": "mine", "x-envoy-overloaded": "true"})

    answer = post(provider, stream=True)

    assert answer.headers.get_list("x-request-id") == ["mine"]
    assert answer.headers["x-envoy-overloaded"] == "true"


def test_an_invalid_request_is_rejected_before_a_fault_applies(provider: RunningMockQwen) -> None:
    fault(provider, "truncate", after_chunks=1)

    assert post(provider, n=9).status_code == 400


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
