"""OpenAI's own clients with their default settings, each behind the same two words: ask, and what came of it."""

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
    """The answer of the call `forecast`; the driver has the same one."""

    city: str
    degrees: int
    windy: bool


class ClientAnswer(NamedTuple):
    """What a client made of an answer."""

    body: dict[str, Any]
    request_id: str
    headers: Mapping[str, str]

    @property
    def message(self) -> dict[str, Any]:
        """The message of the first choice."""
        message: dict[str, Any] = self.body["choices"][0]["message"]
        return message


class ClientError(Exception):
    """What a client raised: `kind` is the name of its exception's class."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told["message"])
        self.kind: str = told["kind"]
        self.status: int | None = told.get("status")
        self.code, self.type, self.param = told.get("code"), told.get("type"), told.get("param")
        self.request_id: str | None = told.get("request_id")
        self.headers: Mapping[str, str] = told.get("headers") or {}


class OpenAiClient(Protocol):
    """One of OpenAI's clients."""

    def ask(self, call: str, **body: Any) -> ClientAnswer:
        """Make the call `chat`, `forecast`, `models`, `model` or `respond`, or raise ClientError."""
        ...


_CALLS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "chat": lambda client: client.chat.completions.with_raw_response.create,
    "forecast": lambda client: client.chat.completions.with_raw_response.parse,
    "models": lambda client: client.models.with_raw_response.list,
    "model": lambda client: client.models.with_raw_response.retrieve,
    "respond": lambda client: client.responses.with_raw_response.create,
}


class Python:
    """openai for Python."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._client = openai.OpenAI(base_url=stack["base_url"], api_key=stack["api_key"])

    def ask(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        try:
            return _answered(_CALLS[call](self._client)(**body, **_format(call)))
        except openai.APIStatusError as error:
            raise _refused(error) from error


class AsyncPython:
    """openai for Python, awaited."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self._settings = {"base_url": stack["base_url"], "api_key": stack["api_key"]}

    def ask(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        return asyncio.run(self._ask(call, body))

    async def _ask(self, call: str, body: dict[str, Any]) -> ClientAnswer:
        async with openai.AsyncOpenAI(**self._settings) as client:
            try:
                return _answered(await _CALLS[call](client)(**body, **_format(call)))
            except openai.APIStatusError as error:
                raise _refused(error) from error


class Driver:
    """The Node program that makes the calls of all tests."""

    def __init__(self) -> None:
        if not (DRIVER.parent / "node_modules" / "ready").exists():
            pytest.fail("The Node clients are not installed: make test does it.")
        # Its standard output is ours alone: with OPENAI_LOG set the client would write there too.
        defaults = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        self._program = subprocess.Popen(
            [NODE, DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=defaults
        )

    def make(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, or raise ClientError."""
        assert self._program.stdin
        assert self._program.stdout
        print(json.dumps(order), file=self._program.stdin, flush=True)
        outcome = json.loads(self._program.stdout.readline())
        if "failure" in outcome:
            raise ClientError(outcome["failure"])
        answer: dict[str, Any] = outcome["answer"]
        return answer

    def close(self) -> None:
        """End the program: its input is over."""
        self._program.communicate(timeout=30)


class Node:
    """openai for Node."""

    def __init__(self, stack: Mapping[str, Any], driver: Driver) -> None:
        self._endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}
        self._driver = driver

    def ask(self, call: str, **body: Any) -> ClientAnswer:
        """Make a call."""
        return self.ask_with({}, {}, call, **body)

    def ask_with(self, settings: Mapping[str, Any], options: Mapping[str, Any], call: str, **body: Any) -> ClientAnswer:
        """Make a call with `settings` of the client and `options` of the call that are not its defaults."""
        order = {"client": "openai", "endpoint": {**self._endpoint, **settings}, "call": call, "body": body}
        return ClientAnswer(**self._driver.make({**order, "options": options}))


def _format(call: str) -> dict[str, Any]:
    return {"response_format": Forecast} if call == "forecast" else {}


def _answered(raw: Any) -> ClientAnswer:
    return ClientAnswer(raw.parse().to_dict(warnings=False), raw.request_id, raw.headers)


def _refused(error: openai.APIStatusError) -> ClientError:
    told = {name: getattr(error, name) for name in ("message", "code", "type", "param", "request_id")}
    return ClientError(
        {**told, "kind": type(error).__name__, "status": error.status_code, "headers": error.response.headers}
    )
