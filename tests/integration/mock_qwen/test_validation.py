"""The mock rejects what the provider rejects, with its status, code and message."""

from typing import Any

import httpx2
import openai
import pytest

from qwen_gateway import catalog
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.mock_qwen.chat_client import NAMED_CLOCK, TOOLS, post

JSON = {"response_format": {"type": "json_object"}}
SAY_JSON = [{"role": "user", "content": [{"type": "text", "text": "Answer in JSON."}]}]

STREAM_ONLY = "qwen3-235b-a22b-thinking-2507"

CALLED = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages at all": ({"messages": None}, "'messages' is a required property"),
    "empty messages": ({"messages": []}, "[] is too short - 'messages'"),
    "a message that is text": ({"messages": ["hi"]}, "'messages.0'"),
    "the role developer": ({"messages": [{"role": "developer", "content": "x"}]}, "'developer' is not one of"),
    "a role that cannot be compared": ({"messages": [{"role": ["user"], "content": "x"}]}, "is not one of"),
    "empty arguments": ({"messages": CALLED}, "must be in JSON format"),
    "a cap above the limit": ({"max_tokens": 32_769}, "Range of max_tokens should be [1, 32768]"),
    "a cap above a smaller limit": ({"model": "qwen-max", "max_tokens": 8_193}, "should be [1, 8192]"),
    "the other cap above the limit": ({"max_completion_tokens": 40_000}, "Range of max_completion_tokens"),
    "a cap of 0": ({"max_tokens": 0}, "Range of max_tokens"),
    "a cap that is text": ({"max_tokens": "many"}, "Range of max_tokens"),
    "messages that are too long": (
        {"model": "qwen-max", "messages": [{"role": "user", "content": "word" * 30_720}]},
        "Range of input length should be [1, 30720]",
    ),
    "temperature 2": ({"temperature": 2}, "Temperature should be in [0.0, 2.0)"),
    "a negative temperature": ({"temperature": -0.1}, "Temperature should be in [0.0, 2.0)"),
    "top_p 0": ({"top_p": 0}, "Range of top_p should be (0.0, 1.0]"),
    "top_p above 1": ({"top_p": 1.1}, "Range of top_p should be (0.0, 1.0]"),
    "empty tools": ({"tools": []}, "[] is too short - 'tools'"),
    "empty functions": ({"functions": []}, "[] is too short - 'functions'"),
    "no choice": ({"n": 0}, "Range of n should be [1, 4]"),
    "five choices": ({"n": 5}, "Range of n should be [1, 4]"),
    "true choices": ({"n": True}, "Range of n should be [1, 4]"),
    "a json object without the word": (JSON, "must contain the word 'json'"),
    "a json object while thinking": (
        {**JSON, "messages": SAY_JSON, "enable_thinking": True, "stream": True},
        "Json mode response is not supported when enable_thinking is true",
    ),
    "a whole answer of an open-source thinking model": ({"model": STREAM_ONLY}, "only support stream mode"),
    "thinking in a whole answer": ({"enable_thinking": True}, "enable_thinking must be set to false"),
    "an unknown effort": ({"model": "qwen3.8-max", "reasoning_effort": "high"}, "'high' is not one of"),
    "effort and budget at once": (
        {"model": "qwen4-max", "reasoning_effort": "low", "thinking_budget": 100},
        "cannot be set at the same time",
    ),
}
FORCED: dict[str, dict[str, Any]] = {
    "requested": {"model": "qwen-plus", "enable_thinking": True, "stream": True, "tool_choice": "required"},
    "by a named tool": {"model": "qwen-plus", "enable_thinking": True, "stream": True, "tool_choice": NAMED_CLOCK},
    "by default": {"model": "qwen3.6-plus", "tool_choice": "required"},
    "always": {"model": STREAM_ONLY, "stream": True, "tool_choice": "required"},
    "by effort": {"model": "qwen3.8-max", "reasoning_effort": "low", "tool_choice": "required"},
}


def rejection_message(answer: httpx2.Response, code: str) -> str:
    """Check the envelope of an error and return its message."""
    document = answer.json()
    assert document["error"]["code"] == code
    assert document["error"]["type"] == "invalid_request_error"
    assert document["error"]["param"] is None
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["id"] == f"chatcmpl-{document['request_id']}"
    message: str = document["error"]["message"]
    return message


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_is_rejected(provider: RunningMockQwen, case: str) -> None:
    fields, words = REFUSED[case]

    answer = post(provider, **fields)

    assert answer.status_code == 400
    assert words in rejection_message(answer, "invalid_parameter_error")


@pytest.mark.parametrize("case", FORCED)
def test_a_tool_cannot_be_forced_while_the_model_thinks(provider: RunningMockQwen, case: str) -> None:
    answer = post(provider, tools=TOOLS, **FORCED[case])

    assert answer.status_code == 400
    assert "tool_choice parameter does not support" in rejection_message(answer, "invalid_parameter_error")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "qwen3.6-plus", "enable_thinking": False},
        {"model": "qwen3.8-max", "reasoning_effort": "none", "enable_thinking": True},
    ],
)
def test_a_tool_can_be_forced_once_thinking_is_off(provider: RunningMockQwen, fields: dict[str, Any]) -> None:
    assert post(provider, tools=TOOLS, tool_choice="required", **fields).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 32_768},
        {"max_tokens": None, "n": None, "tools": None, "response_format": None},
        {"n": 4},
        {**JSON, "messages": SAY_JSON},
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": None}]},
        {"model": "qwen3.7-max", "enable_thinking": True},
        {"model": "deepseek-v3.2"},
        {"model": "qwen-of-tomorrow", "store": True, "metadata": {"a": "b"}},
    ],
)
def test_a_request_at_the_limits_is_valid(provider: RunningMockQwen, fields: dict[str, Any]) -> None:
    assert post(provider, **fields).status_code == 200


@pytest.mark.parametrize("model", ["qwen3-max", "qwen3-coder-plus", "qwen-turbo", "qwq-plus", "qvq-max", "qwen-vl-max"])
def test_a_retired_model_is_neither_listed_nor_served(provider: RunningMockQwen, model: str) -> None:
    answer = post(provider, model=model)

    assert answer.status_code == 400
    assert "Model not exist" in rejection_message(answer, "InvalidParameter")
    assert model not in list_models(provider)

    provider.control({"models": [model]})
    assert list_models(provider) == [model]
    assert post(provider, model=model, stream=True).status_code == 200


def list_models(provider: RunningMockQwen) -> list[str]:
    listed = httpx2.get(f"{provider.url}/v1/models", headers={"authorization": "Bearer sk-x"}).json()
    return [model["id"] for model in listed["data"]]


def test_every_live_model_of_the_catalog_is_listed(provider: RunningMockQwen) -> None:
    models = [model for name in catalog.sections() for model in catalog.section(name).values()]

    assert {model.id for model in models if not model.retirement} <= set(list_models(provider))


@pytest.mark.parametrize("model", ["gpt-4o", "text-embedding-v4", "", None, 7])
def test_a_model_that_is_not_served_is_not_found(provider: RunningMockQwen, model: Any) -> None:
    answer = post(provider, model=model)

    assert answer.status_code == 404
    assert "does not exist" in rejection_message(answer, "model_not_found")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"hi"', b"null", b"\xff\xfe", b"[" * 100_000, '{"a": 1}'.encode("utf-16")]
)
def test_a_body_that_is_no_json_object_is_rejected(provider: RunningMockQwen, body: bytes) -> None:
    url, headers = f"{provider.url}/v1/chat/completions", {"authorization": "Bearer sk-any"}

    answer = httpx2.post(url, content=body, headers=headers, trust_env=False)

    assert answer.status_code == 400
    assert "Required body invalid" in rejection_message(answer, "invalid_parameter_error")
    assert provider.calls() == []


def test_a_request_nested_very_deeply_does_not_break_the_server(provider: RunningMockQwen) -> None:
    nested: dict[str, Any] = {"type": "object"}
    for _ in range(500):
        nested = {"type": "object", "properties": {"a": nested}, "required": ["a"]}
    tools = [{"type": "function", "function": {"name": "deep", "parameters": nested}}]

    assert post(provider, tools=tools).status_code == 200
    assert post(provider).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}]
    + [
        {"authorization": value}
        for value in ("Bearer", "sk-any", "Basic sk-any", "Bearer sk-invalid-1", "bearer INVALID")
    ],
)
def test_a_missing_or_invalid_key_is_rejected(provider: RunningMockQwen, headers: dict[str, str]) -> None:
    with httpx2.Client(base_url=provider.url, headers=headers, trust_env=False) as http:
        answers = [
            http.post("/v1/chat/completions", json=chat_request()),
            http.get("/v1/models"),
            http.get("/compatible-mode/v1/models/qwen-plus"),
        ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.json()["error"].keys() == {"message", "code"}
        assert answer.json()["error"]["code"] == "InvalidApiKey"
        assert answer.headers["x-request-id"]


def test_the_openai_client_sees_the_code_and_the_request_id(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="qwen-plus", messages=[], max_tokens=1)
    with pytest.raises(openai.AuthenticationError) as unknown:
        client.with_options(api_key="sk-invalid").models.list()

    assert refused.value.code == "invalid_parameter_error"
    assert refused.value.request_id
    assert unknown.value.code == "InvalidApiKey"


def test_no_other_method_or_path_is_served(provider: RunningMockQwen) -> None:
    with httpx2.Client(base_url=provider.url, headers={"authorization": "Bearer k"}, trust_env=False) as http:
        assert http.get("/v1/chat/completions").status_code == 405
        assert http.post("/v1/completions", json=chat_request()).status_code == 404
        assert http.post("/v1/chat/completions/", json=chat_request()).status_code == 404
