"""OpenAI's clients with their defaults, behind one interface: call, result, error."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import openai
import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[3]
NODE = ROOT / ".tools" / "node" / "bin" / "node"
DRIVER = Path(__file__).parent / "node" / "driver.mjs"


class Forecast(BaseModel):
    """The result of the call `forecast`; the driver has the same model."""

    city: str
    degrees: int
    windy: bool


class ClientAnswer(NamedTuple):
    """A successful call: the parsed body, request id and headers."""

    body: dict[str, Any]
    request_id: str
    headers: Mapping[str, str]

    @property
    def message(self) -> dict[str, Any]:
        """The message of the first choice."""
        message: dict[str, Any] = self.body["choices"][0]["message"]
        return message


class ClientError(Exception):
    """An error that a client raised; `kind` is the name of its exception class."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__(fields["message"])
        self.kind: str = fields["kind"]
        self.status: int | None = fields.get("status")
        self.code, self.type, self.param = fields.get("code"), fields.get("type"), fields.get("param")
        self.request_id: str | None = fields.get("request_id")
        self.headers: Mapping[str, str] = fields.get("headers") or {}


class OpenAiClient(Protocol):
    """One of OpenAI's clients."""

    def call(self, call: str, **body: Any) -> ClientAnswer:
        """Make the call `chat`, `forecast`, `models`, `model`, `respond` or `embed`.

        Raises:
            ClientError: the client raised an error.
        """
        ...


_CALLS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "chat": lambda client: client.chat.completions.with_raw_response.create,
    "forecast": lambda client: client.chat.completions.with_raw_response.parse,
    "models": lambda client: client.models.with_raw_response.list,
    "model": lambda client: client.models.with_raw_response.retrieve,
    "respond": lambda client: client.responses.with_raw_response.create,
    "embed": lambda client: client.embeddings.with_raw_response.create,
}


class Python:
    """openai for Python."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._client = openai.OpenAI(base_url=stack["base_url"], api_key=stack["api_key"])

    def call(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        try:
            return _parse_answer(_CALLS[call](self._client)(**body, **_get_format_option(call)))
        except openai.APIStatusError as error:
            raise _convert_error(error) from error


class AsyncPython:
    """openai for Python, async."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._settings = {"base_url": stack["base_url"], "api_key": stack["api_key"]}

    def call(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        return asyncio.run(self._call(call, body))

    async def _call(self, call: str, body: dict[str, Any]) -> ClientAnswer:
        async with openai.AsyncOpenAI(**self._settings) as client:
            try:
                return _parse_answer(await _CALLS[call](client)(**body, **_get_format_option(call)))
            except openai.APIStatusError as error:
                raise _convert_error(error) from error


class Driver:
    """The Node program that makes the calls of all tests."""

    def __init__(self) -> None:
        if not (DRIVER.parent / "node_modules" / "ready").exists():
            pytest.fail("The Node clients are not installed: run `make test`.")
        # With OPENAI_LOG set, the client would write to the standard output of the driver.
        defaults = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        self._program = subprocess.Popen(
            [NODE, DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=defaults
        )

    def make(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call and return its result.

        Raises:
            ClientError: the client raised an error.
        """
        assert self._program.stdin
        assert self._program.stdout
        print(json.dumps(order), file=self._program.stdin, flush=True)
        outcome = json.loads(self._program.stdout.readline())
        if "failure" in outcome:
            raise ClientError(outcome["failure"])
        answer: dict[str, Any] = outcome["answer"]
        return answer

    def close(self) -> None:
        """Close the input of the program and wait for its end."""
        self._program.communicate(timeout=30)


class Node:
    """openai for Node."""

    def __init__(self, stack: Mapping[str, Any], driver: Driver) -> None:
        self._endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}
        self._driver = driver

    def call(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        return self.call_with({}, {}, call, **body)

    def call_with(
        self, settings: Mapping[str, Any], options: Mapping[str, Any], call: str, **body: Any
    ) -> ClientAnswer:
        """Make a call with `settings` of the client and `options` of the call."""
        order = {"client": "openai", "endpoint": {**self._endpoint, **settings}, "call": call, "body": body}
        return ClientAnswer(**self._driver.make({**order, "options": options}))


def _get_format_option(call: str) -> dict[str, Any]:
    return {"response_format": Forecast} if call == "forecast" else {}


def _parse_answer(raw: Any) -> ClientAnswer:
    return ClientAnswer(raw.parse().to_dict(warnings=False), raw.request_id, raw.headers)


def _convert_error(error: openai.APIStatusError) -> ClientError:
    fields = {name: getattr(error, name) for name in ("message", "code", "type", "param", "request_id")}
    return ClientError(
        {**fields, "kind": type(error).__name__, "status": error.status_code, "headers": error.response.headers}
    )
