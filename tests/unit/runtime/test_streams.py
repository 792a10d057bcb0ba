"""What Lambda sees of a function whose answers go out while they are made."""

import base64
import json
import time
from typing import Any

import pytest

from qwen_gateway.runtime import EventStream, Streaming
from tests.unit.runtime.lives import Call, Post, Reader, Run

pytestmark = pytest.mark.enable_socket

EVENT = {"httpMethod": "POST"}
DELIMITER = "\0" * 8

STREAMING = """
import time
from qwen_gateway.runtime import EventStream, Streaming

@Streaming
def handle(event, context):
    {body}
"""
COUNTS = """
    def chunks():
        for number in range(3):
            yield b"data: %d\\n\\n" % number
        print("read to its end")
    return EventStream(200, {"content-type": "text/event-stream"}, chunks(), 10.0)
"""


def streaming(body: str) -> str:
    return STREAMING.replace("{body}", body)


def answering(answer: dict[str, Any]) -> str:
    return streaming(f"return {answer!r}")


def prelude_of(post: Post) -> Any:
    head, delimiter, _ = post.text.partition(DELIMITER)
    assert delimiter
    return json.loads(head)


def payload_of(post: Post) -> str:
    return post.text.partition(DELIMITER)[2]


def test_each_chunk_is_a_write_of_its_own_behind_the_head(run: Run) -> None:
    life = run(streaming(COUNTS), Call(EVENT), Call(EVENT))

    assert [post.path.rpartition("/")[2] for post in life.posts] == ["response", "response"]
    for post in life.posts:
        assert post.writes[1:] == ["data: 0\n\n", "data: 1\n\n", "data: 2\n\n"]
        assert post.writes[0].endswith(DELIMITER)
        assert prelude_of(post) == {"statusCode": 200, "headers": {"content-type": "text/event-stream"}}
        assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
        assert post.headers["transfer-encoding"] == "chunked"
        assert post.trailers == {}
    assert life.connections == 1
    assert life.stderr == ""


def test_a_whole_answer_goes_the_same_way_with_its_repeated_headers(run: Run) -> None:
    answer = {
        "statusCode": 404,
        "headers": {"x-request-id": "req_1"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": '{"error": "Grüße"}',
    }

    (post,) = run(answering(answer), Call(EVENT)).posts

    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert payload_of(post) == answer.pop("body")
    assert prelude_of(post) == answer


def test_an_array_never_stands_among_the_single_headers(run: Run) -> None:
    (post,) = run(
        answering({"statusCode": 200, "headers": {"a": "1", "set-cookie": ["b=2", "c=3"]}}), Call(EVENT)
    ).posts

    assert prelude_of(post) == {
        "statusCode": 200,
        "headers": {"a": "1"},
        "multiValueHeaders": {"set-cookie": ["b=2", "c=3"]},
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "no status"},
        {"statusCode": 200, "headers": {"a": {1, 2}}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
    ids=str,
)
def test_an_answer_that_cannot_be_sent_is_an_invocation_error_and_the_loop_goes_on(
    run: Run, answer: dict[str, Any]
) -> None:
    first, second = run(answering(answer), Call(EVENT), Call(EVENT)).posts

    assert first.path.endswith("call-1/error")
    assert second.path.endswith("call-2/error")


def test_what_is_told_as_base64_is_sent_as_what_it_stands_for(run: Run) -> None:
    body = base64.b64encode("Grüße".encode()).decode()

    (post,) = run(answering({"statusCode": 200, "isBase64Encoded": True, "body": body}), Call(EVENT)).posts

    assert payload_of(post) == "Grüße"


@pytest.mark.parametrize(
    "source",
    [answering({"statusCode": 204}), streaming("return EventStream(204, {}, iter(()), 10.0)")],
    ids=["whole", "streamed"],
)
def test_an_empty_body_ends_at_once(run: Run, source: str) -> None:
    post, after = run(source, Call(EVENT), Call(EVENT)).posts

    assert len(post.writes) == 1
    assert (prelude_of(post)["statusCode"], payload_of(post)) == (204, "")
    assert after.text == post.text


def test_a_failure_after_output_goes_into_the_trailers_and_the_loop_goes_on(run: Run) -> None:
    life = run(
        streaming(
            """
    def chunks():
        yield b"data: 1\\n\\n"
        raise ValueError(event["body"])
    return EventStream(200, {}, chunks(), 10.0)
"""
        ),
        Call(EVENT | {"body": "a marked prompt"}),
        Call(EVENT | {"body": "a marked prompt"}),
    )

    failed, _ = life.posts
    assert failed.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert payload_of(failed) == "data: 1\n\n"
    assert failed.trailers["lambda-runtime-function-error-type"] == "ValueError"
    told = json.loads(base64.b64decode(failed.trailers["lambda-runtime-function-error-body"]))
    assert told["errorType"] == "ValueError"
    assert any("in chunks" in frame for frame in told["stackTrace"])
    assert "ValueError" in life.stderr
    assert "marked" not in life.stderr + json.dumps(told)


def test_a_failure_before_output_is_an_invocation_error(run: Run) -> None:
    (post,) = run(streaming("raise ValueError('a marked prompt')"), Call(EVENT)).posts

    assert post.path.endswith("/error")
    assert post.json["errorType"] == "ValueError"


def test_quiet_is_filled_with_comments_between_the_chunks(run: Run) -> None:
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
        Call(EVENT),
    ).posts

    _, first, *pings, last = post.writes
    assert (first, last) == ("data: 1\n\n", "data: 2\n\n")
    assert pings
    assert set(pings) == {": ping\n\n"}


def test_a_stream_without_quiet_has_no_comments_and_leaves_no_thread(run: Run) -> None:
    life = run(
        "import threading\n"
        + streaming(COUNTS).replace("    def chunks", "    print(threading.active_count())\n    def chunks"),
        Call(EVENT),
        Call(EVENT),
    )

    assert life.stdout.splitlines() == ["1", "read to its end"] * 2
    assert all(": ping" not in post.text for post in life.posts)


@pytest.mark.parametrize("reader", ["hangs up", "stalls", "says nothing"])
def test_a_stream_that_nobody_takes_any_more_is_read_to_its_end_all_the_same(run: Run, reader: Reader) -> None:
    soon = str(int((time.time() + 2.5) * 1000))

    life = run(
        streaming(
            """
    def chunks():
        for number in range(200):
            yield b"data: %d\\n\\n" % number * 10_000
        print("read to its end", context.get_remaining_time_in_millis() > 0)
    return EventStream(200, {}, chunks(), 10.0)
"""
        ),
        Call(EVENT, {"Lambda-Runtime-Deadline-Ms": soon}),
        reader=reader,
    )

    assert life.stdout == "read to its end True\n"
    assert life.status == 1


@pytest.mark.parametrize("event", [None, [], {"invokeCompletionStatus": "done"}, "text"], ids=repr)
def test_what_is_no_request_is_acknowledged_without_the_handler(run: Run, event: Any) -> None:
    life = run(streaming("raise ValueError"), Call(event))

    (post,) = life.posts
    assert (post.path.rpartition("/")[2], post.json) == ("response", None)
    assert life.stderr == ""


def test_other_loops_get_the_whole_answer() -> None:
    stream = EventStream(200, {"content-type": "text/event-stream"}, iter([b"data: 0\n\n", b"data: 1\n\n"]), 10.0)

    assert Streaming(lambda _event, _context: stream)(EVENT, None) == {
        "statusCode": 200,
        "headers": {"content-type": "text/event-stream"},
        "body": "data: 0\n\ndata: 1\n\n",
    }
