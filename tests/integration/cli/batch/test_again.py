"""`qwen-gateway batch` a second time: no line is answered twice, and no answer lost."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qwen_gateway_cli.batch.lines import Line
from qwen_gateway_cli.batch.results import Results
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.cli.batch.files import Fill, asked, results_of
from tests.integration.cli.operator import Run

COMMAND = "from qwen_gateway_cli.main import main; main()"
SOON = 30
"""Seconds, only to end a test that hangs."""


def test_failures_are_lines_with_an_error_and_a_second_run_repeats_them(
    run: Run, provider: RunningMockQwen, fill: Fill
) -> None:
    path = fill("One.", "Two.", "Three.")
    provider.control({"faults": [{"model": "*", "times": 2, "status": 400, "code": "data_inspection_failed"}]})

    ended = run("batch", str(path), "--concurrency", "1")
    assert ended.status == 1
    assert "1 of 3 lines are answered; 2 failed: 2 provider_refused" in ended.out
    failed = [result["error"] for result in results_of(path).values() if "error" in result]
    assert [(error["type"], error["code"]) for error in failed] == [("invalid_request_error", "provider_refused")] * 2

    provider.reset()
    ended = run("batch", str(path))
    assert ended.status == 0
    assert "3 of 3 lines are answered, 1 of them by an earlier run." in ended.out
    assert asked(provider) == ["One.", "Two."]
    assert not any("error" in result for result in results_of(path).values())


def test_answered_lines_are_not_repeated(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    path = fill("One.", "Two.")
    run("batch", str(path))
    before = results_of(path)
    fill("One.", "Two.", "Three.")
    provider.reset()

    assert run("batch", str(path)).status == 0
    assert asked(provider) == ["Three."]
    assert {number: results_of(path)[number] for number in before} == before

    provider.reset()
    assert run("batch", str(path)).status == 0
    assert provider.calls() == []


@pytest.mark.parametrize("left", [1, 8, 60, -1], ids=lambda left: f"{left} bytes")
def test_a_truncated_last_line_is_repeated(run: Run, provider: RunningMockQwen, fill: Fill, left: int) -> None:
    path = fill("One.", "Two.")
    run("batch", str(path), "--concurrency", "1")
    written = path.with_name("prompts.txt.results.jsonl")
    first, second, _ = written.read_bytes().split(b"\n")
    # Of the whole line only its end is missing, which is no loss.
    cut = second if left < 0 else second[:left]
    written.write_bytes(first + b"\n" + cut)
    provider.reset()

    assert run("batch", str(path)).status == 0
    assert asked(provider) == ([] if left < 0 else ["Two."])
    assert results_of(path).keys() == {1, 2}


def test_a_result_is_in_its_file_as_soon_as_it_is_there(tmp_path: Path) -> None:
    path, line = tmp_path / "results.jsonl", Line(1, None, chat_request())

    with Results(path, [line]) as results:
        results.add(line, {"content": "Hello."})
        (written,) = path.read_bytes().splitlines()

    assert json.loads(written) == {"line": 1, "request": line.fingerprint, "content": "Hello."}


def started(path: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "batch", str(path), *options],
        cwd=path.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_results(path: Path, number: int) -> None:
    written = path.with_name(f"{path.name}.results.jsonl")
    until = time.monotonic() + SOON
    while not written.exists() or written.read_bytes().count(b"\n") < number:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_was_ended_is_taken_up(run: Run, provider: RunningMockQwen, fill: Fill, end: signal.Signals) -> None:
    prompts = [f"Prompt {number:02}." for number in range(20)]
    path = fill(*prompts)
    provider.control({"latency_ms": 30})
    program = started(path, "--concurrency", "2")
    await_results(path, 4)
    program.send_signal(end)
    out, err = program.communicate(timeout=SOON)

    assert program.returncode == (-end if end is signal.SIGKILL else 130)
    assert "Traceback" not in out + err
    assert ("resumes the run" in err) is (end is not signal.SIGKILL)
    written = path.with_name(f"{path.name}.results.jsonl").read_bytes().splitlines()
    answered = {json.loads(line)["line"] for line in written if line.endswith(b"}")}
    assert 4 <= len(answered) < 20

    provider.reset()
    assert run("batch", str(path)).status == 0
    assert asked(provider) == [prompt for number, prompt in enumerate(prompts, start=1) if number not in answered]
    assert results_of(path).keys() == set(range(1, 21))


@pytest.mark.parametrize("changes", ["prompts", "model"])
def test_answers_to_other_requests_are_neither_taken_nor_lost(
    run: Run, provider: RunningMockQwen, fill: Fill, changes: str
) -> None:
    path = fill("One.", "Two.")
    run("batch", str(path))
    before = results_of(path)
    provider.reset()
    options = ["--model", "qwen-turbo"] if changes == "model" else []
    if changes == "prompts":
        fill("One.", "2.")

    ended = run("batch", str(path), *options)
    assert ended.status == 1
    assert f"line {'1' if changes == 'model' else '2'}" in ended.err
    assert "--output" in ended.err
    assert (provider.calls(), results_of(path)) == ([], before)

    elsewhere = path.with_name("other.jsonl")
    assert run("batch", str(path), *options, "--output", str(elsewhere)).status == 0
    assert len(elsewhere.read_bytes().splitlines()) == 2


def test_a_file_takes_one_run_at_a_time(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    path = fill("One.")
    with path.with_name("prompts.txt.results.jsonl").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ended = run("batch", str(path))

    assert ended.status == 1
    assert "Another run" in ended.err
    assert provider.calls() == []


def test_the_second_of_two_runs_finds_the_file_taken_also_when_the_first_put_a_shorter_one_there(
    run: Run, provider: RunningMockQwen, fill: Fill
) -> None:
    path = fill("One.", "Two.")
    provider.control({"faults": [{"model": "*", "times": 1, "status": 400}]})
    run("batch", str(path), "--concurrency", "1")
    provider.control({"latency_ms": 60_000})
    first = started(path)
    until = time.monotonic() + SOON
    while not len(provider.calls()) > 2:
        assert time.monotonic() < until
        time.sleep(0.01)

    try:
        assert "Another run" in run("batch", str(path)).err
    finally:
        first.kill()
        first.communicate()
