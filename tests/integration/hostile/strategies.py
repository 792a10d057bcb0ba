"""Hypothesis strategies for hostile requests: nearly valid chat requests, JSON of any shape, and bytes."""

import copy
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from tests.integration.hostile.responses import PROMPT

fuzz_settings = settings(max_examples=min(settings().max_examples, 250))
"""Each example calls a function, which takes up to 30 ms."""

TEXTS = st.text(max_size=12) | st.sampled_from(["", "\0", "\ud800", "\r\nx-evil: 1", "qwen-plus", PROMPT, "🙂" * 40])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**4000, -(10**400), 1e308, -0.0, 2**63, 1.5])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))

_PART = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "video_url"]), "text": TEXTS})
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
    optional={"content": TEXTS | st.lists(_PART, max_size=3) | st.none(), "tool_calls": st.just([]), "name": TEXTS},
)
_TOOL = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={"function": st.fixed_dictionaries({"name": st.sampled_from(["f", "weather"])}, optional={"x": JSON})},
)
NEARLY_VALID = st.fixed_dictionaries(
    {"model": st.sampled_from(["qwen-plus", "qwen-max", "qwen-turbo"]), "messages": st.lists(_MESSAGE, max_size=3)},
    optional={
        "stream": st.sampled_from([False, None]),
        "n": st.integers(1, 4),
        "max_tokens": st.integers(1, 100),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "tools": st.lists(_TOOL, max_size=2),
        "tool_choice": JSON,
        "response_format": st.fixed_dictionaries({"type": st.sampled_from(["text", "json_object", "json_schema"])}),
        "user": TEXTS,
        "metadata": st.dictionaries(TEXTS, TEXTS, max_size=7) | JSON,
        "enable_thinking": JSON,
        "stop": JSON,
    },
)


@st.composite
def mutated_requests(draw: st.DrawFn) -> Any:
    """Draw a nearly valid request with one value, at any depth, replaced or removed."""
    request = copy.deepcopy(draw(NEARLY_VALID))
    holder, place = draw(st.sampled_from(list(_list_places(request))))
    if draw(st.integers(0, 4)):
        holder[place] = draw(JSON)
    else:
        del holder[place]
    return request


def _list_places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, inner in pairs:
        yield value, place
        yield from _list_places(inner)


@st.composite
def corrupted_bodies(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a request, with some removed or inserted."""
    body = json.dumps(draw(NEARLY_VALID), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 8)))
    return body[:start] + draw(st.binary(max_size=6)) + body[end:]
