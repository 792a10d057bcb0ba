"""Every request body gets a success or a 4xx error that names what to change."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import catalog, config, strictjson
from qwen_gateway.dialect.chat import adapt_request
from qwen_gateway.dialect.defaults import apply_defaults
from qwen_gateway.routing import Routes
from tests.builders import chat_event, chat_request
from tests.integration.hostile import strategies
from tests.integration.hostile.responses import PROMPT, Functions, assert_success_or_client_error
from tests.sam_local.backends import Backends

REQUEST = json.dumps(chat_request(extra="here"))


def embed(value: str) -> str:
    """Return a valid request with this JSON in an unknown field."""
    return REQUEST.replace('"here"', value)


@strategies.fuzz_settings
@given(request=strategies.NEARLY_VALID | strategies.mutated_requests() | strategies.JSON)
def test_json_of_any_shape_gets_a_success_or_a_client_error(functions: Functions, request: Any) -> None:
    assert_success_or_client_error(functions.chat(chat_event(json.dumps(request), functions.token)))


@strategies.fuzz_settings
@given(body=strategies.corrupted_bodies() | st.binary(max_size=200))
def test_any_bytes_get_a_success_or_a_client_error(functions: Functions, body: bytes) -> None:
    assert_success_or_client_error(functions.chat(chat_event(body, functions.token)))


@strategies.fuzz_settings
@given(request=strategies.NEARLY_VALID)
def test_the_provider_receives_the_request_as_adapted_to_the_model(
    functions: Functions, backends: Backends, request: Any
) -> None:
    routes = Routes(config.parse(json.dumps(backends.gateway_config)))
    backends.provider.reset()
    functions.chat(chat_event(json.dumps(request), functions.token))

    for call in backends.provider.calls():
        known = catalog.section("dashscope-intl")[call["model"]]
        (target,) = [each for each in routes.targets(request["model"]) if each.model == known.id]
        sent = strictjson.loads(strictjson.dumps(request | {"model": known.id}))
        assert call["body"] == adapt_request(apply_defaults(sent, target.defaults), known).body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(embed("[" * 100_000 + "]" * 100_000), "nested too deep", id="100,000 levels"),
        pytest.param(embed("[" * 9_950 + "]" * 9_950), "nested too deep", id="9,950 levels of lists"),
        pytest.param(embed('{"a":' * 9_950 + "1" + "}" * 9_950), "nested too deep", id="9,950 levels of objects"),
        pytest.param(embed("[" * 9_992 + "]" * 9_992), "nested too deep", id="the last level that Python parses"),
        pytest.param("[" * 100_000, "nested too deep", id="levels without an end"),
        pytest.param(b'{"model": "\xff"}', "not UTF-8", id="invalid UTF-8"),
        pytest.param(b'{"model": "\xed\xa0\x80"}', "not UTF-8", id="half a surrogate pair in UTF-8"),
        pytest.param(embed('"\0"'), "NUL", id="a raw NUL"),
        pytest.param(embed("NaN"), "NaN", id="NaN"),
        pytest.param(embed("-Infinity"), "Infinity", id="Infinity"),
        pytest.param(embed("9" * 10_000), "digits", id="an integer of 10,000 digits"),
        pytest.param(embed("-" + "9" * 10_000), "digits", id="a negative integer of 10,000 digits"),
        pytest.param(embed("1e400"), "too large", id="1e400"),
        pytest.param(embed("9" * 10_000 + ".0"), "too large", id="a float of 10,000 digits"),
        pytest.param(REQUEST.encode("utf-16"), "UTF-16", id="UTF-16 with a BOM"),
        pytest.param(REQUEST.encode("utf-16-le"), "UTF-16", id="UTF-16 without a BOM"),
        pytest.param(REQUEST.encode("utf-8-sig"), "BOM", id="UTF-8 with a BOM"),
        pytest.param("model=qwen-plus&messages=hello", "not JSON", id="a form"),
        pytest.param(
            b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nqwen\r\n--x--', "not JSON", id="parts"
        ),
        pytest.param(b"\x1f\x8b\x08\x00", "NUL", id="gzip without Content-Encoding"),
    ],
)
def test_an_unparsable_body_is_rejected_with_its_cause(functions: Functions, body: str | bytes, expected: str) -> None:
    answer = functions.chat(chat_event(body, functions.token))

    assert_success_or_client_error(answer)
    assert answer.status == 400
    assert expected in answer.message


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("[" * 200 + "]" * 200, id="200 levels"),
        pytest.param("[" * 1_998 + "]" * 1_998, id="the most levels that are parsed"),
        pytest.param("9" * 4_300, id="an integer of 4,300 digits"),
        pytest.param("0." + "1" * 10_000, id="a fraction of 10,000 digits"),
        pytest.param("1e-99999", id="a number close to zero"),
        pytest.param(r'"\u0000"', id="NUL, escaped"),
        pytest.param(r'"\ud83d\ude42"', id="a whole surrogate pair"),
        pytest.param(r'"\ud800"', id="half a surrogate pair"),
        pytest.param(r'{"\udfff": 1}', id="half a surrogate pair in a name"),
        pytest.param('{"": {"": 1}}', id="names that are empty"),
        pytest.param('{"__proto__": {"x": 1}, "constructor": 1}', id="names with a meaning in JavaScript"),
    ],
)
def test_unusual_valid_json_is_accepted(functions: Functions, value: str) -> None:
    answer = functions.chat(chat_event(embed(value), functions.token))

    assert_success_or_client_error(answer)
    assert answer.status == 200


def test_the_last_of_duplicate_names_is_validated_and_sent(functions: Functions, backends: Backends) -> None:
    backends.provider.reset()
    body = '{"model": "gpt-4o", "n": 9, "messages": [], ' + json.dumps(chat_request(n=2))[1:]

    assert functions.chat(chat_event(body, functions.token)).status == 200
    (call,) = backends.provider.calls()
    assert (call["body"]["model"], call["body"]["n"]) == ("qwen-plus", 2)


@pytest.mark.parametrize("megabytes", [6, 10])
def test_a_body_too_large_is_rejected_with_the_limit(functions: Functions, megabytes: int) -> None:
    answer = functions.chat(chat_event(embed(f'"{PROMPT * 60_000 * megabytes}"'), functions.token))

    assert_success_or_client_error(answer)
    assert answer.status == 413
    assert "5500000" in answer.message


@pytest.mark.parametrize("model", ["a\r\nx-evil: 1", "通义千问", "\0", "x" * 100_000, "../..", "%s%n{0}", "qwen-plus "])
def test_a_model_name_cannot_inject_anything(functions: Functions, model: str) -> None:
    answer = functions.chat(chat_event(chat_request(model=model), functions.token))

    assert_success_or_client_error(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert len(answer.body) < 2_000


@pytest.mark.parametrize("text", ["@@@@", "abc", base64.b64encode(REQUEST.encode()).decode()[:-2] + "é", " "])
def test_invalid_base64_is_rejected_with_its_cause(functions: Functions, text: str) -> None:
    answer = functions.chat(chat_event(text, functions.token) | {"isBase64Encoded": True})

    assert_success_or_client_error(answer)
    assert (answer.status, "base64" in answer.message) == (400, True)
