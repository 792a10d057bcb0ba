"""EventStreamResponse responses: sent unbuffered, and never terminated when incomplete."""

import http.client
import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.apigateway.gateways import Route, RunningGateway, reply, run_gateway, settings, template
from tests.integration.apigateway.raw_function import DELIMITER, HEAD, Step, order, run_raw_function
from tests.integration.apigateway.scripted_function import is_alive, wait_until

ERROR = "Lambda-Runtime-Function-Error-Type: RuntimeError\r\nLambda-Runtime-Function-Error-Body: e30=\r\n"


def head(**fields: Any) -> Step:
    return "send", json.dumps(fields) + DELIMITER


@contextmanager
def send_request(gateway: RunningGateway, body: str, method: str = "POST") -> Iterator[http.client.HTTPResponse]:
    """Send a request and yield the response once its head has arrived."""
    connection = gateway.connection()
    connection.request(method, "/v1/stream", body)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def pid_of(response: http.client.HTTPResponse) -> int:
    return int(response.headers["x-pid"])


def serving_pid(gateway: RunningGateway) -> int:
    with send_request(gateway, order(HEAD)) as response:
        assert response.read() == b""
        return pid_of(response)


def test_head_and_pieces_come_while_the_function_waits(tmp_path: Path) -> None:
    body = order(HEAD, ("await", "a"), ("send", "one"), ("await", "b"), ("send", "two"), ("await", "c"))
    with run_raw_function(tmp_path) as gateway, send_request(gateway, body) as response:
        assert response.status == 200
        (tmp_path / "a").touch()
        assert response.read1() == b"one"
        (tmp_path / "b").touch()
        assert response.read1() == b"two"
        (tmp_path / "c").touch()
        assert response.read() == b""


def test_the_head_is_the_functions(tmp_path: Path) -> None:
    given = head(
        statusCode=402,
        headers={"X-A": "1", "X-Should-Retry": False, "Content-Length": "7", "Transfer-Encoding": "gzip"},
        multiValueHeaders={"x-a": ["1", "2"], "Set-Cookie": ["c"]},
        cookies=["d", "e"],
    )
    with run_raw_function(tmp_path) as gateway, send_request(gateway, order(given, ("send", "paid"))) as response:
        headers = [(name.lower(), value) for name, value in response.getheaders() if not name.startswith("x-amz")]
        assert (response.status, response.read()) == (402, b"paid")

    assert sorted(headers) == [
        ("content-type", "application/json"),
        ("date", response.headers["date"]),
        ("set-cookie", "c"),
        ("set-cookie", "d"),
        ("set-cookie", "e"),
        ("transfer-encoding", "chunked"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-should-retry", "false"),
    ]
    assert response.headers["x-amzn-remapped-content-length"] == "7"
    assert response.headers["x-amzn-requestid"]
    assert response.headers["x-amzn-trace-id"].startswith("Root=1-")


def test_the_delimiter_may_come_in_parts_and_with_the_payload(tmp_path: Path) -> None:
    letters = [("send", letter) for letter in '{"statusCode": 201}\0\0\0\0\0']
    with (
        run_raw_function(tmp_path) as gateway,
        send_request(gateway, order(*letters, ("send", "\0\0\0\0payload"))) as response,
    ):
        assert (response.status, response.read()) == (201, b"\0payload")


def test_an_answer_that_is_only_a_head_ends(tmp_path: Path) -> None:
    with run_raw_function(tmp_path) as gateway, send_request(gateway, order(HEAD)) as response:
        assert (response.status, response.read()) == (200, b"")


@pytest.mark.parametrize(("method", "status"), [("POST", 204), ("POST", 304), ("HEAD", 200)])
def test_what_has_no_body_ends_at_once_and_the_connection_stays_open(tmp_path: Path, method: str, status: int) -> None:
    body = order(head(statusCode=status), ("await", "go"), ("send", "left out"), ("tell", "ended"))
    with run_raw_function(tmp_path) as gateway:
        connection = gateway.connection()
        connection.request(method, "/v1/stream", body)
        bodiless = reply(connection)
        connection.request("POST", "/v1/stream", order(HEAD, ("send", "next")))
        following = reply(connection)
        connection.close()
        (tmp_path / "go").touch()
        wait_until((tmp_path / "ended").exists)

    assert (bodiless.status, bodiless.body) == (status, b"")
    assert following.body == b"next"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"trailers": ERROR}, "it failed with RuntimeError during its response"),
        ({"cut": True}, "its response is incomplete"),
    ],
)
def test_a_failure_after_the_head_breaks_the_connection_but_not_the_process(
    tmp_path: Path, broken: dict[str, Any], why: str
) -> None:
    with run_raw_function(tmp_path, limit=1) as gateway:
        with send_request(gateway, order(HEAD, ("send", "one"), **broken)) as response:
            before = pid_of(response)
            assert response.read1() == b"one"
            with pytest.raises(http.client.IncompleteRead):
                response.read()
        assert serving_pid(gateway) == before
        assert f"Raw: {why}" in gateway.log()


def test_a_process_that_ends_after_the_head_breaks_the_connection_and_is_replaced(tmp_path: Path) -> None:
    with run_raw_function(tmp_path, limit=1) as gateway:
        with send_request(gateway, order(HEAD, ("send", "one"), ("await", "go"), ("kill", signal.SIGKILL))) as response:
            before = pid_of(response)
            assert response.read1() == b"one"
            (tmp_path / "go").touch()
            with pytest.raises(http.client.IncompleteRead):
                response.read()
        assert serving_pid(gateway) != before
        assert "Raw: its process ended with status -9" in gateway.log()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (order(("kill", signal.SIGKILL)), "its process ended with status -9"),
        (order(("send", '{"statusCode": 200}'), ("kill", signal.SIGKILL)), "its process ended with status -9"),
        (order(("send", '{"statusCode": 200}'), trailers=ERROR), "it failed with RuntimeError"),
        (order(("send", '{"errorType": "KeyError", "errorMessage": "m"}'), to="error"), "it failed with KeyError"),
    ],
)
def test_a_failure_before_the_head_is_a_bad_gateway(tmp_path: Path, body: str, why: str) -> None:
    with run_raw_function(tmp_path) as gateway:
        failed = gateway.ask("/v1/stream", body)
        assert serving_pid(gateway)

        assert (failed.status, failed.json["error"]["code"]) == (502, "gateway_failed")
        assert failed.headers["x-request-id"] == failed.headers["x-amzn-requestid"]
        assert f"Raw: {why}" in gateway.log()


def test_a_client_that_leaves_does_not_stop_the_function(tmp_path: Path) -> None:
    body = order(HEAD, ("send", "one"), ("await", "go"), ("fill", 20), ("tell", "ended"))
    with run_raw_function(tmp_path, limit=2) as gateway:
        with send_request(gateway, body) as response:
            left = pid_of(response)
            assert response.read1() == b"one"
        assert serving_pid(gateway) != left, "a function that still answers is busy"
        (tmp_path / "go").touch()
        wait_until((tmp_path / "ended").exists)
        with ThreadPoolExecutor(2) as clients:
            both = clients.map(gateway.ask, ["/v1/stream"] * 2, [order(HEAD, ("await", "ended"), ("pause", 0.3))] * 2)
            assert left in {int(each.headers["x-pid"]) for each in both}


def test_a_slow_client_slows_the_function_down_and_gets_everything(tmp_path: Path) -> None:
    with run_raw_function(tmp_path) as gateway, send_request(gateway, order(HEAD, ("fill", 100))) as response:
        wait_until((tmp_path / "megabytes").exists)
        assert read_stable_number(tmp_path / "megabytes") < 50
        assert len(response.read()) == 100_000_000


def read_stable_number(file: Path) -> int:
    """Return the number in a file once it stops changing."""
    seen: list[str] = []

    def is_still() -> bool:
        seen.append(file.read_text(encoding="utf-8"))
        return len(seen) > 25 and len(set(seen[-25:])) == 1

    wait_until(is_still)
    return int(seen[-1])


def test_a_response_ends_when_the_process_is_idle_again(tmp_path: Path) -> None:
    resting = order(HEAD, ("send", "one"), then=[("pause", 0.3)])
    with run_raw_function(tmp_path) as gateway:
        replies = [gateway.ask("/v1/stream", resting) for _ in range(3)]

    assert {each.body for each in replies} == {b"one"}
    assert len({each.headers["x-pid"] for each in replies}) == 1


def test_an_open_stream_is_closed_when_the_gateway_stops(tmp_path: Path) -> None:
    with (
        run_raw_function(tmp_path) as gateway,
        send_request(gateway, order(HEAD, ("send", "one"), ("await", "never"))) as response,
    ):
        assert response.read1() == b"one"
        gateway.end()
        with pytest.raises(http.client.IncompleteRead):
            response.read()

        assert not is_alive(pid_of(response))


def test_a_buffered_route_takes_no_streamed_answer(tmp_path: Path) -> None:
    with run_raw_function(tmp_path) as gateway:
        streamed = gateway.ask("/v1/whole", order(HEAD, ("send", "one")))
        failed = gateway.ask("/v1/whole", order(("send", '{"body": "b"}'), trailers=ERROR))
        whole = gateway.ask("/v1/whole", order(("send", '{"body": "b"}')))

        assert (streamed.status, failed.status, whole.body) == (502, 502, b"b")
        assert "Raw: its response is malformed: it is not JSON" in gateway.log()


def test_the_layers_runtime_streams_through_the_gateway(tmp_path: Path) -> None:
    source = """
import os, pathlib, time
from qwen_gateway.runtime import EventStream, StreamingHandler

folder = pathlib.Path(os.environ["FOLDER"])

def chunks(order):
    yield b"data: 1\\n\\n"
    while not (folder / "go").exists():
        time.sleep(0.005)
    if order == "fail":
        raise RuntimeError("the caller's prompt")
    yield b"data: 2\\n\\n"

@StreamingHandler
def handle(event, context):
    if event["body"] == "whole":
        return {"statusCode": 201, "body": "whole"}
    return EventStream(200, {"content-type": "text/event-stream"}, chunks(event["body"]), 60)
"""
    api = template([Route("/v1/stream", "Ours", streams=True)])
    with run_gateway(tmp_path, settings(tmp_path, api, {"Ours": source})) as gateway:
        with send_request(gateway, "stream") as response:
            assert response.headers["content-type"] == "text/event-stream"
            assert response.read1() == b"data: 1\n\n"
            (tmp_path / "go").touch()
            assert response.read() == b"data: 2\n\n"
        with send_request(gateway, "fail") as response:
            assert response.read1() == b"data: 1\n\n"
            with pytest.raises(http.client.IncompleteRead):
                response.read()
        whole = gateway.ask("/v1/stream", "whole")

        assert (whole.status, whole.body) == (201, b"whole")
        assert "prompt" not in gateway.log()
