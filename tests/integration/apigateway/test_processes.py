"""Function processes: concurrency, queueing, exits, timeouts and failed starts."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qwen_gateway_cli.local import process_table
from qwen_gateway_cli.local.apigateway.invocation import Invocation
from qwen_gateway_cli.local.apigateway.pool import FunctionPool
from tests.integration.apigateway.gateways import Route, run_gateway, settings, template
from tests.integration.apigateway.scripted_function import SCRIPTED, TIMEOUT_S, is_alive, scripted, wait_until


def began(folder: Path) -> set[str]:
    return {path.name.removeprefix("began-") for path in folder.glob("began-*")}


def test_ten_calls_run_concurrently_and_the_eleventh_waits(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway, ThreadPoolExecutor(11) as clients:
        calls = [clients.submit(gateway.ask, "/v1/do", f"wait-{number}") for number in range(11)]
        wait_until(lambda: len(began(tmp_path)) == 10)
        time.sleep(0.2)
        concurrent = len(began(tmp_path))
        (tmp_path / "go").touch()
        replies = [call.result() for call in calls]

    assert concurrent == 10
    assert [reply.status for reply in replies] == [200] * 11
    assert len({reply.body for reply in replies}) == 10


def test_a_call_above_the_limit_can_be_rejected_as_lambda_rejects_it(tmp_path: Path) -> None:
    with scripted(tmp_path, limit=1, reject_above_limit=True) as gateway, ThreadPoolExecutor(1) as clients:
        first = clients.submit(gateway.ask, "/v1/do", "wait-1")
        wait_until(lambda: began(tmp_path))
        rejected = gateway.ask("/v1/do", "wait-2")
        (tmp_path / "go").touch()
        statuses = (first.result().status, gateway.ask("/v1/do").status)

    assert (rejected.status, rejected.json["error"]["code"]) == (503, "gateway_busy")
    assert rejected.headers["retry-after"] == "1"
    assert statuses == (200, 200)
    assert began(tmp_path) == {"wait-1"}


def test_waiting_calls_run_in_order_of_arrival(tmp_path: Path) -> None:
    source = "done = []\ndef handle(event, context):\n    done.append(event)\n    return done\n"
    gateway = settings(tmp_path, template([]), {"Listed": source}, limit=1)

    async def four_calls() -> bytes:
        pool = FunctionPool(gateway, "Listed")
        calls = [Invocation(f"call-{number}", str(number).encode(), "Root=1", "arn") for number in range(4)]
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(pool.invoke(call, TIMEOUT_S)) for call in calls]
        await pool.close()
        return answers[-1].result()

    assert json.loads(asyncio.run(four_calls())) == [0, 1, 2, 3]


def test_calls_that_wait_when_the_pool_closes_fail_and_start_nothing(tmp_path: Path) -> None:
    gateway = settings(tmp_path, template([]), {"Scripted": SCRIPTED}, limit=1)
    calls = [
        Invocation(f"call-{order}", json.dumps({"body": order}).encode(), "Root=1", "arn")
        for order in ("wait", "wait-2")
    ]

    async def close_among_calls() -> list[bytes | BaseException]:
        pool = FunctionPool(gateway, "Scripted")
        answers = asyncio.gather(*(pool.invoke(call, TIMEOUT_S) for call in calls), return_exceptions=True)
        await asyncio.to_thread(wait_until, (tmp_path / "began-wait").exists)
        await pool.close()
        return await answers

    answers = asyncio.run(close_among_calls())

    assert [str(answer) for answer in answers] == ["the server is shutting down"] * 2
    assert began(tmp_path) == {"wait"}


def test_sequential_calls_use_one_process(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        assert len({gateway.ask("/v1/do").body for _ in range(5)}) == 1


@pytest.mark.parametrize(("order", "trace"), [("exit", "status 3"), ("abort", "status -6")])
def test_a_process_that_ends_during_a_call_is_a_502_and_is_replaced(tmp_path: Path, order: str, trace: str) -> None:
    with scripted(tmp_path, limit=1) as gateway:
        before = gateway.ask("/v1/do").body
        died = gateway.ask("/v1/do", order)
        after = gateway.ask("/v1/do")

    assert (died.status, died.json["error"]["code"]) == (502, "gateway_failed")
    assert after.status == 200
    assert after.body != before
    assert f"Scripted: its process ended with {trace}" in gateway.log()


def test_a_process_that_ends_while_idle_is_replaced_without_an_error(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        before = int(gateway.ask("/v1/do").body)
        os.kill(before, 9)
        wait_until(lambda: process_table.find(before) is None)
        after = gateway.ask("/v1/do")

    assert after.status == 200
    assert int(after.body) != before


def test_a_failed_function_keeps_its_process_and_its_message_is_not_logged(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        before = gateway.ask("/v1/do").body
        failed = gateway.ask("/v1/do", "fail")
        after = gateway.ask("/v1/do").body

    assert (failed.status, failed.json["error"]["code"]) == (502, "gateway_failed")
    assert before == after
    assert "Scripted: it failed with RuntimeError" in gateway.log()
    assert "prompt" not in gateway.log()


def test_an_answer_above_six_megabytes_is_a_bad_gateway(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        refused = gateway.ask("/v1/do", "large")
        after = gateway.ask("/v1/do")

    assert (refused.status, after.status) == (502, 200)
    assert "Scripted: its response is larger than 6 MB" in gateway.log()


def test_a_call_above_the_function_timeout_ends_the_process(tmp_path: Path) -> None:
    with scripted(tmp_path, limit=1, timeout_s=1) as gateway:
        before = int(gateway.ask("/v1/do").body)
        late = gateway.ask("/v1/do", "wait")
        after = gateway.ask("/v1/do")

        assert not is_alive(before)
    assert (late.status, late.json["error"]["code"]) == (502, "gateway_failed")
    assert int(after.body) != before
    assert "Scripted: timed out after 1 s" in gateway.log()


def test_a_call_above_the_integration_timeout_gets_a_504_and_continues(tmp_path: Path) -> None:
    with scripted(tmp_path, timeout_ms=500, limit=1) as gateway:
        before = gateway.ask("/v1/do").body
        late = gateway.ask("/v1/do", "wait")
        (tmp_path / "go").touch()
        wait_until((tmp_path / "ended-wait").exists)
        after = gateway.ask("/v1/do").body

    assert late.status == 504
    assert before == after


def test_a_call_that_waited_until_its_timeout_is_never_run(tmp_path: Path) -> None:
    with scripted(tmp_path, timeout_ms=1500, limit=1) as gateway, ThreadPoolExecutor(2) as clients:
        first = clients.submit(gateway.ask, "/v1/do", "wait-1")
        wait_until(lambda: began(tmp_path))
        second = clients.submit(gateway.ask, "/v1/do", "wait-2")
        statuses = (first.result().status, second.result().status)
        (tmp_path / "go").touch()
        served = gateway.ask("/v1/do").status

    assert (*statuses, served) == (504, 504, 200)
    assert began(tmp_path) == {"wait-1"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import a_module_that_is_missing", "it cannot start: ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(4)", "its process ended with status 4"),
    ],
)
def test_a_function_that_cannot_start_is_a_bad_gateway_with_its_cause_in_the_log(
    tmp_path: Path, source: str, words: str
) -> None:
    api = template([Route("/v1/do", "Broken")])
    with run_gateway(tmp_path, settings(tmp_path, api, {"Broken": source}, limit=1)) as gateway:
        replies = [gateway.ask("/v1/do") for _ in range(2)]

    assert [reply.status for reply in replies] == [502, 502]
    assert gateway.log().count(f"Broken: {words}") == 2


def test_a_missing_interpreter_is_a_bad_gateway_with_its_cause_in_the_log(tmp_path: Path) -> None:
    with scripted(tmp_path, wrapper=str(tmp_path / "nothing")) as gateway:
        assert gateway.ask("/v1/do").status == 502

    assert "Scripted: its process cannot be started" in gateway.log()


def test_a_function_gets_its_own_and_lambdas_variables_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-real-account")
    source = (
        "import json, os\n"
        "def handle(event, context):\n"
        "    return {'body': json.dumps([dict(os.environ), os.getcwd(), context.invoked_function_arn])}\n"
    )
    with run_gateway(tmp_path, settings(tmp_path, template([Route("/v1/do", "Env")]), {"Env": source})) as gateway:
        environment, folder, arn = gateway.ask("/v1/do").json

    assert "AWS_PROFILE" not in environment
    assert "HOME" not in environment
    assert environment["FOLDER"] == str(tmp_path)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "stack-Env"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["AWS_REGION"] == "us-east-1"
    assert folder == environment["LAMBDA_TASK_ROOT"] == str(tmp_path / "functions")
    assert arn == "arn:aws:lambda:us-east-1:000000000000:function:stack-Env"


def test_a_functions_output_goes_to_its_own_log(tmp_path: Path) -> None:
    source = "import sys\ndef handle(event, context):\n    print('out')\n    print('err', file=sys.stderr)\n"
    with run_gateway(tmp_path, settings(tmp_path, template([Route("/v1/do", "Wordy")]), {"Wordy": source})) as gateway:
        gateway.ask("/v1/do")

        assert sorted(gateway.log("Wordy").split()) == ["err", "out"]


def test_the_deadline_of_a_call_is_its_functions_timeout(tmp_path: Path) -> None:
    source = (
        "import json, os\n"
        "def handle(event, context):\n"
        "    return {'body': json.dumps([context.get_remaining_time_in_millis(), os.environ['_X_AMZN_TRACE_ID']])}\n"
    )
    with run_gateway(tmp_path, settings(tmp_path, template([Route("/v1/do", "Clock")]), {"Clock": source})) as gateway:
        reply = gateway.ask("/v1/do")
    remaining_ms, trace = json.loads(reply.body)

    assert 0 < remaining_ms <= 20_000
    assert trace == reply.headers["x-amzn-trace-id"]
