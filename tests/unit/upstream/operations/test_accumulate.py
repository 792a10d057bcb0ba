"""Any answer, split into any deltas: the whole answer is what the openai SDK's accumulator makes of them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta

from qwen_gateway.upstream.operations.chat_answer import WholeChatReader
from qwen_gateway.upstream.operations.chunks import DONE
from tests.builders import chunk, finish

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
FUNCTIONS = st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS})
TOOL_CALLS = st.fixed_dictionaries({"id": TEXTS, "type": st.just("function"), "function": FUNCTIONS})
DETAILS = st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": TEXTS, "score": st.just(0.5)})
ATOMIC = {"id", "name", "type", "role"}
"""Texts that no provider splits."""


def items[Item](values: st.SearchStrategy[Item]) -> st.SearchStrategy[list[Item]]:
    return st.lists(values, min_size=1, max_size=3)


MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant")},
    optional={
        "content": TEXTS,
        "reasoning_content": TEXTS,
        "refusal": TEXTS,
        "function_call": FUNCTIONS,
        "audio": st.fixed_dictionaries({"id": TEXTS, "transcript": TEXTS, "data": TEXTS, "expires_at": st.just(7)}),
        "tool_calls": items(TOOL_CALLS),
        "reasoning_details": items(DETAILS),
        "annotations": st.fixed_dictionaries({"nested": st.fixed_dictionaries({"note": TEXTS})}),
    },
)


def split(name: str, value: Any, draw: st.DrawFn) -> list[list[Any]]:
    """Return sequences of additions, which together make up the value. Each sequence keeps its order."""
    if isinstance(value, dict):
        return [[{name: each} for each in parts] for key, inner in value.items() for parts in split(key, inner, draw)]
    if isinstance(value, list):
        sequences = [
            [{"index": index, **each} for each in parts]
            for index, item in enumerate(value)
            for key, inner in item.items()
            for parts in split(key, inner, draw)
        ]
        # The accumulator wants the items of a list to begin in order, so each begins in the first sequence.
        beginnings = [{"index": index} for index in range(len(value))]
        return [[{name: [each]} for each in [*beginnings]], *([{name: [each]} for each in s] for s in sequences)]
    if isinstance(value, str) and name not in ATOMIC:
        cut = draw(st.integers(0, len(value)))
        return [[{name: value[:cut]}, {name: value[cut:]}]]
    return [[{name: value}]]


@st.composite
def deltas(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw a message, and return deltas that make it up, interleaved in any way."""
    message = draw(MESSAGES)
    sequences = [parts for name, value in message.items() for parts in split(name, value, draw)]
    first = [sequence for sequence in sequences if is_beginning(sequence)]
    rest = [sequence for sequence in sequences if not is_beginning(sequence)]
    order = draw(st.permutations([position for position, parts in enumerate(rest) for _ in parts]))
    remaining = [iter(parts) for parts in rest]
    return [*(each for parts in first for each in parts), *(next(remaining[position]) for position in order)]


def is_beginning(sequence: list[Any]) -> bool:
    ((value,),) = [list(each.values()) for each in sequence[:1]]
    return isinstance(value, list) and value == [{"index": 0}]


def accumulated(parts: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[Any, Any] = {}
    for part in json.loads(json.dumps(parts)):
        message = accumulate_delta(message, part)
    for call in message.get("tool_calls", []):
        del call["index"]
    return message


def assembled(parts: list[dict[str, Any]]) -> dict[str, Any]:
    reader = WholeChatReader(1)
    for part in (*(chunk(delta) for delta in parts), finish()):
        reader.read(json.dumps(part).encode())
    reader.read(DONE)
    reader.finish()
    message: dict[str, Any] = reader.answer["choices"][0]["message"]
    return message


@given(deltas())
def test_the_whole_message_is_that_of_the_sdks_accumulator(parts: list[dict[str, Any]]) -> None:
    expected = accumulated(parts)

    message = assembled(parts)

    assert {name: value for name, value in message.items() if value or name in expected} == expected


@given(st.lists(st.lists(TEXTS, max_size=2), max_size=3))
def test_plain_lists_are_appended(lists: list[list[str]]) -> None:
    message = assembled([{"notes": values} for values in lists])

    assert message.get("notes", []) == [text for values in lists for text in values]
