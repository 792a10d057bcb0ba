"""Headers, paths and events that no sensible client makes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chat_event, chat_request, models_event
from tests.integration.hostile import shapes
from tests.integration.hostile.meeting import Functions, holds, holds_and_is_nobodys_fault_but_the_callers

NAMES = st.sampled_from(
    ["Authorization", "Content-Type", "Content-Encoding", "X-Stainless-Retry-Count", "X-Stainless-Read-Timeout"]
) | st.text(st.characters(codec="latin-1"), max_size=10)
VALUES = st.lists(
    st.text(st.characters(codec="latin-1"), max_size=20)
    | st.sampled_from(["Bearer ", "nan", "1e999", "-1", "x" * 9000]),
    max_size=3,
)


@given(headers=st.dictionaries(NAMES, VALUES, max_size=5), keyed=st.booleans())
def test_headers_of_any_kind(functions: Functions, headers: dict[str, list[str]], keyed: bool) -> None:
    own = {"Authorization": [f"Bearer {functions.token}"]} if keyed else {}
    for event, ask in ((chat_event(chat_request()), functions.chat), (models_event(), functions.models)):
        holds_and_is_nobodys_fault_but_the_callers(ask(event | {"multiValueHeaders": headers | own}))


@given(name=shapes.TEXTS | st.text())
def test_model_ids_of_any_kind(functions: Functions, name: str) -> None:
    answer = functions.models(models_event(functions.token) | {"pathParameters": {"model": name}})

    holds_and_is_nobodys_fault_but_the_callers(answer)


@pytest.mark.parametrize("name", ["\0", "%00", "../../etc/passwd", "..%2f..", "通义千问", "é" * 10_000, "a" * 100_000])
def test_a_model_id_is_looked_up_and_nothing_else(functions: Functions, name: str) -> None:
    answer = functions.models(models_event(functions.token) | {"pathParameters": {"model": name}})

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert len(answer.body) < 2_000


@pytest.mark.parametrize(
    "token", ["x" * 1_000_000, "sk-qg-" + "9" * 1_000_000, "sk-qg-é", "\x7f\x80\xff", "a b c", "sk-qg-" + "\0" * 40]
)
def test_a_token_of_any_size_and_script_is_refused_without_being_quoted(functions: Functions, token: str) -> None:
    for answer in (functions.chat(chat_event(chat_request(), token)), functions.models(models_event(token))):
        holds_and_is_nobodys_fault_but_the_callers(answer)
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
def test_an_event_without_a_caller_is_one_without_a_key(functions: Functions, event: dict[str, Any]) -> None:
    for answer in (functions.chat(event), functions.models(event)):
        holds_and_is_nobodys_fault_but_the_callers(answer)
        assert (answer.status, answer.json["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_wrong_content_type_does_no_harm(functions: Functions, content_type: str) -> None:
    answer = functions.chat(chat_event(chat_request(), functions.token, {"Content-Type": content_type}))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert answer.status == 200


def test_a_compressed_body_is_refused_with_what_to_do(functions: Functions) -> None:
    answer = functions.chat(chat_event(chat_request(), functions.token, {"Content-Encoding": "gzip"}))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert (answer.status, "uncompressed" in answer.message) == (400, True)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "0", "1e999", "", "soon", "0x10", "1" * 5_000, "\xb2"])
@pytest.mark.parametrize("name", ["X-Gateway-Timeout-Ms", "X-Stainless-Read-Timeout", "X-Stainless-Timeout"])
def test_a_patience_that_makes_no_sense_limits_nothing(functions: Functions, name: str, value: str) -> None:
    assert functions.chat(chat_event(chat_request(), functions.token, {name: value})).status == 200


def test_a_patience_that_no_call_can_meet_is_a_timeout_with_advice(functions: Functions) -> None:
    """The only 5xx that a caller brings about: it is what he asked for."""
    answer = functions.chat(chat_event(chat_request(), functions.token, {"X-Gateway-Timeout-Ms": "0.001"}))

    holds(answer)
    assert (answer.status, answer.json["error"]["code"]) == (504, "provider_timeout")
    assert answer.headers["x-should-retry"] == "false"
