"""`qwen-gateway batch`: a file of prompts in, a file of answers out."""

import errno
import json
import time
from pathlib import Path

import pytest

from qwen_gateway.upstream.connections import MAX_CONNECTIONS
from qwen_gateway_cli.batch.results import Results
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from qwen_gateway_cli.upstream import build_mock_upstream
from tests.builders import chat_request
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response
from tests.integration.cli.batch.files import KEY, Fill, asked, results_of
from tests.integration.cli.operator import Run
from tests.integration.mock_server import serve_response


def test_each_line_of_a_text_is_a_prompt(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
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


def test_a_line_of_json_is_a_text_messages_or_a_request(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    messages = [{"role": "user", "content": "Two."}]
    lines = ["One.", messages, {"id": 3, "messages": messages, "model": "qwen-turbo", "temperature": 0}]
    path = fill(*(json.dumps(line) for line in lines), name="prompts.JSONL")

    assert run("batch", str(path), "--model", "qwen4-max").status == 0

    assert asked(provider) == ["One.", "Two.", "Two."]
    assert sorted(call["model"] for call in provider.calls()) == ["qwen-flash", "qwen4-max", "qwen4-max"]
    assert not any("id" in call["body"] for call in provider.calls())


def test_wrong_lines_are_all_named_and_nothing_is_sent(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
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


@pytest.mark.parametrize("content", ["a note of mine\n", '{"line": 1}\n', "[]", '{"line": 1, "requ\n{"line": 2}\n'])
def test_a_file_that_holds_something_else_is_left_alone(
    run: Run, provider: RunningMockQwen, fill: Fill, content: str
) -> None:
    path = fill("One.")
    other = path.with_name("notes.txt")
    other.write_text(content, encoding="utf-8")

    ended = run("batch", str(path), "--output", str(other))

    assert ended.status == 1
    assert "line 1 is no result" in ended.err
    assert other.read_text(encoding="utf-8") == content
    assert provider.calls() == []


def test_files_that_cannot_be_used_are_named(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
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


def test_a_server_of_ones_own_is_named_by_its_url(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    path = fill("One.")

    assert run("batch", str(path), "--provider", f"{provider.url}/v1").status == 0
    assert results_of(path)[1]["provider"] == "local"
    with serve_response(404, "") as nowhere:
        assert "list of models" in run("batch", str(path), "--provider", nowhere).err


def test_as_many_may_run_at_once_as_a_client_has_connections(run: Run, fill: Fill) -> None:
    path = fill("One.")

    assert run("batch", str(path), "--concurrency", str(MAX_CONNECTIONS)).status == 0
    assert run("batch", str(path), "--concurrency", str(MAX_CONNECTIONS + 1)).status == 2


def test_a_rate_is_kept(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    before = time.time()
    assert run("batch", str(fill("One.", "Two.", "Three.")), "--rpm", "600").status == 0

    assert max(call["time"] for call in provider.calls()) - before > 2 * 60 / 600


def test_no_key_is_written_or_printed(run: Run, provider: RunningMockQwen, fill: Fill) -> None:
    path = fill("One.")
    provider.control({"faults": [{"model": "*", "times": 9, "status": 401, "message": f"Incorrect key: {KEY}"}]})

    ended = run("batch", str(path))

    assert ended.status == 1
    assert "provider_auth_failed" in ended.out
    assert KEY not in ended.out + ended.err + json.dumps(results_of(path))


def test_a_full_disk_ends_the_run_with_a_message(
    run: Run, provider: RunningMockQwen, fill: Fill, monkeypatch: pytest.MonkeyPatch
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
    play = respond_with(sse_response(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()))
    path = fill("One.")
    with run_fake_provider(play) as broken, pytest.MonkeyPatch.context() as patched:
        patched.setenv("GATEWAY_CONFIG", json.dumps(build_mock_upstream(broken.url).gateway_config))
        assert run("batch", str(path)).status == 0

    assert results_of(path)[1]["content"] == delta["content"]
