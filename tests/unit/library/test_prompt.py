"""Prompts become chat requests."""

from typing import Any

import pytest

from qwen_gateway.errors import RequestInvalid
from qwen_gateway.library.prompt import build_request

MESSAGES = [{"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize("prompt", ["Say hello.", MESSAGES, tuple(MESSAGES), {"messages": MESSAGES}], ids=repr)
def test_a_text_a_list_of_messages_and_a_request_object_give_the_same_request(prompt: Any) -> None:
    assert build_request(prompt, "qwen-plus", {"top_k": 3}) == (
        "qwen-plus",
        {"model": "qwen-plus", "messages": MESSAGES, "top_k": 3},
    )


def test_fields_of_a_request_object_take_precedence() -> None:
    chat = build_request(
        {"model": "qwen-max", "messages": MESSAGES, "temperature": 1}, "qwen-plus", {"temperature": 0, "n": 2}
    )

    assert chat.model == "qwen-max"
    assert (chat.body["temperature"], chat.body["n"]) == (1, 2)


def test_later_changes_of_a_prompt_do_not_change_its_request() -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    chat = build_request(messages, "qwen-plus", {})
    messages[0]["content"] = "Say goodbye."

    assert chat.body["messages"] == MESSAGES


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        (7, "a text, a list of messages or a request object"),
        (None, "a text, a list of messages or a request object"),
        ([], "messages"),
        ({}, "messages is missing"),
        (["Say hello."], r"messages\[0\]"),
        ([{"role": "robot", "content": "x"}], r"messages\[0\].role"),
        ({"messages": MESSAGES, "model": ""}, "model"),
        ({"messages": MESSAGES, "temperature": 3}, "temperature"),
        ({"messages": MESSAGES, "temperature": float("nan")}, "JSON"),
        ({"messages": MESSAGES, "stream": True}, "call stream"),
        ({"messages": MESSAGES, "user": {1, 2}}, "JSON"),
        ({"messages": MESSAGES, "metadata": nested(3_000)}, "JSON"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_invalid_prompt_is_rejected_with_the_reason(prompt: Any, pattern: str) -> None:
    with pytest.raises(RequestInvalid, match=pattern):
        build_request(prompt, "qwen-plus", {})


def test_halves_of_surrogate_pairs_are_joined_or_replaced() -> None:
    request = build_request("joined: \ud83d" + "\ude00, alone: \ud83d", "qwen-plus", {"stop": ["\udc00"]})

    assert request.body["messages"][0]["content"] == "joined: \N{GRINNING FACE}, alone: \ufffd"
    assert request.body["stop"] == ["\ufffd"]
