"""What a function sees of its calls, and what Lambda sees of the function, on our loop."""

import json

import pytest

from tests.unit.runtime.lives import DEADLINE_MS, Call, Run

pytestmark = pytest.mark.enable_socket

ECHO = "def handle(event, context):\n    return event\n"


def test_each_call_is_answered_under_its_own_id_over_one_connection(run: Run) -> None:
    life = run(ECHO, Call({"n": 1}), Call({"n": 2}))

    assert [(post.path, post.json) for post in life.posts] == [
        ("/2018-06-01/runtime/invocation/call-1/response", {"n": 1}),
        ("/2018-06-01/runtime/invocation/call-2/response", {"n": 2}),
    ]
    assert life.connections == 1


def test_the_process_ends_quietly_when_the_runtime_api_goes_away(run: Run) -> None:
    life = run(ECHO, Call())

    assert (life.status, life.stdout, life.stderr) == (1, "", "")


def test_the_process_ends_even_when_the_handler_left_a_thread_behind(run: Run) -> None:
    life = run(
        "import threading\ndef handle(event, context):\n    threading.Thread(target=threading.Event().wait).start()\n",
        Call(),
    )

    assert life.status == 1
    assert life.posts[0].json is None


def test_text_survives_the_way_through_even_half_a_surrogate_pair(run: Run) -> None:
    text = 'Grüße 通义千问 🙂 "\\ \ud83d'

    life = run(ECHO, Call({"text": text}))

    assert life.posts[0].json == {"text": text}


def test_an_exception_fails_its_call_and_the_loop_goes_on(run: Run) -> None:
    life = run(
        "class Unwell(Exception): pass\n"
        "def handle(event, context):\n"
        "    if event == 'fall':\n"
        "        raise Unwell('fell over')\n"
        "    return event\n",
        Call("fall"),
        Call("stand"),
    )

    failed, answered = life.posts
    assert failed.path == "/2018-06-01/runtime/invocation/call-1/error"
    assert failed.headers["lambda-runtime-function-error-type"] == "Unwell"
    assert failed.json["errorType"] == "Unwell"
    assert answered.json == "stand"


def test_a_stack_trace_holds_the_frames_of_the_function_only(run: Run) -> None:
    life = run("def inner(): raise KeyError('k')\ndef handle(event, context):\n    inner()\n", Call())

    outer, inner = life.posts[0].json["stackTrace"]
    assert "handler.py" in outer
    assert "in handle" in outer
    assert "in inner" in inner


def test_a_failed_call_is_one_line_of_the_log(run: Run) -> None:
    life = run("def handle(event, context):\n    raise ValueError\n", Call())

    (line,) = life.stderr.splitlines()
    logged = json.loads(line)
    assert (logged["level"], logged["error_type"], logged["function_request_id"]) == ("ERROR", "ValueError", "call-1")
    assert "raise ValueError" in logged["stack"][-1]


@pytest.mark.parametrize("statement", ["raise ValueError(event)", "return int(event)", "return {}[event]"])
def test_what_a_caller_sent_gets_into_no_log_however_its_call_fails(run: Run, statement: str) -> None:
    life = run(f"def handle(event, context):\n    {statement}\n", Call("a marked prompt"))

    assert life.posts[0].path.endswith("/call-1/error")
    assert "marked" not in life.posts[0].text + life.stdout + life.stderr


@pytest.mark.parametrize("answer", ["{1, 2}", "float('nan')", "object()"])
def test_an_answer_that_is_no_json_fails_its_call(run: Run, answer: str) -> None:
    life = run(f"def handle(event, context):\n    return {answer}\n", Call())

    assert life.posts[0].path.endswith("/call-1/error")


def test_an_error_type_that_no_header_can_hold_is_still_reported(run: Run) -> None:
    life = run("class Ошибка(Exception): pass\ndef handle(event, context):\n    raise Ошибка\n", Call())

    assert life.posts[0].json["errorType"] == "Ошибка"
    assert life.posts[0].headers["lambda-runtime-function-error-type"] == "??????"


@pytest.mark.parametrize(("statement", "status"), [("raise SystemExit(3)", 3), ("raise KeyboardInterrupt", -2)])
def test_a_handler_that_exits_takes_the_process_with_it(run: Run, statement: str, status: int) -> None:
    life = run(f"def handle(event, context):\n    {statement}\n", Call(), Call())

    assert life.status == status
    assert life.posts == []


def test_the_loop_goes_on_when_an_answer_is_refused(run: Run) -> None:
    life = run(ECHO, Call("a"), Call("b"), answer_status=413)

    assert [post.json for post in life.posts] == ["a", "b"]
    assert "413" in life.stderr


def test_what_a_handler_prints_is_out_before_its_answer_is_posted(run: Run) -> None:
    life = run(
        "import os, sys\n"
        "def handle(event, context):\n"
        "    sys.stdout.write('no line end')\n"
        "    if event == 'die':\n"
        "        os.abort()\n",
        Call(),
        Call("die"),
    )

    assert life.stdout == "no line end"


def test_a_handler_knows_its_call_and_its_function(run: Run) -> None:
    life = run(
        "def handle(event, context):\n"
        "    names = ('aws_request_id', 'function_name', 'function_version', 'invoked_function_arn',\n"
        "             'memory_limit_in_mb', 'log_group_name', 'log_stream_name', 'client_context')\n"
        "    known = {name: getattr(context, name) for name in names}\n"
        "    return known | {'identity': context.identity.cognito_identity_id}\n",
        Call(),
    )

    assert life.posts[0].json == {
        "aws_request_id": "call-1",
        "function_name": "chat",
        "function_version": "7",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
        "memory_limit_in_mb": "512",
        "log_group_name": "/aws/lambda/chat",
        "log_stream_name": "2026/11/24/[7]0",
        "client_context": None,
        "identity": None,
    }


def test_a_caller_that_introduces_itself_is_known_to_the_handler(run: Run) -> None:
    life = run(
        "def handle(event, context):\n"
        "    return [context.client_context.client.app_title, context.client_context.custom,\n"
        "            context.client_context.env, context.identity.cognito_identity_pool_id]\n",
        Call(
            headers={
                "Lambda-Runtime-Client-Context": '{"client": {"app_title": "a"}, "custom": {"b": 1}}',
                "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
            }
        ),
    )

    assert life.posts[0].json == ["a", {"b": 1}, None, "p"]


def test_the_remaining_time_counts_down_to_the_deadline_and_stops_at_zero(run: Run) -> None:
    life = run(
        "import time\n"
        "def handle(event, context):\n"
        "    return [context.get_remaining_time_in_millis(), int(time.time() * 1000)]\n",
        Call(),
        Call(headers={"Lambda-Runtime-Deadline-Ms": "1"}),
    )

    (ahead, now), (over, _) = (post.json for post in life.posts)
    assert 0 <= ahead + now - DEADLINE_MS < 1000
    assert over == 0


def test_the_trace_id_is_that_of_the_call_and_goes_with_it(run: Run) -> None:
    life = run(
        "import os\ndef handle(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n",
        Call(),
        Call(headers={"Lambda-Runtime-Trace-Id": None}),
    )

    assert [post.json for post in life.posts] == [
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad1",
        None,
    ]
