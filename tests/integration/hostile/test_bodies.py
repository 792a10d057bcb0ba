"""Whatever body is sent, the caller is answered, told what to change, and nobody else is blamed."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import catalog
from qwen_gateway.upstream.translation import translated
from tests.builders import chat_event, chat_request
from tests.integration.hostile import shapes
from tests.integration.hostile.meeting import PROMPT, Functions, holds_and_is_nobodys_fault_but_the_callers
from tests.sam_local.neighbours import Neighbours

FRAME = json.dumps(chat_request(extra="here"))


def framed(value: str) -> str:
    """A good request in which an unknown field holds this JSON."""
    return FRAME.replace('"here"', value)


@given(request=shapes.ALMOST_RIGHT | shapes.mutated() | shapes.JSON)
def test_json_of_any_shape(functions: Functions, request: Any) -> None:
    holds_and_is_nobodys_fault_but_the_callers(functions.chat(chat_event(json.dumps(request), functions.token)))


@given(body=shapes.broken() | st.binary(max_size=200))
def test_bytes_of_any_kind(functions: Functions, body: bytes) -> None:
    holds_and_is_nobodys_fault_but_the_callers(functions.chat(chat_event(body, functions.token)))


@given(request=shapes.ALMOST_RIGHT)
def test_what_reaches_the_provider_is_what_was_sent_in_the_words_of_the_model(
    functions: Functions, around: Neighbours, request: Any
) -> None:
    around.provider.reset()
    functions.chat(chat_event(json.dumps(request), functions.token))

    for call in around.provider.calls():
        known = catalog.section("dashscope-intl")[call["model"]]
        assert call["body"] == translated(request | {"model": known.id}, known).body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(framed("[" * 100_000 + "]" * 100_000), "nested too deep", id="100,000 levels"),
        pytest.param(framed("[" * 9_950 + "]" * 9_950), "nested too deep", id="9,950 levels of lists"),
        pytest.param(framed('{"a":' * 9_950 + "1" + "}" * 9_950), "nested too deep", id="9,950 levels of objects"),
        pytest.param(framed("[" * 9_992 + "]" * 9_992), "nested too deep", id="the last level that Python reads"),
        pytest.param("[" * 100_000, "nested too deep", id="levels without an end"),
        pytest.param(b'{"model": "\xff"}', "not UTF-8", id="invalid UTF-8"),
        pytest.param(b'{"model": "\xed\xa0\x80"}', "not UTF-8", id="half a surrogate pair in UTF-8"),
        pytest.param(framed(r'"\ud800"'), "surrogate", id="half a surrogate pair escaped"),
        pytest.param(framed(r'{"\udfff": 1}'), "surrogate", id="half a surrogate pair in a name"),
        pytest.param(framed('"\0"'), "NUL", id="a raw NUL"),
        pytest.param(framed("NaN"), "NaN", id="NaN"),
        pytest.param(framed("-Infinity"), "Infinity", id="Infinity"),
        pytest.param(framed("9" * 10_000), "digits", id="an integer of 10,000 digits"),
        pytest.param(framed("-" + "9" * 10_000), "digits", id="a negative integer of 10,000 digits"),
        pytest.param(framed("1e400"), "too large", id="1e400"),
        pytest.param(framed("9" * 10_000 + ".0"), "too large", id="a float of 10,000 digits"),
        pytest.param(FRAME.encode("utf-16"), "UTF-16", id="UTF-16 with a BOM"),
        pytest.param(FRAME.encode("utf-16-le"), "UTF-16", id="UTF-16 without a BOM"),
        pytest.param(FRAME.encode("utf-8-sig"), "BOM", id="UTF-8 with a BOM"),
        pytest.param("model=qwen-plus&messages=hello", "not JSON", id="a form"),
        pytest.param(
            b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nqwen\r\n--x--', "not JSON", id="parts"
        ),
        pytest.param(b"\x1f\x8b\x08\x00", "NUL", id="gzip that nobody speaks of"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_cause(functions: Functions, body: str | bytes, words: str) -> None:
    answer = functions.chat(chat_event(body, functions.token))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert answer.status == 400
    assert words in answer.message


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("[" * 200 + "]" * 200, id="200 levels"),
        pytest.param("[" * 1_998 + "]" * 1_998, id="as many levels as are read"),
        pytest.param("9" * 4_300, id="an integer of 4,300 digits"),
        pytest.param("0." + "1" * 10_000, id="a fraction of 10,000 digits"),
        pytest.param("1e-99999", id="a number that is next to nothing"),
        pytest.param(r'"\u0000"', id="NUL, escaped"),
        pytest.param(r'"\ud83d\ude42"', id="a whole surrogate pair"),
        pytest.param('{"": {"": 1}}', id="names that are empty"),
        pytest.param('{"__proto__": {"x": 1}, "constructor": 1}', id="names that mean something elsewhere"),
    ],
)
def test_what_is_odd_and_right_goes_through(functions: Functions, value: str) -> None:
    answer = functions.chat(chat_event(framed(value), functions.token))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert answer.status == 200


def test_of_duplicate_names_the_one_that_was_checked_is_the_one_that_is_sent(
    functions: Functions, around: Neighbours
) -> None:
    around.provider.reset()
    body = '{"model": "gpt-4o", "n": 9, "messages": [], ' + json.dumps(chat_request(n=2))[1:]

    assert functions.chat(chat_event(body, functions.token)).status == 200
    (call,) = around.provider.calls()
    assert (call["body"]["model"], call["body"]["n"]) == ("qwen-plus", 2)


@pytest.mark.parametrize("megabytes", [6, 10])
def test_a_body_that_does_not_fit_is_refused_with_the_limit(functions: Functions, megabytes: int) -> None:
    answer = functions.chat(chat_event(framed(f'"{PROMPT * 60_000 * megabytes}"'), functions.token))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert answer.status == 413
    assert "5500000" in answer.message


@pytest.mark.parametrize("model", ["a\r\nx-evil: 1", "通义千问", "\0", "x" * 100_000, "../..", "%s%n{0}", "qwen-plus "])
def test_a_models_name_injects_nothing(functions: Functions, model: str) -> None:
    answer = functions.chat(chat_event(chat_request(model=model), functions.token))

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert len(answer.body) < 2_000


@pytest.mark.parametrize("text", ["@@@@", "abc", base64.b64encode(FRAME.encode()).decode()[:-2] + "é", " "])
def test_bad_base64_is_refused_by_its_cause(functions: Functions, text: str) -> None:
    answer = functions.chat(chat_event(text, functions.token) | {"isBase64Encoded": True})

    holds_and_is_nobodys_fault_but_the_callers(answer)
    assert (answer.status, "base64" in answer.message) == (400, True)
