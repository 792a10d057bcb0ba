"""The loop: invocations reach the handler, responses and errors reach the Runtime API."""

import json

import pytest

from tests.unit.runtime.function_process import DEADLINE_MS, Invocation, Run

pytestmark = pytest.mark.enable_socket

ECHO = "def handle(event, context):\n    return event\n"


def test_each_response_is_posted_with_its_request_id_over_one_connection(run: Run) -> None:
    result = run(ECHO, Invocation({"n": 1}), Invocation({"n": 2}))

    assert [(post.path, post.json) for post in result.posts] == [
        ("/2018-06-01/runtime/invocation/call-1/response", {"n": 1}),
        ("/2018-06-01/runtime/invocation/call-2/response", {"n": 2}),
    ]
    assert result.connections == 1


def test_the_process_exits_without_output_when_the_runtime_api_disconnects(run: Run) -> None:
    result = run(ECHO, Invocation())

    assert (result.status, result.stdout, result.stderr) == (1, "", "")


def test_a_broken_log_does_not_fail_a_call(run: Run) -> None:
    result = run(
        """
import os, sys
from qwen_gateway import metrics
from qwen_gateway.request_ids import RequestIds

def handle(event, context):
    unread, log = os.pipe()
    os.close(unread)
    sys.stdout = os.fdopen(log, "w", buffering=1)
    metrics.count("request_refused", RequestIds("req_1"))
    return event
""",
        Invocation({"n": 1}),
        Invocation({"n": 2}),
    )

    assert [post.json for post in result.posts] == [{"n": 1}, {"n": 2}]


def test_the_process_exits_while_a_handler_thread_is_running(run: Run) -> None:
    result = run(
        "import threading\ndef handle(event, context):\n    threading.Thread(target=threading.Event().wait).start()\n",
        Invocation(),
    )

    assert result.status == 1
    assert result.posts[0].json is None


def test_text_is_preserved_including_half_a_surrogate_pair(run: Run) -> None:
    text = 'Grüße 通义千问 🙂 "\\ \ud83d'

    result = run(ECHO, Invocation({"text": text}))

    assert result.posts[0].json == {"text": text}


def test_an_exception_fails_its_invocation_and_the_loop_continues(run: Run) -> None:
    result = run(
        "class CustomError(Exception): pass\n"
        "def handle(event, context):\n"
        "    if event == 'fail':\n"
        "        raise CustomError('failed')\n"
        "    return event\n",
        Invocation("fail"),
        Invocation("succeed"),
    )

    failed, succeeded = result.posts
    assert failed.path == "/2018-06-01/runtime/invocation/call-1/error"
    assert failed.headers["lambda-runtime-function-error-type"] == "CustomError"
    assert failed.json["errorType"] == "CustomError"
    assert succeeded.json == "succeed"


def test_a_stack_trace_contains_only_the_frames_of_the_function(run: Run) -> None:
    result = run("def inner(): raise KeyError('k')\ndef handle(event, context):\n    inner()\n", Invocation())

    outer, inner = result.posts[0].json["stackTrace"]
    assert "handler.py" in outer
    assert "in handle" in outer
    assert "in inner" in inner


def test_a_failed_invocation_is_logged_as_one_line(run: Run) -> None:
    result = run("def handle(event, context):\n    raise ValueError\n", Invocation())

    (line,) = result.stderr.splitlines()
    logged = json.loads(line)
    assert (logged["level"], logged["error_type"], logged["function_request_id"]) == ("ERROR", "ValueError", "call-1")
    assert "raise ValueError" in logged["stack"][-1]


@pytest.mark.parametrize("statement", ["raise ValueError(event)", "return int(event)", "return {}[event]"])
def test_an_error_never_quotes_the_event(run: Run, statement: str) -> None:
    result = run(f"def handle(event, context):\n    {statement}\n", Invocation("a marked prompt"))

    assert result.posts[0].path.endswith("/call-1/error")
    assert "marked" not in result.posts[0].text + result.stdout + result.stderr


@pytest.mark.parametrize("response", ["{1, 2}", "float('nan')", "object()"])
def test_a_response_that_is_not_json_fails_its_invocation(run: Run, response: str) -> None:
    result = run(f"def handle(event, context):\n    return {response}\n", Invocation())

    assert result.posts[0].path.endswith("/call-1/error")


def test_an_error_type_with_non_ascii_characters_is_reported(run: Run) -> None:
    result = run("class Ошибка(Exception): pass\ndef handle(event, context):\n    raise Ошибка\n", Invocation())

    assert result.posts[0].json["errorType"] == "Ошибка"
    assert result.posts[0].headers["lambda-runtime-function-error-type"] == "??????"


@pytest.mark.parametrize(("statement", "status"), [("raise SystemExit(3)", 3), ("raise KeyboardInterrupt", -2)])
def test_system_exit_in_a_handler_exits_the_process(run: Run, statement: str, status: int) -> None:
    result = run(f"def handle(event, context):\n    {statement}\n", Invocation(), Invocation())

    assert result.status == status
    assert result.posts == []


def test_the_loop_continues_when_the_runtime_api_rejects_a_response(run: Run) -> None:
    result = run(ECHO, Invocation("a"), Invocation("b"), reply_status=413)

    assert [post.json for post in result.posts] == ["a", "b"]
    assert "413" in result.stderr


def test_output_is_flushed_before_the_response_is_posted(run: Run) -> None:
    result = run(
        "import os, sys\n"
        "def handle(event, context):\n"
        "    sys.stdout.write('no line end')\n"
        "    if event == 'die':\n"
        "        os.abort()\n",
        Invocation(),
        Invocation("die"),
    )

    assert result.stdout == "no line end"


def test_the_context_describes_the_invocation_and_the_function(run: Run) -> None:
    result = run(
        "def handle(event, context):\n"
        "    names = ('aws_request_id', 'function_name', 'function_version', 'invoked_function_arn',\n"
        "             'memory_limit_in_mb', 'log_group_name', 'log_stream_name')\n"
        "    return {name: getattr(context, name) for name in names}\n",
        Invocation(),
    )

    assert result.posts[0].json == {
        "aws_request_id": "call-1",
        "function_name": "chat",
        "function_version": "7",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
        "memory_limit_in_mb": "512",
        "log_group_name": "/aws/lambda/chat",
        "log_stream_name": "2026/11/24/[7]0",
    }


def test_the_remaining_time_counts_down_to_the_deadline_and_stops_at_zero(run: Run) -> None:
    result = run(
        "import time\n"
        "def handle(event, context):\n"
        "    return [context.get_remaining_time_in_millis(), int(time.time() * 1000)]\n",
        Invocation(),
        Invocation(headers={"Lambda-Runtime-Deadline-Ms": "1"}),
    )

    (ahead, now), (over, _) = (post.json for post in result.posts)
    assert 0 <= ahead + now - DEADLINE_MS < 1000
    assert over == 0


def test_the_trace_id_is_set_for_its_invocation_only(run: Run) -> None:
    result = run(
        "import os\ndef handle(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n",
        Invocation(),
        Invocation(headers={"Lambda-Runtime-Trace-Id": None}),
    )

    assert [post.json for post in result.posts] == [
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad1",
        None,
    ]
