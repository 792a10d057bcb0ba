"""Pieces of tool calls, assigned to their calls whatever the provider says of them."""

from typing import Any

import pytest

from qwen_gateway.upstream.operations.tool_calls import ToolCalls


def piece(index: Any = None, call_id: str | None = None, name: str | None = None, arguments: Any = None) -> Any:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fields = (("index", index), ("id", call_id), ("function", function or None))
    return {key: value for key, value in fields if value is not None}


def normalize(*chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls = ToolCalls()
    return [each for pieces in chunks for each in calls.normalize(pieces)]


@pytest.mark.parametrize(
    ("chunks", "indexes"),
    [
        ([[piece(0, "a", "f", "{}")], [piece(0, "b", "g", "{}")], [piece(0, None, None, "")]], [0, 1, 1]),
        (
            [[piece(0, "a", "f")], [piece(1, "b", "g")], [piece(0, arguments="1")], [piece(1, arguments="2")]],
            [0, 1] * 2,
        ),
        ([[piece(0, "a", "f")], [piece(0, "b", "g")], [piece(1, "c", "h")], [piece(1, arguments="3")]], [0, 1, 2, 2]),
        ([[piece(None, "a", "f", "{}"), piece(None, "b", "g", "{}")]], [0, 1]),
        ([[piece(None, "a", "f", "{")], [piece(None, None, None, "}")], [piece(None, "b", "g", "{}")]], [0, 0, 1]),
        ([[piece(name="f", arguments="{}"), piece(name="f", arguments="{}")]], [0, 1]),
        ([[piece(name="f", arguments="{}")], [piece(name="f", arguments="{}")]], [0, 1]),
        ([[piece(name="f", arguments="{")], [piece(name="f", arguments="}")]], [0, 0]),
        ([[piece(2, "a", "f")], [piece(5, "b", "g")], [piece(2, arguments="1")]], [0, 1, 0]),
        ([[piece(1, "a", "f")], [piece(2, "b", "g")], [piece(1, arguments="1")]], [0, 1, 0]),
        ([[piece(-1, "a", "f")], [piece(-1, arguments="1")]], [0, 0]),
        ([[piece("0", "a", "f")], [piece(0.0, arguments="1")], [piece("1", "b", "g")]], [0, 0, 1]),
        ([[piece(0, "a", "f", "{")], [piece(0, "b", None, "}")], [piece(0, "c", "g", "{}")]], [0, 0, 1]),
        ([[piece(0, "a", "f", "{}")], [piece(0, "b")], [piece(0, None, "g", "{}")]], [0, 1, 1]),
        ([[piece(0, "", "f", "{}")], [piece(0, "", "f", "{}")], [piece(0, "", "f", "")]], [0, 1, 1]),
        ([[piece(None, "a", "f", "{}"), piece(None, "a", "f", "{}")]], [0, 1]),
        ([[piece(0, "a", "f", "{}")], [piece(0, "a", "g", "{}")], [piece(0, "a", "g", "{}")]], [0, 1, 1]),
        (
            [[piece(0, "a", "f", "{}")], [piece(0, "b", "g")], [piece(1, arguments="{")], [piece(1, arguments="}")]],
            [0, 1, 1, 1],
        ),
        ([[piece(0, "a", "f", '{"c":')], [piece(1, "a", "f", "1}")], [piece(1, "a", "f", '{"c":1}')]], [0, 0, 0]),
        ([[piece(0, "a", "f", "{}")], [piece(1, "a", "f", '{"c":1}')]], [0, 1]),
        ([[piece(0, None, "f", '{"a":')], [piece(0, None, "f", "{}")], [piece(0, None, "f", "}")]], [0, 0, 0]),
        ([[piece(0, None, "f")], [piece(0, "a")], [piece(0, None, None, "{}")]], [0, 0, 0]),
        ([[piece(0, "a", "f")], [piece(1, "a", "g")], [piece(1, None, None, "{}")]], [0, 1, 1]),
        ([[piece(0, "a", "f")], [piece(None, "a", None, "{}")]], [0, 0]),
    ],
    ids=[
        "every index is 0",
        "interleaved by index",
        "renumbered indexes",
        "no index in one chunk",
        "no index in several chunks",
        "no index and no id in one chunk",
        "no index and no id, each call in one piece",
        "no index and no id, a call in two pieces",
        "indexes with gaps",
        "indexes from 1",
        "a negative index",
        "indexes as text and floats",
        "another id in each piece",
        "an id before its name",
        "no id, every index is 0",
        "one id for all calls of a chunk",
        "one id and index for all calls",
        "only the first piece has the index of another call",
        "one call at several indexes",
        "one id for two calls of a function",
        "no id, the name in each piece",
        "the id comes later",
        "the same id for each call",
        "the index is missing later",
    ],
)
def test_each_piece_is_assigned_to_its_call(chunks: list[list[dict[str, Any]]], indexes: list[int]) -> None:
    assert [each["index"] for each in normalize(*chunks)] == indexes


def test_a_repeated_id_and_name_are_left_out() -> None:
    first, second, third = normalize(
        [piece(0, "a", "weather", '{"city":')], [piece(0, "a", "weather", "1")], [piece(0, "", "", "}")]
    )

    assert first == piece(0, "a", "weather", '{"city":') | {"type": "function"}
    assert second == piece(0, arguments="1")
    assert third == piece(0, arguments="}")


def test_a_name_in_two_parts_is_kept() -> None:
    assert normalize([piece(0, "a", "wea")], [piece(0, None, "ther")])[1] == piece(0, None, "ther")


def test_a_call_that_is_sent_once_more_is_told_once() -> None:
    whole = piece(0, "a", "weather", '{"city": 1}')

    _, repeated = normalize([whole], [whole])

    assert repeated == piece(0) | {"function": {"arguments": ""}}


def test_a_name_that_grows_is_told_once() -> None:
    assert normalize([piece(0, "a", "wea")], [piece(0, None, "weather")])[1] == piece(0, None, "ther")


@pytest.mark.parametrize("later", [None, "", "function"])
def test_the_type_is_told_once(later: str | None) -> None:
    first, second = normalize([piece(0, "a", "weather")], [piece(0, arguments="{}") | {"type": later}])

    assert first["type"] == "function"
    assert "type" not in second


def test_a_number_as_id_becomes_text() -> None:
    assert normalize([piece(0, None, "weather") | {"id": 7}])[0]["id"] == "7"


def test_arguments_that_are_an_object_become_text() -> None:
    (normalized,) = normalize([piece(0, "a", "weather", {"city": "Köln", "days": [1]})])

    assert normalized["function"]["arguments"] == '{"city":"K\\u00f6ln","days":[1]}'


def test_the_legacy_function_call_has_its_name_once() -> None:
    calls = ToolCalls()

    assert calls.normalize_function({"name": "weather", "arguments": ""}) == {"name": "weather", "arguments": ""}
    assert calls.normalize_function({"name": "weather", "arguments": {"a": 1}}) == {"arguments": '{"a":1}'}
