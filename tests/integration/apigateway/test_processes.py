"""The life of function processes: side by side, in order, dying, hanging, and never starting."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli.local import process_table
from qwen_gateway_cli.local.apigateway.invocation import Invocation
from qwen_gateway_cli.local.apigateway.pool import FunctionPool
from tests.integration.apigateway.gateways import Route, RunningFront, running, settings, template

SCRIPTED = """
import json, os, pathlib, sys, time

folder = pathlib.Path(os.environ["FOLDER"])

def handle(event, context):
    "Do what the request's body says, and answer with the process's number."
    order = event["body"]
    if order == "exit":
        sys.exit(3)
    if order == "abort":
        os.abort()
    if order == "fail":
        raise RuntimeError("the caller's prompt")
    if order == "large":
        return {"body": "x" * 6_300_000}
    if order and order.startswith("wait"):
        (folder / f"began-{order}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        (folder / f"ended-{order}").touch()
    return {"body": str(os.getpid())}
"""
PATIENCE_S = 20


def until(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    seen = process_table.find(pid)
    return seen is not None and not seen.ended


@contextmanager
def scripted(folder: Path, timeout_ms: int | None = None, **changes: Any) -> Iterator[RunningFront]:
    api = template([Route("/v1/do", "Scripted", timeout_ms=timeout_ms)])
    with running(folder, settings(folder, api, {"Scripted": SCRIPTED}, **changes)) as started:
        yield started


def began(folder: Path) -> set[str]:
    return {path.name.removeprefix("began-") for path in folder.glob("began-*")}


def test_ten_calls_run_side_by_side_and_the_eleventh_waits(tmp_path: Path) -> None:
    with scripted(tmp_path) as front, ThreadPoolExecutor(11) as clients:
        calls = [clients.submit(front.ask, "/v1/do", f"wait-{number}") for number in range(11)]
        until(lambda: len(began(tmp_path)) == 10)
        time.sleep(0.2)
        side_by_side = len(began(tmp_path))
        (tmp_path / "go").touch()
        replies = [call.result() for call in calls]

    assert side_by_side == 10
    assert [reply.status for reply in replies] == [200] * 11
    assert len({reply.body for reply in replies}) == 10


def test_waiting_calls_run_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    source = "done = []\ndef handle(event, context):\n    done.append(event)\n    return done\n"
    front = settings(tmp_path, template([]), {"Listed": source}, limit=1)

    async def four_calls() -> bytes:
        pool = FunctionPool(front, "Listed")
        calls = [Invocation(f"call-{number}", str(number).encode(), "Root=1", "arn") for number in range(4)]
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(pool.invoke(call, PATIENCE_S)) for call in calls]
        await pool.close()
        return answers[-1].result()

    assert json.loads(asyncio.run(four_calls())) == [0, 1, 2, 3]


def test_calls_that_wait_when_the_pool_closes_fail_and_start_nothing(tmp_path: Path) -> None:
    front = settings(tmp_path, template([]), {"Scripted": SCRIPTED}, limit=1)
    calls = [
        Invocation(f"call-{order}", json.dumps({"body": order}).encode(), "Root=1", "arn")
        for order in ("wait", "wait-2")
    ]

    async def close_among_calls() -> list[bytes | BaseException]:
        pool = FunctionPool(front, "Scripted")
        answers = asyncio.gather(*(pool.invoke(call, PATIENCE_S) for call in calls), return_exceptions=True)
        await asyncio.to_thread(until, (tmp_path / "began-wait").exists)
        await pool.close()
        return await answers

    answers = asyncio.run(close_among_calls())

    assert [str(answer) for answer in answers] == ["the server is shutting down"] * 2
    assert began(tmp_path) == {"wait"}


def test_one_process_serves_calls_that_follow_each_other(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        assert len({front.ask("/v1/do").body for _ in range(5)}) == 1


@pytest.mark.parametrize(("order", "trace"), [("exit", "status 3"), ("abort", "status -6")])
def test_a_process_that_dies_is_a_bad_gateway_and_is_replaced(tmp_path: Path, order: str, trace: str) -> None:
    with scripted(tmp_path, limit=1) as front:
        before = front.ask("/v1/do").body
        died = front.ask("/v1/do", order)
        after = front.ask("/v1/do")

    assert (died.status, died.json["error"]["code"]) == (502, "gateway_failed")
    assert after.status == 200
    assert after.body != before
    assert f"Scripted: its process ended with {trace}" in front.log()


def test_a_process_that_dies_while_it_has_nothing_to_do_is_replaced_unseen(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        before = int(front.ask("/v1/do").body)
        os.kill(before, 9)
        until(lambda: process_table.find(before) is None)
        after = front.ask("/v1/do")

    assert after.status == 200
    assert int(after.body) != before


def test_a_function_that_fails_keeps_its_process_and_its_words_to_itself(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        before = front.ask("/v1/do").body
        failed = front.ask("/v1/do", "fail")
        after = front.ask("/v1/do").body

    assert (failed.status, failed.json["error"]["code"]) == (502, "gateway_failed")
    assert before == after
    assert "Scripted: it failed with RuntimeError" in front.log()
    assert "prompt" not in front.log()


def test_an_answer_above_six_megabytes_is_a_bad_gateway(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        refused = front.ask("/v1/do", "large")
        after = front.ask("/v1/do")

    assert (refused.status, after.status) == (502, 200)
    assert "Scripted: its response is larger than 6 MB" in front.log()


def test_a_call_above_its_functions_timeout_takes_the_process_with_it(tmp_path: Path) -> None:
    with scripted(tmp_path, limit=1, timeout_s=1) as front:
        before = int(front.ask("/v1/do").body)
        late = front.ask("/v1/do", "wait")
        after = front.ask("/v1/do")

        assert not lives(before)
    assert (late.status, late.json["error"]["code"]) == (502, "gateway_failed")
    assert int(after.body) != before
    assert "Scripted: timed out after 1 s" in front.log()


def test_a_call_above_the_integrations_timeout_is_answered_and_goes_on(tmp_path: Path) -> None:
    with scripted(tmp_path, timeout_ms=500, limit=1) as front:
        before = front.ask("/v1/do").body
        late = front.ask("/v1/do", "wait")
        (tmp_path / "go").touch()
        until((tmp_path / "ended-wait").exists)
        after = front.ask("/v1/do").body

    assert late.status == 504
    assert before == after


def test_a_call_that_waited_until_its_timeout_is_never_run(tmp_path: Path) -> None:
    with scripted(tmp_path, timeout_ms=1500, limit=1) as front, ThreadPoolExecutor(2) as clients:
        first = clients.submit(front.ask, "/v1/do", "wait-1")
        until(lambda: began(tmp_path))
        second = clients.submit(front.ask, "/v1/do", "wait-2")
        statuses = (first.result().status, second.result().status)
        (tmp_path / "go").touch()
        served = front.ask("/v1/do").status

    assert (*statuses, served) == (504, 504, 200)
    assert began(tmp_path) == {"wait-1"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import a_module_that_is_missing", "it cannot start: ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(4)", "its process ended with status 4"),
    ],
)
def test_a_function_that_cannot_start_is_a_bad_gateway_and_the_log_says_why(
    tmp_path: Path, source: str, words: str
) -> None:
    api = template([Route("/v1/do", "Broken")])
    with running(tmp_path, settings(tmp_path, api, {"Broken": source}, limit=1)) as front:
        replies = [front.ask("/v1/do") for _ in range(2)]

    assert [reply.status for reply in replies] == [502, 502]
    assert front.log().count(f"Broken: {words}") == 2


def test_a_missing_interpreter_is_a_bad_gateway_and_the_log_says_so(tmp_path: Path) -> None:
    with scripted(tmp_path, wrapper=str(tmp_path / "nothing")) as front:
        assert front.ask("/v1/do").status == 502

    assert "Scripted: its process cannot be started" in front.log()


def test_a_function_sees_its_own_variables_and_lambdas_and_nothing_of_the_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-real-account")
    source = (
        "import json, os\n"
        "def handle(event, context):\n"
        "    return {'body': json.dumps([dict(os.environ), os.getcwd(), context.invoked_function_arn])}\n"
    )
    with running(tmp_path, settings(tmp_path, template([Route("/v1/do", "Env")]), {"Env": source})) as front:
        environment, folder, arn = front.ask("/v1/do").json

    assert "AWS_PROFILE" not in environment
    assert "HOME" not in environment
    assert environment["FOLDER"] == str(tmp_path)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "stack-Env"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["AWS_REGION"] == "us-east-1"
    assert folder == environment["LAMBDA_TASK_ROOT"] == str(tmp_path / "functions")
    assert arn == "arn:aws:lambda:us-east-1:000000000000:function:stack-Env"


def test_what_a_function_writes_goes_to_its_own_log(tmp_path: Path) -> None:
    source = "import sys\ndef handle(event, context):\n    print('out')\n    print('err', file=sys.stderr)\n"
    with running(tmp_path, settings(tmp_path, template([Route("/v1/do", "Wordy")]), {"Wordy": source})) as front:
        front.ask("/v1/do")

        assert sorted(front.log("Wordy").split()) == ["err", "out"]


def test_the_deadline_of_a_call_is_its_functions_timeout(tmp_path: Path) -> None:
    source = (
        "import json, os\n"
        "def handle(event, context):\n"
        "    return {'body': json.dumps([context.get_remaining_time_in_millis(), os.environ['_X_AMZN_TRACE_ID']])}\n"
    )
    with running(tmp_path, settings(tmp_path, template([Route("/v1/do", "Clock")]), {"Clock": source})) as front:
        reply = front.ask("/v1/do")
    remaining_ms, trace = json.loads(reply.body)

    assert 0 < remaining_ms <= 20_000
    assert trace == reply.headers["x-amzn-trace-id"]
