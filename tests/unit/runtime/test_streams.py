"""Responses in streaming mode, as the Runtime API receives them."""

import base64
import json
import time
from typing import Any

import pytest

from qwen_gateway.runtime import EventStream, StreamingHandler
from tests.unit.runtime.function_process import Invocation, Post, Reader, Run

pytestmark = pytest.mark.enable_socket

EVENT = {"httpMethod": "POST"}
DELIMITER = "\0" * 8

STREAMING = """
import time
from qwen_gateway.runtime import EventStream, StreamingHandler

@StreamingHandler
def handle(event, context):
    {body}
"""
THREE_EVENTS = """
    def chunks():
        for number in range(3):
            yield b"data: %d\\n\\n" % number
        print("read to its end")
    return EventStream(200, {"content-type": "text/event-stream"}, chunks(), 10.0)
"""


def streaming(body: str) -> str:
    return STREAMING.replace("{body}", body)


def returning(response: dict[str, Any]) -> str:
    return streaming(f"return {response!r}")


def prelude_of(post: Post) -> Any:
    head, delimiter, _ = post.text.partition(DELIMITER)
    assert delimiter
    return json.loads(head)


def payload_of(post: Post) -> str:
    return post.text.partition(DELIMITER)[2]


def test_each_chunk_is_sent_separately_after_the_prelude(run: Run) -> None:
    result = run(streaming(THREE_EVENTS), Invocation(EVENT), Invocation(EVENT))

    assert [post.path.rpartition("/")[2] for post in result.posts] == ["response", "response"]
    for post in result.posts:
        assert post.chunks[1:] == ["data: 0\n\n", "data: 1\n\n", "data: 2\n\n"]
        assert post.chunks[0].endswith(DELIMITER)
        assert prelude_of(post) == {"statusCode": 200, "headers": {"content-type": "text/event-stream"}}
        assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
        assert post.headers["transfer-encoding"] == "chunked"
        assert post.trailers == {}
    assert result.connections == 1
    assert result.stderr == ""


def test_a_buffered_response_is_streamed_with_its_repeated_headers(run: Run) -> None:
    response = {
        "statusCode": 404,
        "headers": {"x-request-id": "req_1"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": '{"error": "Grüße"}',
    }

    (post,) = run(returning(response), Invocation(EVENT)).posts

    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert payload_of(post) == response.pop("body")
    assert prelude_of(post) == response


def test_a_list_in_headers_moves_to_the_repeated_headers(run: Run) -> None:
    (post,) = run(
        returning({"statusCode": 200, "headers": {"a": "1", "set-cookie": ["b=2", "c=3"]}}), Invocation(EVENT)
    ).posts

    assert prelude_of(post) == {
        "statusCode": 200,
        "headers": {"a": "1"},
        "multiValueHeaders": {"set-cookie": ["b=2", "c=3"]},
    }


@pytest.mark.parametrize(
    "response",
    [
        {"body": "no status"},
        {"statusCode": 200, "headers": {"a": {1, 2}}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
    ids=str,
)
def test_an_invalid_response_is_an_invocation_error_and_the_loop_continues(run: Run, response: dict[str, Any]) -> None:
    first, second = run(returning(response), Invocation(EVENT), Invocation(EVENT)).posts

    assert first.path.endswith("call-1/error")
    assert second.path.endswith("call-2/error")


def test_a_base64_body_is_decoded(run: Run) -> None:
    body = base64.b64encode("Grüße".encode()).decode()

    (post,) = run(returning({"statusCode": 200, "isBase64Encoded": True, "body": body}), Invocation(EVENT)).posts

    assert payload_of(post) == "Grüße"


@pytest.mark.parametrize(
    "source",
    [returning({"statusCode": 204}), streaming("return EventStream(204, {}, iter(()), 10.0)")],
    ids=["buffered", "streamed"],
)
def test_an_empty_body_sends_only_the_prelude(run: Run, source: str) -> None:
    post, after = run(source, Invocation(EVENT), Invocation(EVENT)).posts

    assert len(post.chunks) == 1
    assert (prelude_of(post)["statusCode"], payload_of(post)) == (204, "")
    assert after.text == post.text


def test_a_failure_after_output_is_sent_in_the_trailers_and_the_loop_continues(run: Run) -> None:
    result = run(
        streaming(
            """
    def chunks():
        yield b"data: 1\\n\\n"
        raise ValueError(event["body"])
    return EventStream(200, {}, chunks(), 10.0)
"""
        ),
        Invocation(EVENT | {"body": "a marked prompt"}),
        Invocation(EVENT | {"body": "a marked prompt"}),
    )

    failed, _ = result.posts
    assert failed.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert payload_of(failed) == "data: 1\n\n"
    assert failed.trailers["lambda-runtime-function-error-type"] == "ValueError"
    error = json.loads(base64.b64decode(failed.trailers["lambda-runtime-function-error-body"]))
    assert error["errorType"] == "ValueError"
    assert any("in chunks" in frame for frame in error["stackTrace"])
    assert "ValueError" in result.stderr
    assert "marked" not in result.stderr + json.dumps(error)


def test_a_failure_before_output_is_an_invocation_error(run: Run) -> None:
    (post,) = run(streaming("raise ValueError('a marked prompt')"), Invocation(EVENT)).posts

    assert post.path.endswith("/error")
    assert post.json["errorType"] == "ValueError"


def test_comments_are_sent_while_no_chunk_is_produced(run: Run) -> None:
    (post,) = run(
        streaming(
            """
    def chunks():
        yield b"data: 1\\n\\n"
        time.sleep(0.5)
        yield b"data: 2\\n\\n"
    return EventStream(200, {}, chunks(), 0.1)
"""
        ),
        Invocation(EVENT),
    ).posts

    _, first, *pings, last = post.chunks
    assert (first, last) == ("data: 1\n\n", "data: 2\n\n")
    assert pings
    assert set(pings) == {": ping\n"}


def test_a_fast_stream_has_no_comments_and_leaves_no_thread(run: Run) -> None:
    result = run(
        "import threading\n"
        + streaming(THREE_EVENTS).replace("    def chunks", "    print(threading.active_count())\n    def chunks"),
        Invocation(EVENT),
        Invocation(EVENT),
    )

    assert result.stdout.splitlines() == ["1", "read to its end"] * 2
    assert all(": ping" not in post.text for post in result.posts)


@pytest.mark.parametrize("reader", ["disconnects", "stalls", "sends no reply"])
def test_a_stream_is_read_to_its_end_after_the_client_disconnected(run: Run, reader: Reader) -> None:
    deadline_ms = str(int((time.time() + 2.5) * 1000))

    result = run(
        streaming(
            """
    def chunks():
        for number in range(200):
            yield b"data: %d\\n\\n" % number * 10_000
        print("read to its end", context.get_remaining_time_in_millis() > 0)
    return EventStream(200, {}, chunks(), 10.0)
"""
        ),
        Invocation(EVENT, {"Lambda-Runtime-Deadline-Ms": deadline_ms}),
        reader=reader,
    )

    assert result.stdout == "read to its end True\n"
    assert result.status == 1


@pytest.mark.parametrize("event", [None, [], {"invokeCompletionStatus": "done"}, "text"], ids=repr)
def test_an_event_that_is_no_request_is_acknowledged_without_calling_the_handler(run: Run, event: Any) -> None:
    result = run(streaming("raise ValueError"), Invocation(event))

    (post,) = result.posts
    assert (post.path.rpartition("/")[2], post.json) == ("response", None)
    assert result.stderr == ""


def test_a_runtime_that_cannot_stream_gets_the_complete_response() -> None:
    stream = EventStream(200, {"content-type": "text/event-stream"}, iter([b"data: 0\n\n", b"data: 1\n\n"]), 10.0)

    assert StreamingHandler(lambda _event, _context: stream)(EVENT, None) == {
        "statusCode": 200,
        "headers": {"content-type": "text/event-stream"},
        "body": "data: 0\n\ndata: 1\n\n",
    }
