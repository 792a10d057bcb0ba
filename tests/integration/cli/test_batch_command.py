"""`qwen-gateway batch`: a file of prompts in, a file of answers out, and never a line answered twice."""

import errno
import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.upstream.connections import MOST_CONNECTIONS
from qwen_gateway_cli.batch.lines import Line
from qwen_gateway_cli.batch.results import Results
from qwen_gateway_cli.local.provider import RunningProvider
from qwen_gateway_cli.local.upstream import stand_in
from tests.builders import chat_request
from tests.integration.chat.scripted import event_stream, says, scripted_provider
from tests.integration.cli.operator import Run
from tests.integration.stand_ins import answering

KEY = "sk-marked-provider-key"
VARIABLES = ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY")
COMMAND = "from qwen_gateway_cli.main import main; main()"
SOON = 30
"""Seconds, only to end a test that hangs."""

type Fill = Callable[..., Path]


@pytest.fixture(autouse=True)
def _stand_in_and_its_key(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(stand_in(provider.url).gateway_config))


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write a file of prompts."""

    def write(*lines: str | bytes, name: str = "prompts.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
        return path

    return write


def results_of(path: Path) -> dict[int, dict[str, Any]]:
    """The results beside a file of prompts, by their line; each line is there once."""
    text = path.with_name(f"{path.name}.results.jsonl").read_text(encoding="utf-8")
    written = [json.loads(line) for line in text.splitlines()]
    found = {result["line"]: result for result in written}
    assert len(found) == len(written)
    return found


def asked(provider: RunningProvider) -> list[str]:
    """What the provider was asked, in whatever order."""
    return sorted(call["body"]["messages"][-1]["content"] for call in provider.calls())


def test_each_line_of_a_text_is_a_prompt(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill("Say hello.", "", "  \r", "Say «goodbye» 😀.\r", '{"not": "JSON here"}')

    ended = run("batch", str(path))

    assert ended.status == 0
    assert "3 of 3 lines are answered" in ended.out
    assert str(path) in ended.out
    assert asked(provider) == sorted(["Say hello.", "Say «goodbye» 😀.", '{"not": "JSON here"}'])
    assert results_of(path).keys() == {1, 4, 5}


def test_a_result_carries_its_line_its_id_and_how_it_came_about(run: Run, fill: Fill) -> None:
    path = fill(json.dumps({"id": "mine", **chat_request()}), json.dumps("Say hello."), name="prompts.jsonl")

    assert run("batch", str(path)).status == 0

    first, second = (results_of(path)[number] for number in (1, 2))
    assert (first["id"], "id" in second) == ("mine", False)
    assert "Say hello." in first["content"]
    assert (first["provider"], first["model"]) == ("dashscope", "qwen-plus")
    assert first["usage"]["total_tokens"] > 0
    assert first["latency_ms"] >= 0
    assert [(each["provider"], each["status"]) for each in first["attempts"]] == [("dashscope", 200)]
    assert first["whole"]["choices"][0]["finish_reason"] == "stop"


def test_a_line_of_json_is_a_text_messages_or_a_request(run: Run, provider: RunningProvider, fill: Fill) -> None:
    messages = [{"role": "user", "content": "Two."}]
    lines = ["One.", messages, {"id": 3, "messages": messages, "model": "qwen-turbo", "temperature": 0}]
    path = fill(*(json.dumps(line) for line in lines), name="prompts.JSONL")

    assert run("batch", str(path), "--model", "qwen3-max").status == 0

    assert asked(provider) == ["One.", "Two.", "Two."]
    assert sorted(call["model"] for call in provider.calls()) == ["qwen-flash", "qwen3-max", "qwen3-max"]
    assert not any("id" in call["body"] for call in provider.calls())


def test_wrong_lines_are_all_named_and_nothing_is_sent(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill(
        '"Say hello."',
        "{",
        "7",
        '{"messages": []}',
        "",
        b'"\xff"',
        json.dumps({"id": 1.5, **chat_request()}),
        json.dumps(chat_request(model="gpt-4")),
        name="prompts.jsonl",
    )

    ended = run("batch", str(path))

    assert ended.status == 1
    for number in (2, 3, 4, 6, 7, 8):
        assert f"line {number}: " in ended.err
    assert "line 1:" not in ended.err
    assert "line 5:" not in ended.err
    assert "gpt-4" in ended.err
    assert provider.calls() == []
    assert not path.with_name("prompts.jsonl.results.jsonl").exists()


def test_of_many_wrong_lines_the_first_are_named(run: Run, fill: Fill) -> None:
    ended = run("batch", str(fill(*["{"] * 25, name="prompts.jsonl")))

    assert ended.err.count("line ") == 20
    assert "and 5 more" in ended.err


def test_failures_are_lines_with_an_error_and_a_second_run_asks_them_again(
    run: Run, provider: RunningProvider, fill: Fill
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


def test_what_is_answered_is_not_asked_again(run: Run, provider: RunningProvider, fill: Fill) -> None:
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
def test_a_last_line_that_was_cut_off_is_asked_again(
    run: Run, provider: RunningProvider, fill: Fill, left: int
) -> None:
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
def test_a_run_that_was_ended_is_taken_up(run: Run, provider: RunningProvider, fill: Fill, end: signal.Signals) -> None:
    prompts = [f"Prompt {number:02}." for number in range(20)]
    path = fill(*prompts)
    provider.control({"latency_ms": 30})
    program = started(path, "--concurrency", "2")
    await_results(path, 4)
    program.send_signal(end)
    out, err = program.communicate(timeout=SOON)

    assert program.returncode == (-end if end is signal.SIGKILL else 130)
    assert "Traceback" not in out + err
    assert ("goes on from there" in err) is (end is not signal.SIGKILL)
    written = path.with_name(f"{path.name}.results.jsonl").read_bytes().splitlines()
    answered = {json.loads(line)["line"] for line in written if line.endswith(b"}")}
    assert 4 <= len(answered) < 20

    provider.reset()
    assert run("batch", str(path)).status == 0
    assert asked(provider) == [prompt for number, prompt in enumerate(prompts, start=1) if number not in answered]
    assert results_of(path).keys() == set(range(1, 21))


@pytest.mark.parametrize("changes", ["prompts", "model"])
def test_answers_to_other_requests_are_neither_taken_nor_lost(
    run: Run, provider: RunningProvider, fill: Fill, changes: str
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


@pytest.mark.parametrize("content", ["a note of mine\n", '{"line": 1}\n', "[]", '{"line": 1, "requ\n{"line": 2}\n'])
def test_a_file_that_holds_something_else_is_left_alone(
    run: Run, provider: RunningProvider, fill: Fill, content: str
) -> None:
    path = fill("One.")
    other = path.with_name("notes.txt")
    other.write_text(content, encoding="utf-8")

    ended = run("batch", str(path), "--output", str(other))

    assert ended.status == 1
    assert "line 1 is no result" in ended.err
    assert other.read_text(encoding="utf-8") == content
    assert provider.calls() == []


def test_a_file_takes_one_run_at_a_time(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill("One.")
    with path.with_name("prompts.txt.results.jsonl").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ended = run("batch", str(path))

    assert ended.status == 1
    assert "Another run" in ended.err
    assert provider.calls() == []


def test_the_second_of_two_runs_finds_the_file_taken_also_when_the_first_put_a_shorter_one_there(
    run: Run, provider: RunningProvider, fill: Fill
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


def test_files_that_cannot_be_used_are_named(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill("One.")

    for arguments, word in (
        (["missing.txt"], "missing.txt"),
        ([str(path.parent)], "directory"),
        ([str(fill("", " ", name="empty.txt"))], "no prompt"),
        ([str(path), "--output", "no/such/folder.jsonl"], "no/such"),
        ([str(path), "--output", str(path.parent)], "no file"),
        ([str(path), "--output", "/dev/null"], "no file"),
    ):
        ended = run("batch", *arguments)
        assert ended.status == 1
        assert word in ended.err
    assert provider.calls() == []


def test_the_provider_is_the_one_whose_key_stands_in_the_environment(
    run: Run, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fill("One.")
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    monkeypatch.setenv("HOLYSHEEP_API_KEY", KEY)
    assert run("batch", str(path)).status == 0
    assert results_of(path)[1]["provider"] == "holysheep"

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    assert run("batch", str(path), "--output", "both.jsonl").status == 0
    assert json.loads(Path("both.jsonl").read_bytes())["provider"] == "dashscope"
    assert run("batch", str(path), "--output", "named.jsonl", "--provider", "dashscope-beijing").status == 0
    assert json.loads(Path("named.jsonl").read_bytes())["provider"] == "dashscope-beijing"


def test_without_a_key_nothing_begins(run: Run, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill("One.")
    monkeypatch.delenv("DASHSCOPE_API_KEY")

    for arguments, name in (([], "DASHSCOPE_API_KEY"), (["--provider", "holysheep"], "HOLYSHEEP_API_KEY")):
        ended = run("batch", str(path), *arguments)
        assert ended.status == 1
        assert name in ended.err
    assert "nobody" in run("batch", str(path), "--provider", "nobody").err


def test_a_server_of_ones_own_is_named_by_its_url(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill("One.")

    assert run("batch", str(path), "--provider", f"{provider.url}/v1").status == 0
    assert results_of(path)[1]["provider"] == "local"
    with answering(404, "") as nowhere:
        assert "list of models" in run("batch", str(path), "--provider", nowhere).err


def test_as_many_may_run_at_once_as_a_client_has_connections(run: Run, fill: Fill) -> None:
    path = fill("One.")

    assert run("batch", str(path), "--concurrency", str(MOST_CONNECTIONS)).status == 0
    assert run("batch", str(path), "--concurrency", str(MOST_CONNECTIONS + 1)).status == 2


def test_a_rate_is_kept(run: Run, provider: RunningProvider, fill: Fill) -> None:
    before = time.time()
    assert run("batch", str(fill("One.", "Two.", "Three.")), "--rpm", "600").status == 0

    assert max(call["time"] for call in provider.calls()) - before > 2 * 60 / 600


def test_no_key_is_written_or_said(run: Run, provider: RunningProvider, fill: Fill) -> None:
    path = fill("One.")
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "message": f"Incorrect key: {KEY}"}]})

    ended = run("batch", str(path))

    assert ended.status == 1
    assert "provider_auth_failed" in ended.out
    assert KEY not in ended.out + ended.err + json.dumps(results_of(path))


def test_a_disk_that_is_full_ends_the_run_in_words(
    run: Run, provider: RunningProvider, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = fill("One.", "Two.")
    with monkeypatch.context() as patched:
        patched.setattr(Results, "add", full)
        ended = run("batch", str(path))

    assert ended.status == 1
    assert f"{path}.results.jsonl cannot be written: No space left on device." in ended.err


def test_half_a_surrogate_pair_is_written_as_json_escapes_it(run: Run, fill: Fill) -> None:
    delta = {"content": "half: \ud83d"}
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}
    play = says(event_stream(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()))
    path = fill("One.")
    with scripted_provider(play) as broken, pytest.MonkeyPatch.context() as patched:
        patched.setenv("GATEWAY_CONFIG", json.dumps(stand_in(broken.url).gateway_config))
        assert run("batch", str(path)).status == 0

    assert results_of(path)[1]["content"] == delta["content"]
