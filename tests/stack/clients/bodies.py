"""Bodies of whole calls as clients were seen to send them, each with what is its client's own (November 2026)."""

from typing import Any

from tests.builders import chat_request

PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def function(name: str = "weather", **own: Any) -> dict[str, Any]:
    """Return a tool; `own` says more of its function."""
    return {
        "type": "function",
        "function": {"name": name, "description": "Tells of a city.", "parameters": CITY, **own},
    }


def json_schema(schema: dict[str, Any] = CITY, **own: Any) -> dict[str, Any]:
    """Return the response format of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "city", "schema": schema, **own}}


def after_a_tool(content: Any = "mild", **said: Any) -> list[dict[str, Any]]:
    """Return a conversation that comes back with a tool's result; `said` is what the assistant said beside the call."""
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is the weather in Rome?"},
        {"role": "assistant", "content": None, **said, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    ]


def parts(*texts: str) -> list[dict[str, Any]]:
    """Return a content in parts."""
    return [{"type": "text", "text": text} for text in texts]


QWEN_CODE_TOOLS = [function(f"tool_{number}", description="What it does. " * 380) for number in range(10)]

BODIES: dict[str, dict[str, Any]] = {
    "Qwen Code asks whether a command may run": chat_request(
        max_tokens=256,
        temperature=0,
        tools=[function()],
        tool_choice="required",
        chat_template_kwargs={"enable_thinking": False},
    ),
    "Qwen Code goes on after a tool": chat_request(
        messages=[
            {"role": "user", "content": parts("What is in this folder?")},
            *after_a_tool(parts("README.md"), reasoning_content=""),
        ],
        max_tokens=32_768,
        tools=QWEN_CODE_TOOLS,
    ),
    "Qwen Code with sub-agents": chat_request(
        messages=[{"role": "user", "content": parts("x" * 400_000)}], max_tokens=32_768, tools=QWEN_CODE_TOOLS
    ),
    "Qwen Code with qwen3.7-plus": chat_request(model="qwen3.7-plus", max_tokens=64_000, tools=QWEN_CODE_TOOLS),
    "LangChain wants a schema": chat_request(max_completion_tokens=500, response_format=json_schema(strict=True)),
    "LangChain wants a forced tool": chat_request(
        max_completion_tokens=500,
        tools=[function()],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
    ),
    "LangChain wants JSON": chat_request(
        messages=[{"role": "user", "content": "Answer in JSON."}], response_format={"type": "json_object"}
    ),
    "LangChain goes on after a tool": chat_request(messages=after_a_tool(), tools=[function()]),
    "pydantic-ai forces any tool": chat_request(
        max_completion_tokens=500, tools=[function(strict=True)], tool_choice="required"
    ),
    "pydantic-ai goes on after a tool": chat_request(
        messages=after_a_tool(reasoning_content="It has to be Rome."), tools=[function(strict=True)], tool_choice="auto"
    ),
    "LiteLLM": chat_request(max_tokens=500, tools=[function()], response_format=json_schema(strict=True)),
    "llm wants a schema": chat_request(response_format=json_schema()),
    "openai-agents": chat_request(
        max_tokens=500,
        messages=after_a_tool(),
        tools=[function(strict=True)],
        response_format=json_schema(strict=True),
    ),
    "Zod's schema": chat_request(response_format=json_schema({"$schema": DRAFT_7, **CITY}, strict=True)),
    "an image in the body": chat_request(
        model="qwen3-vl-plus",
        messages=[
            {"role": "user", "content": [*parts("What is it?"), {"type": "image_url", "image_url": {"url": PICTURE}}]}
        ],
    ),
}
