"""A request is taken when it is as docs/openapi.json describes it, and else refused."""

import itertools
import json
from typing import Any

from qwen_gateway.api import ChatRequest
from qwen_gateway.errors import RequestRefused
from tests.builders import chat_request
from tests.contract.openapi.described import Described
from tools.openapi.schemas import build_request_schema

SCALARS = (None, True, False, 0, 1, 4, 5, -1, 0.5, 1.5, 2.5, "", "x", "qwen-plus")
OBJECTS = ({}, {"type": "text"}, {"type": "xml"}, {"type": 1}, {"include_usage": True}, {"include_usage": "yes"})
LISTS = ([], ["x"], [1], [{"type": "function"}], [{"type": "function", "function": {"name": ""}}])
MESSAGES = ([{"role": "user"}], [{"role": "king"}], [{"content": "x"}])
CONTENTS = ("", None, 1, [], [{}], [{"type": "text", "more": 1}], {})
ODD = (*SCALARS, *OBJECTS, *LISTS, *MESSAGES, *([{"role": "user", "content": content}] for content in CONTENTS))
"""Values that fit one field and not another."""

JUDGED_BY_THE_PROVIDER = {
    "chat_template_kwargs",
    "enable_thinking",
    "enable_search",
    "reasoning_effort",
    "search_options",
    "thinking",
    "thinking_budget",
    "top_k",
}
"""Their types are described for the reader, and not checked."""


def test_a_request_is_taken_as_described(described: Described) -> None:
    request = described.validator({"$ref": "#/components/schemas/ChatRequest"})
    fields = {*build_request_schema()["properties"], "never_heard_of"} - JUDGED_BY_THE_PROVIDER
    for field, value in itertools.product(sorted(fields), ODD):
        body = chat_request(**{field: value})
        assert request.is_valid(body) == is_taken(body), body


def test_what_is_required_is_missed(described: Described) -> None:
    request = described.validator({"$ref": "#/components/schemas/ChatRequest"})
    for missing in ("model", "messages"):
        body = chat_request()
        del body[missing]
        assert not request.is_valid(body)
        assert not is_taken(body)


def test_what_only_the_provider_judges_is_taken_whatever_it_is() -> None:
    for field, value in itertools.product(sorted(JUDGED_BY_THE_PROVIDER), ODD):
        assert is_taken(chat_request(**{field: value}))


def is_taken(body: dict[str, Any]) -> bool:
    try:
        ChatRequest.parse(json.dumps(body).encode())
    except RequestRefused:
        return False
    return True
