"""Which targets of a route are asked, and in which order."""

from typing import Any

import pytest

from qwen_gateway.catalog import Model
from qwen_gateway.routing import Target
from qwen_gateway.routing.eligibility import eligible_targets, output_limit
from tests.builders import chat_request, model, thinking_model

TOOLS = [{"type": "function", "function": {"name": "weather"}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def asked(models: list[Model | None], **fields: Any) -> list[int]:
    """The places, in the route, of the targets that are asked."""
    targets = tuple(Target("dashscope", f"model-{place}") for place in range(len(models)))
    described = dict(zip(targets, models, strict=True))
    return [
        targets.index(target) for target in eligible_targets(targets, chat_request(**fields), described.__getitem__)
    ]


def said(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


def text(content: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def spelled(value: Any) -> str:
    """The name of a case."""
    known = isinstance(value, Model)
    return (
        f"{value.modalities} {value.tools} {value.json_schema} {value.thinking.default}" if known else str(value)[:60]
    )


IMAGE = {"messages": said({"type": "image_url", "image_url": {"url": "https://i.example/i.png"}})}
INLINE_IMAGE = {"messages": said({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "x" * 90_000}})}
VIDEO = {"messages": said({"type": "video_url", "video_url": {"url": "https://v.example/v.mp4"}})}
SOUND = {"messages": said({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})}

UNABLE = [
    (model(modalities=("text",)), IMAGE),
    (model(modalities=("text", "image")), VIDEO),
    (model(modalities=("text", "image", "video")), SOUND),
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
    (model(input_tokens=1_000), {"messages": [*text("word " * 600), *said({"type": "text", "text": "word " * 600})]}),
]  # fmt: skip

ABLE = [
    (model(), {}),
    (None, IMAGE | {"tools": TOOLS, "response_format": SCHEMA, "enable_thinking": True, "max_tokens": 10**9}),
    (model(modalities=None), SOUND),
    (model(modalities=("text",)), {"messages": said({"type": "unheard_of"})}),
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


@pytest.mark.parametrize(("first", "fields"), UNABLE, ids=spelled)
def test_a_target_that_is_known_to_be_unable_is_passed_over(first: Model, fields: dict[str, Any]) -> None:
    assert asked([first, None], **fields) == [1]
    assert asked([None, first, None], **fields) == [0, 2]


@pytest.mark.parametrize(("first", "fields"), ABLE, ids=spelled)
def test_what_is_only_suspected_passes_no_target_over(first: Model | None, fields: dict[str, Any]) -> None:
    assert asked([first, None], **fields) == [0, 1]


def test_when_no_target_can_the_provider_judges() -> None:
    text_only = model(modalities=("text",))

    assert asked([text_only, text_only], **IMAGE) == [0, 1]
    assert asked([text_only], **IMAGE) == [0]


SMALL, MIDDLE, LARGE = (model(output_tokens=tokens) for tokens in (8_192, 32_768, 65_536))


@pytest.mark.parametrize(
    ("models", "fields", "places"),
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
def test_fallbacks_give_as_much_as_the_first_target_does(
    models: list[Model | None], fields: dict[str, Any], places: list[int]
) -> None:
    assert asked(models, **fields) == places


def test_the_first_target_is_the_first_that_is_suitable() -> None:
    blind, seeing = model(output_tokens=65_536), model(modalities=None, output_tokens=16_384)

    assert asked([blind, seeing, seeing, model(modalities=None)], **IMAGE, max_tokens=60_000) == [1, 2]


def test_the_first_targets_limit_is_known_when_its_catalog_knows_it() -> None:
    first = Target("dashscope", "qwen-plus")

    assert output_limit(first, lambda _: SMALL) == 8_192
    assert output_limit(first, lambda _: None) is None
