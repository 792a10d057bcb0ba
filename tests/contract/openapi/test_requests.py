"""The gateway accepts exactly the requests that match docs/openapi.json."""

import itertools
import json
from typing import Any

from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.errors import RequestRefused
from tests.builders import chat_request
from tests.contract.openapi.described import Described
from tools.openapi.requests import build_request_schema

SCALARS = (None, True, False, 0, 1, 4, 5, -1, 0.5, 1.5, 2.5, "", "x", "qwen-plus")
OBJECTS = ({}, {"type": "text"}, {"type": "xml"}, {"type": 1}, {"include_usage": True}, {"include_usage": "yes"})
LISTS = ([], ["x"], [1], [{"type": "function"}], [{"type": "function", "function": {"name": ""}}])
MESSAGES = ([{"role": "user"}], [{"role": "king"}], [{"content": "x"}])
CONTENTS = ("", None, 1, [], [{}], [{"type": "text", "more": 1}], {})
VALUES = (*SCALARS, *OBJECTS, *LISTS, *MESSAGES, *([{"role": "user", "content": content}] for content in CONTENTS))
"""Values that are valid for some fields and invalid for others."""

VALIDATED_BY_THE_PROVIDER = {
    "chat_template_kwargs",
    "enable_thinking",
    "enable_search",
    "reasoning_effort",
    "search_options",
    "thinking",
    "thinking_budget",
    "top_k",
}
"""The document describes their types for readers; the gateway does not validate them."""


def test_requests_that_match_the_description_are_accepted(described: Described) -> None:
    request = described.validator({"$ref": "#/components/schemas/ChatRequest"})
    fields = {*build_request_schema("ChatRequest")["properties"], "unknown_field"} - VALIDATED_BY_THE_PROVIDER
    for field, value in itertools.product(sorted(fields), VALUES):
        body = chat_request(**{field: value})
        assert request.is_valid(body) == is_accepted(body), body


def test_a_missing_required_field_is_rejected(described: Described) -> None:
    request = described.validator({"$ref": "#/components/schemas/ChatRequest"})
    for missing in ("model", "messages"):
        body = chat_request()
        del body[missing]
        assert not request.is_valid(body)
        assert not is_accepted(body)


def test_fields_that_only_the_provider_validates_accept_any_value() -> None:
    for field, value in itertools.product(sorted(VALIDATED_BY_THE_PROVIDER), VALUES):
        assert is_accepted(chat_request(**{field: value}))


def is_accepted(body: dict[str, Any]) -> bool:
    try:
        ChatRequest.parse(json.dumps(body).encode())
    except RequestRefused:
        return False
    return True
