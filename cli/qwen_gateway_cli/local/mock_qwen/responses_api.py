"""OpenAI-compatible Responses: `POST .../responses`, and what is stored of them.

Source: Alibaba Cloud's pages "Create a response", "Retrieve a response", "Delete a response" and "List input items"
(fields, events, session state of 7 days), bodies and errors that a third party captured at dashscope.aliyuncs.com in
September 2026 (the flat envelope, the lines of an event, rejections of streams), and where they say nothing OpenAI's
reference: function calls, `text.format`, the answer to an unknown id and to DELETE. The third party saw `text.format`
ignored; here it is honoured.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from qwen_gateway_cli.local.mock_qwen.completion import Choice, build_choices, build_usage
from qwen_gateway_cli.local.mock_qwen.control import Settings
from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest
from qwen_gateway_cli.local.mock_qwen.responses import REASONING_DELTAS, Part, ResponseBody, encode_json, split
from qwen_gateway_cli.local.mock_qwen.validation import Rejection, build_unknown_model, validate

_MIN_OUTPUT_TOKENS = 16
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

type Body = dict[str, Any]


class _Stored(NamedTuple):
    """A response, the items of its whole input, and that input as messages of a chat."""

    document: Body
    items: list[Body]
    messages: list[Body]


class ResponsesApi:
    """Makes responses, and keeps those that are stored."""

    def __init__(self) -> None:
        self._stored: dict[str, _Stored] = {}

    def check(self, body: Body, model: Model) -> Rejection | None:
        """Return the provider's rejection of a request, or None when it is valid."""
        cap, effort = body.get("max_output_tokens"), _read_effort(body)
        if model.rows:
            return build_unknown_model(model.name)
        if body.get("input") is None:
            return _reject("Missing required parameter: 'input'.")
        if isinstance(cap, int) and cap < _MIN_OUTPUT_TOKENS:
            return _reject(f"Invalid 'max_output_tokens': must be greater than or equal to 16, got {cap}.")
        if effort is not None and effort not in _EFFORTS:
            return _reject(f"Invalid 'reasoning.effort': {effort!s:.40}. Supported values are: {_EFFORTS}.")
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self._stored:
            return _reject(f"Not found previous_response_id: {previous!s:.128}")
        # Every call streams, in whichever form its answer is sent.
        rejection = validate(ChatRequest({**self._build_chat_body(body), "stream": True}), model)
        return rejection and replace(rejection, code="InvalidParameter")

    def build(self, body: Body, model: Model, request_id: str, settings: Settings) -> ResponseBody:
        """Return the response to a valid request, streamed or whole, and keep it unless `store` is false."""
        chat = self._build_chat_body(body)
        request = ChatRequest(chat)
        (choice,) = build_choices(request, model, settings)
        usage = _build_usage(build_usage(request, [choice], settings)) if settings.usage is None else settings.usage
        output = _build_output(choice)
        document = _build_document(body, f"resp_{request_id}", output, usage, is_cut=choice.finish_reason == "length")
        if body.get("store") is not False:
            answer = {"role": "assistant", "content": choice.content}
            items = [*self._read_items(body), *output]
            self._stored[document["id"]] = _Stored(document, items, [*chat["messages"], answer])
        if body.get("stream") is True:
            parts = list(_encode_events(document, settings.chunks))
            return ResponseBody("text/event-stream;charset=UTF-8", parts, streamed=True)
        data = encode_json(document)
        half = len(data) // 2
        return ResponseBody("application/json", [Part(data[:half], is_delta=True), Part(data[half:])], streamed=False)

    def find(self, response_id: str) -> Body | None:
        """Return a stored response."""
        stored = self._stored.get(response_id)
        return stored.document if stored else None

    def delete(self, response_id: str) -> Body | None:
        """Delete a stored response."""
        stored = self._stored.pop(response_id, None)
        return {"id": response_id, "object": "response", "deleted": True} if stored else None

    def list_input(self, response_id: str, query: Mapping[str, str]) -> Body | None:
        """Return the input of a stored response with those before it, the latest first unless `order` is `asc`."""
        stored = self._stored.get(response_id)
        if stored is None:
            return None
        answered = {item["id"] for item in stored.document["output"]}
        items = [item for item in stored.items if item["id"] not in answered]
        items = items if query.get("order") == "asc" else items[::-1]
        after = next((place + 1 for place, item in enumerate(items) if item["id"] == query.get("after")), 0)
        limit = int(query.get("limit", "20"))
        page = items[after : after + limit]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return {"object": "list", "data": page, **ends, "has_more": len(items) > after + limit}

    def _read_items(self, body: Body) -> list[Body]:
        """Return the items of the whole input, each with an id."""
        before = self._stored.get(body.get("previous_response_id") or "")
        new = _list_items(body)
        items = [
            {"id": f"msg_{uuid.uuid4()}", "type": "message", "status": "completed", **item}
            for item in new
            if isinstance(item, dict)
        ]
        return [*(before.items if before else []), *items]

    def _build_chat_body(self, body: Body) -> Body:
        """Return the request in the form from which the mock makes its content."""
        before = self._stored.get(body.get("previous_response_id") or "")
        history = before.messages if before else []
        system = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
        messages = [message for item in _list_items(body) if (message := _build_message(item))]
        effort = _read_effort(body)
        fields = {
            "model": body.get("model"),
            "messages": [*system, *history, *messages],
            "max_completion_tokens": body.get("max_output_tokens"),
            "temperature": body.get("temperature"),
            "top_p": body.get("top_p"),
            "parallel_tool_calls": body.get("parallel_tool_calls"),
            "enable_thinking": body.get("enable_thinking") if effort is None else effort != "none",
            "response_format": _build_format(body),
            **_build_tools(body),
        }
        return {name: value for name, value in fields.items() if value is not None}


def _reject(message: str) -> Rejection:
    return Rejection(400, "InvalidParameter", message)


def _read_effort(body: Body) -> Any:
    reasoning = body.get("reasoning")
    return reasoning.get("effort") if isinstance(reasoning, dict) else None


def _list_items(body: Body) -> list[Any]:
    value = body.get("input")
    if isinstance(value, str):
        return [{"role": "user", "content": [{"type": "input_text", "text": value}]}]
    return value if isinstance(value, list) else []


def _build_message(item: Any) -> Body | None:
    match item:
        case {"type": "function_call_output", "output": output}:
            return {"role": "tool", "content": output if isinstance(output, str) else _build_parts(output)}
        case {"role": role, "content": content}:
            role = "system" if role == "developer" else role
            return {"role": role, "content": content if isinstance(content, str) else _build_parts(content)}
        case {"type": "function_call"}:
            return {"role": "assistant", "content": None}
    return None


def _build_parts(content: Any) -> list[Body]:
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return [
        {"type": "image_url", "image_url": {"url": part.get("image_url")}}
        if part.get("type") == "input_image"
        else {"type": "text", "text": part.get("text", "")}
        for part in parts
    ]


def _build_format(body: Body) -> Body | None:
    text = body.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict) or form.get("type") == "text":
        return None
    return {"type": form.get("type"), "json_schema": {"name": form.get("name"), "schema": form.get("schema")}}


def _build_tools(body: Body) -> Body:
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool, dict) and tool.get("type") == "function"]
    if not tools:
        return {}
    choice = body.get("tool_choice")
    forced = {"type": "function", "function": {"name": choice.get("name")}} if isinstance(choice, dict) else choice
    functions = [{"name": tool.get("name"), "parameters": tool.get("parameters")} for tool in tools]
    return {"tools": [{"type": "function", "function": each} for each in functions], "tool_choice": forced}


def _build_usage(usage: Body) -> Body:
    """Return the counts under the names of Responses, with DashScope's details."""
    counts = {
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
        "total_tokens": usage["total_tokens"],
    }
    reasoning = {"reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]}
    billed = {**counts, "prompt_tokens_details": usage["prompt_tokens_details"], "x_billing_type": "response_api"}
    return {
        **counts,
        "input_tokens_details": {"cached_tokens": usage["prompt_tokens_details"]["cached_tokens"]},
        "output_tokens_details": reasoning,
        "x_details": [{**billed, "output_tokens_details": reasoning}],
    }


def _build_output(choice: Choice) -> list[Body]:
    items: list[Body] = []
    if choice.reasoning:
        summary = [{"type": "summary_text", "text": choice.reasoning}]
        items.append({"summary": summary, "type": "reasoning", "id": f"msg_{uuid.uuid4()}"})
    items += [
        {
            "id": f"msg_{uuid.uuid4()}",
            "type": "function_call",
            "call_id": f"call_{uuid.uuid4().hex[:24]}",
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }
        for call in choice.calls
    ]
    if choice.content:
        content: list[Body] = [{"annotations": [], "text": choice.content, "type": "output_text", "logprobs": None}]
        message = {"content": content, "role": "assistant", "status": "completed", "type": "message"}
        items.append({"id": f"msg_{uuid.uuid4()}", **message})
    return items


def _build_document(body: Body, response_id: str, output: list[Body], usage: Body, *, is_cut: bool) -> Body:
    now = int(time.time())
    return {
        "background": False,
        "completed_at": now,
        "created_at": now,
        "error": None,
        "id": response_id,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "object": "response",
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is True,
        "previous_response_id": body.get("previous_response_id"),
        "service_tier": "default",
        "status": "incomplete" if is_cut else "completed",
        "store": body.get("store") is not False,
        "temperature": body.get("temperature", 1.0),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "usage": usage,
    }


def _encode_events(document: Body, chunks: int) -> Iterator[Part]:
    begun = {**document, "output": [], "usage": None, "completed_at": None, "incomplete_details": None, "model": ""}
    events: list[tuple[Body, bool]] = [
        ({"type": "response.created", "response": {**begun, "status": "queued"}}, False),
        ({"type": "response.in_progress", "response": {**begun, "status": "in_progress"}}, False),
    ]
    for index, item in enumerate(document["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        events.append(
            ({"type": "response.output_item.added", "output_index": index, "item": _build_skeleton(item)}, False)
        )
        events += [({**place, **event}, is_delta) for event, is_delta in _list_item_events(item, chunks)]
        events.append(({"type": "response.output_item.done", "output_index": index, "item": item}, False))
    events.append(({"type": f"response.{document['status']}", "response": document}, False))
    for number, (event, is_delta) in enumerate(events):
        yield Part(encode_response_event({"sequence_number": number, **event}, number + 1), is_delta=is_delta)


def _build_skeleton(item: Body) -> Body:
    match item["type"]:
        case "reasoning":
            return {**item, "summary": []}
        case "function_call":
            return {**item, "arguments": "", "status": "in_progress"}
    return {**item, "content": [], "status": "in_progress"}


def _list_item_events(item: Body, chunks: int) -> Iterator[tuple[Body, bool]]:
    """Yield the events of an item without its place, and whether each is a delta of output."""
    match item["type"]:
        case "reasoning":
            text = item["summary"][0]["text"]
            for piece in split(text, REASONING_DELTAS):
                yield {"type": "response.reasoning_text.delta", "delta": piece}, False
            yield {"type": "response.reasoning_text.done", "text": text}, False
        case "function_call":
            for piece in split(item["arguments"], chunks):
                yield {"type": "response.function_call_arguments.delta", "delta": piece}, True
            end = {"arguments": item["arguments"], "name": item["name"]}
            yield {"type": "response.function_call_arguments.done", **end}, False
        case _:
            (part,) = item["content"]
            yield {"type": "response.content_part.added", "content_index": 0, "part": {**part, "text": ""}}, False
            for piece in split(part["text"], chunks):
                delta = {"content_index": 0, "delta": piece, "logprobs": []}
                yield {"type": "response.output_text.delta", **delta}, True
            end = {"content_index": 0, "text": part["text"], "logprobs": []}
            yield {"type": "response.output_text.done", **end}, False
            yield {"type": "response.content_part.done", "content_index": 0, "part": part}, False


def encode_response_event(document: Mapping[str, Any], event_id: int) -> bytes:
    """Return an event with the lines that the provider sends."""
    name = document["type"].encode()
    return b"id:%d\nevent:%b\n:HTTP_STATUS/200\ndata:%b\n\n" % (event_id, name, encode_json(document))
