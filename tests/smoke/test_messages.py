"""Anthropic's Messages: whole, streamed, refused; and the question whether the server is there."""

import httpx2

from tests.builders import messages_request
from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import ReadRecord
from tests.smoke.target import Target
from tests.stream_response import MessageStream

MODEL = "claude-haiku-4-5"


@proves(Claim.MESSAGES)
def test_a_message_is_answered_and_recorded(http: httpx2.Client, read_record: ReadRecord) -> None:
    answer = http.post("messages", json=messages_request(model=MODEL), params={"beta": "true"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["content"]
    record = read_record(answer.headers["request-id"])
    assert (record["endpoint"], record["outcome"]) == ("messages", "answered")
    assert record["tokens_out"] == answer.json()["usage"]["output_tokens"]


@proves(Claim.MESSAGES)
def test_a_stream_has_named_events(http: httpx2.Client) -> None:
    answer = http.post("messages", json=messages_request(model=MODEL, stream=True))

    stream = MessageStream(answer.status_code, dict(answer.headers), answer.text.replace(": ping\n", ""))
    assert stream.names[0] == "message_start"
    assert stream.is_complete


@proves(Claim.MESSAGE_ERRORS)
def test_an_error_has_anthropics_shape(http: httpx2.Client) -> None:
    answer = http.post("messages", json=messages_request(model=MODEL, max_tokens=0))

    assert (answer.status_code, answer.json()["type"]) == (400, "error")
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["request_id"] == answer.headers["request-id"]


@proves(Claim.MESSAGE_ERRORS)
def test_the_root_says_that_the_gateway_is_there(target: Target) -> None:
    answer = httpx2.head(target.base_url.rstrip("/").removesuffix("/v1") + "/", timeout=60)

    assert answer.status_code == 200
    assert answer.headers["x-request-id"]
