"""Parsing of request bodies, and the error messages for those that are no JSON object."""

import pytest

from qwen_gateway.api.request import MAX_CONTAINERS, parse_json_object
from qwen_gateway.errors import RequestInvalid


def case_id(value: object) -> str:
    return repr(value)[:40]


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"{", "line 1 column 2"),
        (b'{"a": 1} {"b": 2}', "Extra data"),
        (b"{'a': 1}", "line 1 column 2"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": "\x01"}', "control character"),
        (b"[]", "array"),
        (b'"{}"', "string"),
        (b"1", "number"),
        (b"1.5", "number"),
        (b"true", "boolean"),
        (b"null", "null"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": [1e999]}', "too large"),
        (b'{"a": -1e999}', "too large"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "too many digits"),
        (nested(2001), "at most 2000 levels"),
        (nested(9_993), "at most 2000 levels"),
        (nested(100_000), "at most 2000 levels"),
        (b"[" * 100_000, "too deep"),
        (b'{"a": "\xff"}', "byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        ('{"a": 1}'.encode("utf-16-be"), "UTF-16"),
        (b'{"a": "\0"}', "NUL"),
    ],
    ids=case_id,
)
def test_a_body_that_is_no_json_object_is_rejected_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        parse_json_object(body)

    assert message in raised.value.message
    assert raised.value.param is None


def test_the_error_does_not_quote_the_body() -> None:
    with pytest.raises(RequestInvalid) as raised:
        parse_json_object(b'{"messages": "a marked prompt" oops}')

    assert "marked" not in raised.value.message


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\N{GRINNING FACE}"}),
        (b'{"a": "\\uD83D\\uDE00"}', {"a": "\N{GRINNING FACE}"}),
        (b'{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
        (b'{"a": "\\u0000"}', {"a": "\0"}),
        ('{"a": "Grüße 世界"}'.encode(), {"a": "Grüße 世界"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 1.0, "b": 1e300, "c": -0.0}', {"a": 1.0, "b": 1e300, "c": -0.0}),
        (b' {"a": null} \n', {"a": None}),
    ],
)
def test_an_object_is_parsed_without_changes(body: bytes, value: object) -> None:
    assert parse_json_object(body) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "x\\ud83d"}', {"a": "x\ufffd"}),
        (b'{"a": ["\\udfffx"]}', {"a": ["\ufffdx"]}),
        (b'{"\\udc00": 1}', {"\ufffd": 1}),
        (b'{"a": "\\ude00\\ud83d"}', {"a": "\ufffd\ufffd"}),
        (b'{"a": "\\ud83d\\ud83d\\ude00"}', {"a": "\ufffd\N{GRINNING FACE}"}),
        (b'{"a": "\\ud83d", "b": "\\ude00"}', {"a": "\ufffd", "b": "\ufffd"}),
    ],
)
def test_half_a_surrogate_pair_is_replaced(body: bytes, value: object) -> None:
    assert parse_json_object(body) == value


def test_2000_levels_are_accepted() -> None:
    assert parse_json_object(nested(2000))


@pytest.mark.parametrize("container", [b"[]", b"{}", b'{"":[]}', b"[[[]]]"], ids=repr)
def test_the_number_of_arrays_and_objects_is_limited(container: bytes) -> None:
    containers = container.count(b"[") + container.count(b"{")
    largest = b'{"a": [%b]}' % b",".join([container] * ((MAX_CONTAINERS - 2) // containers))

    assert parse_json_object(largest)
    with pytest.raises(RequestInvalid, match="at most 200000"):
        parse_json_object(largest.replace(b'{"a": ', b'{"b": [[]], "c": {}, "a": '))


@pytest.mark.parametrize("text", [b"[{", b"\\\\[", b'\\"{', b"]"], ids=repr)
def test_brackets_inside_texts_do_not_count(text: bytes) -> None:
    assert parse_json_object(b'{"a": "%b", "b": []}' % (text * MAX_CONTAINERS))
