"""Models of the catalog."""

from typing import Any

from qwen_gateway.catalog import Model, Quirks, Range, Thinking

QWEN_MAX = ("qwen4-max", "qwen3.7-plus", "qwen-flash")
"""The models behind the alias qwen-max, in order."""
SWITCHED = ("enable_thinking", "thinking_budget")
DASHSCOPE = Quirks(
    roles={"developer": "system"},
    drops=("store", "metadata", "service_tier", "prompt_cache_key"),
    json_word=True,
    thinking_excludes=("forced_tool", "json_object"),
    ranges={"temperature": Range(below=2, highest=1.999), "top_p": Range(above=0, lowest=0.001)},
)


def model(name: str = "qwen-plus", **facts: Any) -> Model:
    """Return a DashScope model with optional thinking, with `facts` added or replaced."""
    known: dict[str, Any] = {
        "owned_by": "qwen",
        "input_tokens": 100_000,
        "output_tokens": 8_192,
        "modalities": ("text",),
        "created": 1_764_000_000,
        "thinking": Thinking("off", SWITCHED),
        "quirks": DASHSCOPE,
    }
    return Model(id=name, **{**known, **facts})


def thinking_model(unasked: Any = "on", controls: tuple[str, ...] = SWITCHED, *efforts: str) -> Model:
    """Return a model with these thinking controls and efforts."""
    return model("qwen-thinks", thinking=Thinking(unasked, controls, efforts))
