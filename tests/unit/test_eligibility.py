"""Which targets of a route are eligible for a request, in which order."""

from typing import Any

import pytest

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import ChatRequirements
from qwen_gateway.routing import Target, eligible_targets, output_limit
from tests.builders import chat_request, model, thinking_model

TOOLS = [{"type": "function", "function": {"name": "weather"}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def eligible(models: list[Model | None], **fields: Any) -> list[int]:
    """Return the positions in the route of the eligible targets."""
    targets = tuple(Target("dashscope", f"model-{position}") for position in range(len(models)))
    catalog = dict(zip(targets, models, strict=True))
    found = eligible_targets(targets, ChatRequirements(chat_request(**fields)), catalog.__getitem__)
    return [targets.index(target) for target in found]


def with_part(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


def text(content: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def case_id(value: Any) -> str:
    known = isinstance(value, Model)
    return (
        f"{value.modalities} {value.tools} {value.json_schema} {value.thinking.default}" if known else str(value)[:60]
    )


IMAGE = {"messages": with_part({"type": "image_url", "image_url": {"url": "https://i.example/i.png"}})}
INLINE_IMAGE = {
    "messages": with_part({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "x" * 90_000}})
}
VIDEO = {"messages": with_part({"type": "video_url", "video_url": {"url": "https://v.example/v.mp4"}})}
AUDIO = {"messages": with_part({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})}

INCAPABLE = [
    (model(modalities=("text",)), IMAGE),
    (model(modalities=("text", "image")), VIDEO),
    (model(modalities=("text", "image", "video")), AUDIO),
    (model(tools=False), {"tools": TOOLS}),
    (model(json_schema=False), {"response_format": SCHEMA}),
    (thinking_model("never", ()), {"enable_thinking": True}),
    (thinking_model("never", ()), {"reasoning_effort": "low"}),
    (thinking_model("never", ()), {"thinking": {"type": "enabled"}}),
    (thinking_model("always", ()), {"chat_template_kwargs": {"enable_thinking": False}}),
    (thinking_model("always", ()), {"tool_choice": "required"}),
    (thinking_model("always", ()), {"response_format": {"type": "json_object"}}),
    (model(input_tokens=1_000), {"messages": text("word " * 1_001)}),
    (model(input_tokens=1_000), {"messages": text("x" * 6_006)}),
    (model(input_tokens=1_000), {"messages": text("\N{CJK UNIFIED IDEOGRAPH-4E16}" * 2_002)}),
    (model(input_tokens=1_000), {"messages": text("word " * 600) + with_part({"type": "text", "text": "word " * 600})}),
]  # fmt: skip

CAPABLE = [
    (model(), {}),
    (None, IMAGE | {"tools": TOOLS, "response_format": SCHEMA, "enable_thinking": True, "max_tokens": 10**9}),
    (model(modalities=None), AUDIO),
    (model(modalities=("text",)), {"messages": with_part({"type": "unheard_of"})}),
    (model(tools=None), {"tools": TOOLS}),
    (model(tools=False), {"tools": []}),
    (model(json_schema=None), {"response_format": SCHEMA}),
    (model(json_schema=False), {"response_format": {"type": "json_object"}}),
    (thinking_model("never", ()), {"enable_thinking": False}),
    (thinking_model("never", ()), {"thinking_budget": 5}),
    (thinking_model("always", ()), {"enable_thinking": True}),
    (thinking_model(None, ()), {"enable_thinking": True}),
    (thinking_model("on"), {"tool_choice": "required"}),
    (model(input_tokens=1_000), {"messages": text("word " * 1_000)}),
    (model(input_tokens=1_000), {"messages": text("x" * 6_005)}),
    (model(input_tokens=1_000), {"messages": text("\N{CJK UNIFIED IDEOGRAPH-4E16}" * 2_001)}),
    (model(input_tokens=1_000, modalities=None), INLINE_IMAGE),
]  # fmt: skip


@pytest.mark.parametrize(("first", "fields"), INCAPABLE, ids=case_id)
def test_a_target_with_a_known_limitation_is_left_out(first: Model, fields: dict[str, Any]) -> None:
    assert eligible([first, None], **fields) == [1]
    assert eligible([None, first, None], **fields) == [0, 2]


@pytest.mark.parametrize(("first", "fields"), CAPABLE, ids=case_id)
def test_without_a_known_limitation_no_target_is_left_out(first: Model | None, fields: dict[str, Any]) -> None:
    assert eligible([first, None], **fields) == [0, 1]


def test_if_no_target_is_capable_the_provider_decides() -> None:
    text_only = model(modalities=("text",))

    assert eligible([text_only, text_only], **IMAGE) == [0, 1]
    assert eligible([text_only], **IMAGE) == [0]


SMALL, MIDDLE, LARGE = (model(output_tokens=tokens) for tokens in (8_192, 32_768, 65_536))


@pytest.mark.parametrize(
    ("models", "fields", "positions"),
    [
        ([MIDDLE, SMALL, LARGE], {"max_tokens": 8_192}, [0, 1, 2]),
        ([MIDDLE, SMALL, LARGE], {"max_tokens": 8_193}, [0, 2]),
        ([MIDDLE, SMALL, LARGE], {"max_completion_tokens": 8_193}, [0, 2]),
        ([MIDDLE, SMALL, LARGE], {"max_tokens": 5, "max_completion_tokens": 8_193}, [0, 2]),
        ([MIDDLE, SMALL, LARGE, MIDDLE], {"max_tokens": 500_000}, [0, 2, 3]),
        ([LARGE, MIDDLE, SMALL], {"max_tokens": 500_000}, [0]),
        ([MIDDLE, SMALL, LARGE], {}, [0, 1, 2]),
        ([MIDDLE, SMALL, LARGE], {"max_tokens": None}, [0, 1, 2]),
        ([SMALL, MIDDLE, None], {"max_tokens": 500_000}, [0, 1, 2]),
        ([None, SMALL, LARGE], {"max_tokens": 10_000}, [0, 2]),
    ],
)
def test_fallbacks_have_at_least_the_output_limit_of_the_first_target(
    models: list[Model | None], fields: dict[str, Any], positions: list[int]
) -> None:
    assert eligible(models, **fields) == positions


def test_the_first_eligible_target_sets_the_output_limit() -> None:
    text_only, multimodal = model(output_tokens=65_536), model(modalities=None, output_tokens=16_384)

    assert eligible([text_only, multimodal, multimodal, model(modalities=None)], **IMAGE, max_tokens=60_000) == [1, 2]


def test_a_model_without_a_catalog_entry_has_no_output_limit() -> None:
    assert output_limit(SMALL) == 8_192
    assert output_limit(None) is None
