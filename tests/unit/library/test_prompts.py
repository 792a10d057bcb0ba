"""What may be given as a prompt, and the request that becomes of it."""

from typing import Any

import pytest

from qwen_gateway.errors import RequestInvalid
from qwen_gateway.library.prompts import request

ASKED = [{"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize("prompt", ["Say hello.", ASKED, tuple(ASKED), {"messages": ASKED}], ids=repr)
def test_a_text_a_list_of_messages_and_a_whole_request_ask_the_same(prompt: Any) -> None:
    assert request(prompt, "qwen-plus", {"top_k": 3}) == (
        "qwen-plus",
        {"model": "qwen-plus", "messages": ASKED, "top_k": 3},
    )


def test_what_a_whole_request_says_itself_goes_before_what_holds_for_all() -> None:
    chat = request({"model": "qwen-max", "messages": ASKED, "temperature": 1}, "qwen-plus", {"temperature": 0, "n": 2})

    assert chat.model == "qwen-max"
    assert (chat.body["temperature"], chat.body["n"]) == (1, 2)


def test_later_changes_of_a_prompt_do_not_reach_its_request() -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    chat = request(messages, "qwen-plus", {})
    messages[0]["content"] = "Say goodbye."

    assert chat.body["messages"] == ASKED


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (7, "a text, a list of messages or a request object"),
        (None, "a text, a list of messages or a request object"),
        ([], "messages"),
        ({}, "messages is missing"),
        (["Say hello."], r"messages\[0\]"),
        ([{"role": "robot", "content": "x"}], r"messages\[0\].role"),
        ({"messages": ASKED, "model": ""}, "model"),
        ({"messages": ASKED, "temperature": 3}, "temperature"),
        ({"messages": ASKED, "temperature": float("nan")}, "JSON"),
        ({"messages": ASKED, "stream": True}, "call stream"),
        ({"messages": ASKED, "user": {1, 2}}, "JSON"),
        ({"messages": ASKED, "metadata": nested(3_000)}, "JSON"),
        ("half of a pair: \ud83d", "surrogate"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_no_request_is_refused_with_what_is_wrong(prompt: Any, words: str) -> None:
    with pytest.raises(RequestInvalid, match=words):
        request(prompt, "qwen-plus", {})
