"""What the loop does not support is an INIT error that names it, never a wrong answer."""

import subprocess
import sys
from pathlib import Path

import pytest

from qwen_gateway.runtime import EventStream, StreamingHandler
from qwen_gateway.runtime.support import RuntimeUnsupported
from tests.contract.template import ROOT
from tests.unit.runtime.function_process import Invocation, Run

HANDLER = """
from qwen_gateway.runtime import StreamingHandler

@StreamingHandler
def handle(event, context):
    return {"statusCode": 200, "body": "{}"}
"""


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, ["SnapStart", "template.yaml"]),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}, ["Managed Instances", "capacity provider"]),
        ({"AWS_LAMBDA_MAX_CONCURRENCY": "16"}, ["Managed Instances", "one invocation at a time"]),
    ],
)
def test_an_unsupported_environment_is_an_init_error(run: Run, variables: dict[str, str], words: list[str]) -> None:
    result = run(HANDLER, Invocation({"httpMethod": "GET"}), variables=variables)

    (post,) = result.posts
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.json["errorType"] == "RuntimeUnsupported"
    assert all(word in post.json["errorMessage"] for word in words)
    assert all(word in result.stderr for word in words)
    assert result.status == 1


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/qwen-gateway-runtime"},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
        {"AWS_LAMBDA_MAX_CONCURRENCY": "1"},
    ],
)
def test_other_environments_run_the_function(run: Run, variables: dict[str, str]) -> None:
    (post,) = run(HANDLER, Invocation({"httpMethod": "GET"}), variables=variables).posts

    assert post.path.endswith("/response")


def make_handler() -> StreamingHandler:
    return StreamingHandler(lambda _event, _context: EventStream(200, {}, iter([]), 10.0))


@pytest.mark.parametrize(
    ("wrapper", "found"),
    [
        ("/opt/otel-instrument", "/opt/otel-instrument is not supported"),
        ("/opt/qwen-gateway-runtime", "not in effect"),
        ("", "not in effect"),
    ],
)
def test_a_streaming_function_on_another_loop_is_an_init_error(
    monkeypatch: pytest.MonkeyPatch, wrapper: str, found: str
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("AWS_LAMBDA_EXEC_WRAPPER", wrapper)
    with pytest.raises(RuntimeUnsupported, match=found) as error:
        make_handler()
    assert "AWS_LAMBDA_EXEC_WRAPPER=/opt/qwen-gateway-runtime" in str(error.value)


def test_sam_local_may_use_the_managed_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    assert make_handler()


def test_outside_of_lambda_any_program_may_call_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    assert make_handler()


@pytest.mark.enable_socket
def test_the_managed_loop_does_not_run_a_streaming_function(tmp_path: Path) -> None:
    """The managed loop imports the handler and posts its INIT error to the Runtime API, which nobody serves here."""
    (tmp_path / "streams.py").write_text(HANDLER, encoding="utf-8")
    script = "import importlib; importlib.import_module('streams')"
    variables = {
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9",
        "PYTHONPATH": f"{tmp_path}:{ROOT}/layers/qwen_gateway",
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=variables, capture_output=True, text=True, timeout=30)

    assert done.returncode != 0
    assert "RuntimeUnsupported: This function streams" in done.stderr
