"""What the streams of each endpoint have of their own: request, whole answer, the form of its end and of errors."""

from collections.abc import Callable
from typing import Any, NamedTuple

from qwen_gateway.api import HTTP_ERRORS
from tests.builders import chat_request, messages_request, responses_request, whole_stream
from tests.builders.messages import whole_message
from tests.builders.responses import whole_response
from tests.failures import message_streams, response_streams, streams
from tests.failures.streams import MARKED, Row, Variant
from tests.integration.chat.conftest import Gateway
from tests.stream_response import MessageStream, ResponseEvents, StreamResponse

DEADLINE_S = 28.0
_ERRORS = {error.code: error for error in HTTP_ERRORS.values()}
_MESSAGES = [{"role": "user", "content": MARKED}]
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    429: "rate_limit_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
}
_LAST_OF_RESPONSES = {"response.completed", "response.incomplete"}


class Dialect(NamedTuple):
    """The streams of one endpoint.

    `provider` returns the settings of a provider by the URL of its root. `text` and `is_complete` read a stream.
    `check_answered` and `check_failed` assert the form of a stream's end.
    """

    endpoint: str
    rows: tuple[Row, ...]
    call: Callable[[Gateway, Variant], Any]
    whole: Callable[[str], bytes]
    provider: Callable[[str], dict[str, Any]]
    text: Callable[[Any], str]
    is_complete: Callable[[Any], bool]
    check_answered: Callable[[Any, Row, Variant], None]
    check_failed: Callable[[Any, Row, Variant], None]


def _call_chat(gateway: Gateway, variant: Variant) -> StreamResponse:
    fields = {"stream_options": {"include_usage": True}, "messages": _MESSAGES, **variant.fields}
    return gateway.stream(chat_request(model="route", **fields), seconds=DEADLINE_S)


def _check_answered_chat(response: StreamResponse, row: Row, variant: Variant) -> None:
    assert response.finish_reasons == dict.fromkeys(range(variant.fields.get("n", 1)), row.finish_reason)
    usage = [(chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"]) for chunk in response.usage_chunks]
    assert usage == ([(12, 3)] if row.tokens else [])
    if row.tokens:
        assert response.chunks[-1] == response.usage_chunks[0], "the usage is not the last chunk"


def _check_failed_chat(response: StreamResponse, row: Row, variant: Variant) -> None:
    assert response.error["type"] == _ERRORS[row.code].type
    assert "[DONE]" not in response.body
    if not row.fails_before_output:
        assert response.usage_chunks == []
        assert len(response.finish_reasons) < variant.fields.get("n", 1)


def _call_messages(gateway: Gateway, _variant: Variant) -> MessageStream:
    return gateway.stream_message(messages_request(model="route", messages=_MESSAGES), seconds=DEADLINE_S)


def _check_answered_messages(response: MessageStream, _row: Row, _variant: Variant) -> None:
    assert response.names.count("message_stop") == 1


def _check_failed_messages(response: MessageStream, row: Row, _variant: Variant) -> None:
    kind = "overloaded_error" if row.code == "provider_overloaded" else _ANTHROPIC_TYPES[_ERRORS[row.code].status]
    assert response.error["type"] == kind
    if not row.fails_before_output:
        name, event = response.events[-1]
        assert (name, event["type"], event["request_id"]) == ("error", "error", response.headers["request-id"])
        assert "message_stop" not in response.names


def _call_responses(gateway: Gateway, _variant: Variant) -> ResponseEvents:
    return gateway.stream_response(responses_request(model="route", input=MARKED), seconds=DEADLINE_S)


def _check_answered_responses(response: ResponseEvents, _row: Row, _variant: Variant) -> None:
    assert sum(each in _LAST_OF_RESPONSES for each in response.names) == 1


def _check_failed_responses(response: ResponseEvents, row: Row, _variant: Variant) -> None:
    """Check the error: in a stream its fields stand at the top, too."""
    error = response.error
    assert error["type"] == _ERRORS[row.code].type
    if not row.fails_before_output:
        name, event = response.events[-1]
        number = event["sequence_number"]
        assert (name, event) == ("error", {**error, "type": "error", "sequence_number": number, "error": error})
        assert number > 0
        assert not _LAST_OF_RESPONSES & set(response.names)


DIALECTS = (
    Dialect(
        "chat/completions",
        streams.ROWS,
        _call_chat,
        whole_stream,
        lambda url: {"base_url": f"{url}/v1"},
        lambda response: response.text(),
        lambda response: response.is_done,
        _check_answered_chat,
        _check_failed_chat,
    ),
    Dialect(
        "messages",
        message_streams.ROWS,
        _call_messages,
        whole_message,
        lambda url: {"anthropic_base_url": url},
        lambda response: response.text,
        lambda response: response.is_complete,
        _check_answered_messages,
        _check_failed_messages,
    ),
    Dialect(
        "responses",
        response_streams.ROWS,
        _call_responses,
        whole_response,
        lambda url: {"base_url": f"{url}/v1", "endpoints": ["responses"]},
        lambda response: response.text,
        lambda response: response.is_complete,
        _check_answered_responses,
        _check_failed_responses,
    ),
)
