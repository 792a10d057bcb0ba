"""The emulated Runtime API with another runtime than this project's."""

import asyncio
import http.client
import json
from collections.abc import Callable

import pytest

from qwen_gateway_cli.local.apigateway.invocation import FunctionFailed, FunctionResponse, Invocation
from qwen_gateway_cli.local.apigateway.runtime_api import RuntimeApi

CALL = Invocation("the-call", b'{"n": 1}', "Root=1-5759e988-bd862e3fe1be46a994272793", "arn:aws:lambda:x:0:function:f")
ROOT = "/2018-06-01/runtime"
DEADLINE_MS = 32_503_680_000_000


class Runtime:
    """A scripted runtime client."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=20)

    def next(self) -> tuple[http.client.HTTPResponse, bytes]:
        return self._exchange("GET", "/invocation/next")

    def post(self, path: str, body: str) -> int:
        return self._exchange("POST", path, body)[0].status

    def _exchange(self, method: str, path: str, body: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, ROOT + path, body)
        response = self._connection.getresponse()
        return response, response.read()


def outcome_of(script: Callable[[Runtime], object], *, streams: bool = False) -> tuple[bytes | str, object]:
    """Dispatch one invocation; return its response or failure message, and the script's result."""

    async def run() -> tuple[bytes | str, object]:
        api = RuntimeApi()
        runtime = Runtime(await api.listen())
        output = FunctionResponse(streams=streams)
        answer = asyncio.create_task(output.read())
        api.dispatch(CALL, DEADLINE_MS, output)
        told = await asyncio.to_thread(script, runtime)
        output.close(FunctionFailed("nothing was posted"))
        await api.close()
        try:
            return await answer, told
        except FunctionFailed as failure:
            return str(failure), told

    return asyncio.run(run())


def test_an_invocation_has_all_headers_of_the_protocol() -> None:
    def script(runtime: Runtime) -> dict[str, str | None]:
        response, event = runtime.next()
        assert json.loads(event) == {"n": 1}
        runtime.post("/invocation/the-call/response", "{}")
        return {name: response.headers["lambda-runtime-" + name] for name in names}

    names = ("aws-request-id", "deadline-ms", "invoked-function-arn", "trace-id")
    _, told = outcome_of(script)

    assert told == dict(zip(names, (CALL.request_id, str(DEADLINE_MS), CALL.function_arn, CALL.trace_id), strict=True))


def test_the_answer_is_what_was_posted() -> None:
    def script(runtime: Runtime) -> int:
        runtime.next()
        return runtime.post("/invocation/the-call/response", '{"body": "b"}')

    assert outcome_of(script) == (b'{"body": "b"}', 202)


@pytest.mark.parametrize(
    ("body", "words"),
    [('{"errorType": "KeyError", "errorMessage": "m"}', "it failed with KeyError"), ("", "it failed with Unknown")],
)
def test_a_reported_error_fails_the_call(body: str, words: str) -> None:
    def script(runtime: Runtime) -> int:
        runtime.next()
        return runtime.post("/invocation/the-call/error", body)

    assert outcome_of(script) == (words, 202)


def test_only_the_first_answer_of_the_open_call_counts() -> None:
    def script(runtime: Runtime) -> list[int]:
        runtime.next()
        return [
            runtime.post("/invocation/another-call/response", "1"),
            runtime.post("/invocation/the-call/response", "2"),
            runtime.post("/invocation/the-call/response", "3"),
        ]

    assert outcome_of(script) == (b"2", [400, 202, 400])


def test_an_unknown_path_is_a_404() -> None:
    def script(runtime: Runtime) -> int:
        runtime.next()
        runtime.post("/invocation/the-call/response", "{}")
        return runtime.post("/restore/next", "")

    assert outcome_of(script)[1] == 404
