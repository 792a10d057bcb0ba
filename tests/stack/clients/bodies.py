"""Request bodies as real clients send them, with their client-specific fields (recorded November 2026)."""

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
    """Return a tool, with `own` fields added to its function."""
    return {
        "type": "function",
        "function": {"name": name, "description": "Describe a city.", "parameters": CITY, **own},
    }


def json_schema(schema: dict[str, Any] = CITY, **own: Any) -> dict[str, Any]:
    """Return the response format for a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "city", "schema": schema, **own}}


def tool_result_messages(content: Any = "mild", **fields: Any) -> list[dict[str, Any]]:
    """Return messages with a tool call and its result; `fields` are added to the assistant's message."""
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is the weather in Rome?"},
        {"role": "assistant", "content": None, **fields, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    ]


def text_parts(*texts: str) -> list[dict[str, Any]]:
    """Return a message content as text parts."""
    return [{"type": "text", "text": text} for text in texts]


QWEN_CODE_TOOLS = [function(f"tool_{number}", description="What it does. " * 380) for number in range(10)]

BODIES: dict[str, dict[str, Any]] = {
    "Qwen Code classifies a command": chat_request(
        max_tokens=256,
        temperature=0,
        tools=[function()],
        tool_choice="required",
        chat_template_kwargs={"enable_thinking": False},
    ),
    "Qwen Code with a tool result": chat_request(
        messages=[
            {"role": "user", "content": text_parts("What is in this folder?")},
            *tool_result_messages(text_parts("README.md"), reasoning_content=""),
        ],
        max_tokens=32_768,
        tools=QWEN_CODE_TOOLS,
    ),
    "Qwen Code with sub-agents": chat_request(
        messages=[{"role": "user", "content": text_parts("x" * 400_000)}], max_tokens=32_768, tools=QWEN_CODE_TOOLS
    ),
    "Qwen Code with qwen3.7-plus": chat_request(model="qwen3.7-plus", max_tokens=64_000, tools=QWEN_CODE_TOOLS),
    "LangChain with a schema": chat_request(max_completion_tokens=500, response_format=json_schema(strict=True)),
    "LangChain with a forced tool": chat_request(
        max_completion_tokens=500,
        tools=[function()],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
    ),
    "LangChain with JSON": chat_request(
        messages=[{"role": "user", "content": "Answer in JSON."}], response_format={"type": "json_object"}
    ),
    "LangChain with a tool result": chat_request(messages=tool_result_messages(), tools=[function()]),
    "pydantic-ai with a required tool": chat_request(
        max_completion_tokens=500, tools=[function(strict=True)], tool_choice="required"
    ),
    "pydantic-ai with a tool result": chat_request(
        messages=tool_result_messages(reasoning_content="It has to be Rome."),
        tools=[function(strict=True)],
        tool_choice="auto",
    ),
    "LiteLLM": chat_request(max_tokens=500, tools=[function()], response_format=json_schema(strict=True)),
    "llm with a schema": chat_request(response_format=json_schema()),
    "openai-agents": chat_request(
        max_tokens=500,
        messages=tool_result_messages(),
        tools=[function(strict=True)],
        response_format=json_schema(strict=True),
    ),
    "Zod's schema": chat_request(response_format=json_schema({"$schema": DRAFT_7, **CITY}, strict=True)),
    "an image in the body": chat_request(
        model="qwen3-vl-plus",
        messages=[
            {
                "role": "user",
                "content": [*text_parts("What is it?"), {"type": "image_url", "image_url": {"url": PICTURE}}],
            }
        ],
    ),
}
