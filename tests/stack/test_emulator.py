"""The built wrapper and loop under Lambda's genuine runtime emulator, which takes a stream but hands it over whole."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli.bench import emulator
from qwen_gateway_cli.bench.emulator import Function, Program
from qwen_gateway_cli.local.build import architecture
from qwen_gateway_cli.local.layout import Layout
from tests.stack.repository import Repository

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
def function(repository: Repository, welcome: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A streaming function of the built layer, under the emulator."""
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
    (rie,) = layout.sam.parents[1].glob(f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture()}")
    program = Program([str(wrapper), str(layout.runtime_python)], task, variables)
    with emulator.running(rie, program, task / "emulator.log") as running:
        yield running


def answer(function: Function, path: str) -> tuple[Any, str]:
    """Return the head and the body of an answer, as the emulator hands them over."""
    text = function.invoke({"httpMethod": "POST", "path": path, "body": "a marked prompt"}).decode()
    head, delimiter, body = text.partition("\0" * 8)
    assert delimiter
    return json.loads(head), body


def test_a_whole_answer_is_accepted(function: Function) -> None:
    assert answer(function, "/whole") == ({"statusCode": 404, "headers": {"x-request-id": "req_1"}}, "{}")


def test_a_streamed_answer_is_accepted(function: Function) -> None:
    head, body = answer(function, "/stream")

    assert head == {"statusCode": 200, "headers": {"content-type": "text/event-stream"}}
    assert body == "data: 1\n\ndata: 2\n\n"


def test_an_error_in_the_trailers_is_accepted_and_the_next_call_answered(function: Function) -> None:
    _, body = answer(function, "/late")

    assert body == "data: 1\n\n"
    assert answer(function, "/stream")[1] == "data: 1\n\ndata: 2\n\n"


def test_an_error_before_the_answer_is_told_as_one(function: Function) -> None:
    told = json.loads(function.invoke({"httpMethod": "POST", "path": "/early", "body": "a marked prompt"}))

    assert told["errorType"] == "ValueError"
    assert "marked" not in json.dumps(told)


def test_the_wrapper_in_the_layer_may_be_executed(repository: Repository, welcome: str) -> None:
    wrapper: Path = Layout(repository.folder).build / "QwenGatewayLayer" / "qwen-gateway-runtime"

    assert wrapper.stat().st_mode & 0o777 == 0o755
