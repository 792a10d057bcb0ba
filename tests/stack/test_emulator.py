"""The built wrapper and loop under Lambda's runtime emulator, which accepts a stream but returns it buffered."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.sam import detect_architecture
from tests.stack.repository import Repository
from tools.bench.emulator import EmulatedFunction, Program, run_function

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Lambda's runtime emulator is a Linux program")

HANDLER = """
from qwen_gateway.runtime import EventStream, StreamingHandler

@StreamingHandler
def handle(event, context):
    def chunks():
        yield b"data: 1\\n\\n"
        if event["path"] == "/late":
            raise ValueError(event["body"])
        yield b"data: 2\\n\\n"
    if event["path"] == "/whole":
        return {"statusCode": 404, "headers": {"x-request-id": "req_1"}, "body": "{}"}
    if event["path"] == "/early":
        raise ValueError(event["body"])
    return EventStream(200, {"content-type": "text/event-stream"}, chunks(), 10.0)
"""


@pytest.fixture(scope="module")
def function(
    repository: Repository, welcome: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmulatedFunction]:
    """Run a streaming function with the built layer under the emulator."""
    layout, task = Layout(repository.folder), tmp_path_factory.mktemp("task")
    (task / "streams.py").write_text(HANDLER, encoding="utf-8")
    variables = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(task),
        "_HANDLER": "streams.handle",
        "AWS_LAMBDA_FUNCTION_NAME": "streams",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
    }
    wrapper = layout.build / "QwenGatewayLayer" / "qwen-gateway-runtime"
    (rie,) = layout.sam.parents[1].glob(
        f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{detect_architecture()}"
    )
    program = Program([str(wrapper), str(layout.runtime_python)], task, variables)
    with run_function(rie, program, task / "emulator.log") as running:
        yield running


def invoke(function: EmulatedFunction, path: str) -> tuple[Any, str]:
    """Invoke the function and return the prelude and the body of the response."""
    text = function.invoke({"httpMethod": "POST", "path": path, "body": "a marked prompt"}).decode()
    head, delimiter, body = text.partition("\0" * 8)
    assert delimiter
    return json.loads(head), body


def test_a_buffered_response_is_accepted(function: EmulatedFunction) -> None:
    assert invoke(function, "/whole") == ({"statusCode": 404, "headers": {"x-request-id": "req_1"}}, "{}")


def test_a_streamed_response_is_accepted(function: EmulatedFunction) -> None:
    head, body = invoke(function, "/stream")

    assert head == {"statusCode": 200, "headers": {"content-type": "text/event-stream"}}
    assert body == "data: 1\n\ndata: 2\n\n"


def test_after_an_error_in_the_trailers_the_next_call_succeeds(function: EmulatedFunction) -> None:
    _, body = invoke(function, "/late")

    assert body == "data: 1\n\n"
    assert invoke(function, "/stream")[1] == "data: 1\n\ndata: 2\n\n"


def test_an_error_before_the_response_is_reported(function: EmulatedFunction) -> None:
    error = json.loads(function.invoke({"httpMethod": "POST", "path": "/early", "body": "a marked prompt"}))

    assert error["errorType"] == "ValueError"
    assert "marked" not in json.dumps(error)


def test_the_wrapper_in_the_layer_is_executable(repository: Repository, welcome: str) -> None:
    wrapper: Path = Layout(repository.folder).build / "QwenGatewayLayer" / "qwen-gateway-runtime"

    assert wrapper.stat().st_mode & 0o777 == 0o755
