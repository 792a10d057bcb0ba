"""Malformed headers, paths and events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chat_event, chat_request, models_event
from tests.integration.hostile import strategies
from tests.integration.hostile.responses import Functions, assert_success_or_client_error, assert_well_formed

NAMES = st.sampled_from(
    ["Authorization", "Content-Type", "Content-Encoding", "X-Stainless-Retry-Count", "X-Stainless-Read-Timeout"]
) | st.text(st.characters(codec="latin-1"), max_size=10)
VALUES = st.lists(
    st.text(st.characters(codec="latin-1"), max_size=20)
    | st.sampled_from(["Bearer ", "nan", "1e999", "-1", "x" * 9000]),
    max_size=3,
)


@strategies.fuzz_settings
@given(headers=st.dictionaries(NAMES, VALUES, max_size=5), with_key=st.booleans())
def test_any_headers_get_a_success_or_a_client_error(
    functions: Functions, headers: dict[str, list[str]], with_key: bool
) -> None:
    own = {"Authorization": [f"Bearer {functions.token}"]} if with_key else {}
    for event, invoke in ((chat_event(chat_request()), functions.chat), (models_event(), functions.models)):
        assert_success_or_client_error(invoke(event | {"multiValueHeaders": headers | own}))


@strategies.fuzz_settings
@given(name=strategies.TEXTS | st.text())
def test_any_model_id_gets_a_success_or_a_client_error(functions: Functions, name: str) -> None:
    answer = functions.models(models_event(functions.token) | {"pathParameters": {"model": name}})

    assert_success_or_client_error(answer)


@pytest.mark.parametrize("name", ["\0", "%00", "../../etc/passwd", "..%2f..", "通义千问", "é" * 10_000, "a" * 100_000])
def test_an_unknown_model_id_is_only_looked_up(functions: Functions, name: str) -> None:
    answer = functions.models(models_event(functions.token) | {"pathParameters": {"model": name}})

    assert_success_or_client_error(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert len(answer.body) < 2_000


@pytest.mark.parametrize(
    "token", ["x" * 1_000_000, "sk-qg-" + "9" * 1_000_000, "sk-qg-é", "\x7f\x80\xff", "a b c", "sk-qg-" + "\0" * 40]
)
def test_a_token_of_any_size_and_script_is_rejected_and_not_echoed(functions: Functions, token: str) -> None:
    for answer in (functions.chat(chat_event(chat_request(), token)), functions.models(models_event(token))):
        assert_success_or_client_error(answer)
        assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")
        assert len(answer.body) < 1_000


@pytest.mark.parametrize(
    "event",
    [
        {},
        dict.fromkeys(models_event()),
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        models_event() | {"headers": None, "multiValueHeaders": None},
        models_event() | {"httpMethod": "BREW", "path": None, "requestContext": None},
        models_event() | {"multiValueHeaders": {"Authorization": []}},
    ],
    ids=["empty", "nulls", "a schedule", "no headers", "an unknown method", "a header without a value"],
)
def test_an_event_without_an_http_request_lacks_an_api_key(functions: Functions, event: dict[str, Any]) -> None:
    for answer in (functions.chat(event), functions.models(event)):
        assert_success_or_client_error(answer)
        assert (answer.status, answer.json["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_wrong_content_type_is_accepted(functions: Functions, content_type: str) -> None:
    answer = functions.chat(chat_event(chat_request(), functions.token, {"Content-Type": content_type}))

    assert_success_or_client_error(answer)
    assert answer.status == 200


def test_a_compressed_body_is_rejected_with_advice(functions: Functions) -> None:
    answer = functions.chat(chat_event(chat_request(), functions.token, {"Content-Encoding": "gzip"}))

    assert_success_or_client_error(answer)
    assert (answer.status, "uncompressed" in answer.message) == (400, True)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "0", "1e999", "", "soon", "0x10", "1" * 5_000, "\xb2"])
@pytest.mark.parametrize("name", ["X-Gateway-Timeout-Ms", "X-Stainless-Read-Timeout", "X-Stainless-Timeout"])
def test_an_invalid_client_timeout_is_ignored(functions: Functions, name: str, value: str) -> None:
    assert functions.chat(chat_event(chat_request(), functions.token, {name: value})).status == 200


def test_a_client_timeout_too_short_for_any_call_is_a_504_with_advice(functions: Functions) -> None:
    """This is the only 5xx that a client can cause."""
    answer = functions.chat(chat_event(chat_request(), functions.token, {"X-Gateway-Timeout-Ms": "0.001"}))

    assert_well_formed(answer)
    assert (answer.status, answer.json["error"]["code"]) == (504, "provider_timeout")
    assert answer.headers["x-should-retry"] == "false"
