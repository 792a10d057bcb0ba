"""Streaming clients behind one interface, and the result of reading a stream."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import httpx2
import openai

from tests.stack.clients.openai_clients import ClientError, Driver

type Arrived = list[tuple[float, dict[str, Any]]]
"""Seconds and the part that the client yielded then."""


class StreamResult(NamedTuple):
    """A stream as read by a client. `texts` are (seconds, text); `calls` are names and arguments of tool calls."""

    texts: list[tuple[float, str]]
    thoughts: str
    calls: list[tuple[str, dict[str, Any]]]
    finish: str | None
    usage: Mapping[str, Any] | None
    failure: ClientError | None

    @property
    def text(self) -> str:
        """The complete text."""
        return "".join(text for _, text in self.texts)


class Reader(Protocol):
    """A streaming client."""

    def read(self, *, stop_after: int | None = None, **body: Any) -> StreamResult:
        """Read the stream to its end, to its failure, or until `stop_after` texts have arrived."""
        ...


class PythonReader:
    """openai for Python."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._settings = {"base_url": stack["base_url"], "api_key": stack["api_key"]}

    def read(self, *, stop_after: int | None = None, **body: Any) -> StreamResult:
        """Read a stream."""
        arrived: Arrived = []
        try:
            with (
                openai.OpenAI(**self._settings) as client,
                client.chat.completions.create(**body, stream=True) as stream,
            ):
                for chunk in stream:
                    arrived.append((time.monotonic(), chunk.to_dict()))
                    if len(_summarize_openai(arrived).texts) == stop_after:
                        break
        except (openai.APIError, httpx2.HTTPError) as error:
            return _summarize_openai(arrived, _convert_error(error))
        return _summarize_openai(arrived)


class AsyncPythonReader(PythonReader):
    """openai for Python, async."""

    def read(self, *, stop_after: int | None = None, **body: Any) -> StreamResult:
        """Read a stream."""
        return asyncio.run(self._read(stop_after, body))

    async def _read(self, stop_after: int | None, body: dict[str, Any]) -> StreamResult:
        arrived: Arrived = []
        try:
            async with (
                openai.AsyncOpenAI(**self._settings) as client,
                await client.chat.completions.create(**body, stream=True) as stream,
            ):
                async for chunk in stream:
                    arrived.append((time.monotonic(), chunk.to_dict()))
                    if len(_summarize_openai(arrived).texts) == stop_after:
                        break
        except (openai.APIError, httpx2.HTTPError) as error:
            return _summarize_openai(arrived, _convert_error(error))
        return _summarize_openai(arrived)


class NodeReader:
    """openai for Node, which stops with an abort controller."""

    def __init__(self, stack: Mapping[str, Any], driver: Driver) -> None:
        self._endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}
        self._driver = driver

    def read(self, *, stop_after: int | None = None, **body: Any) -> StreamResult:
        """Read a stream."""
        order = {"client": "openai read", "endpoint": self._endpoint, "body": body, "enough": stop_after}
        return _summarize_openai(*_parse_outcome(self._driver.make(order)))


class AiSdkReader(NodeReader):
    """The AI SDK, which has its own names for fields of requests and responses."""

    def read(self, *, stop_after: int | None = None, **body: Any) -> StreamResult:
        """Read a stream."""
        include_usage = body.pop("stream_options", {}).get("include_usage", False)
        order = {
            "client": "ai read",
            "endpoint": {**self._endpoint, "includeUsage": include_usage},
            "call": "called" if body.pop("tools", None) else "text",
            "body": body,
            "enough": stop_after,
        }
        return _summarize_ai_sdk(*_parse_outcome(self._driver.make(order)))


def _parse_outcome(answer: Mapping[str, Any]) -> tuple[Arrived, ClientError | None]:
    failure = answer.get("failure")
    return [(at, part) for at, part in answer["arrived"]], ClientError(failure) if failure else None


def _convert_error(error: openai.APIError | httpx2.HTTPError) -> ClientError:
    fields = {name: getattr(error, name, None) for name in ("code", "type", "param")}
    return ClientError({**fields, "message": str(error), "kind": type(error).__name__})


def _summarize_openai(arrived: Arrived, failure: ClientError | None = None) -> StreamResult:
    choices = [(at, choice) for at, chunk in arrived for choice in chunk["choices"]]
    deltas = [(at, choice["delta"]) for at, choice in choices]
    usages = [chunk["usage"] for _, chunk in arrived if chunk.get("usage")]
    assert len(usages) <= 1
    finishes = [choice["finish_reason"] for _, choice in choices if choice["finish_reason"]]
    return StreamResult(
        texts=[(at, delta["content"]) for at, delta in deltas if delta.get("content")],
        thoughts="".join(delta.get("reasoning_content") or "" for _, delta in deltas),
        calls=_assemble_tool_calls(call for _, delta in deltas for call in delta.get("tool_calls") or ())
        if finishes
        else [],
        finish=finishes[-1] if finishes else None,
        usage=usages[0] if usages else None,
        failure=failure,
    )


def _assemble_tool_calls(pieces: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Assemble tool calls as OpenAI's documentation shows: replace the name, concatenate the arguments."""
    names: dict[int, str] = {}
    arguments: defaultdict[int, str] = defaultdict(str)
    for piece in pieces:
        function = piece.get("function") or {}
        names |= {piece["index"]: function["name"]} if "name" in function else {}
        arguments[piece["index"]] += function.get("arguments") or ""
    return [(name, json.loads(arguments[index])) for index, name in names.items()]


def _summarize_ai_sdk(arrived: Arrived, failure: ClientError | None = None) -> StreamResult:
    by_type: defaultdict[str, list[tuple[float, dict[str, Any]]]] = defaultdict(list)
    for at, part in arrived:
        by_type[part["type"]].append((at, part))
    finishes = [part for _, part in by_type["finish"]]
    usage = {name: count for name, count in (finishes[0]["totalUsage"] if finishes else {}).items() if count}
    return StreamResult(
        texts=[(at, part["text"]) for at, part in by_type["text-delta"]],
        thoughts="".join(part["text"] for _, part in by_type["reasoning-delta"]),
        calls=[(part["toolName"], part["input"]) for _, part in by_type["tool-call"]],
        finish=finishes[0]["finishReason"].replace("-", "_") if finishes else None,
        usage={"total_tokens": usage["totalTokens"]} if "totalTokens" in usage else None,
        failure=failure,
    )
