"""`make bench-upstream` with a few calls instead of thousands."""

import json
import sys

import pytest

from tests.integration.cli.operator import Ended, Run
from tools.bench import command, upstream


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_ROUNDS", 1), ("_PROMPTS", 8), ("_LATENCY_MS", 10), ("_CALLS", 4), ("_BLOCK", 3)):
        monkeypatch.setattr(upstream, name, value)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `python -m tools.bench` in this process."""

    def run_bench(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tools.bench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            command.main()
        output = capsys.readouterr()
        return Ended(int(end.value.code or 0), output.out, output.err)

    return run_bench


def test_rate_and_processor_time_are_measured_and_printed_with_their_goals(run: Run) -> None:
    ended = run("upstream", "--json")

    assert ended.status == 0
    figures = json.loads(ended.out)
    throughput, processor = figures["throughput"], figures["processor"]
    assert 0 < throughput["calls_per_s"] < throughput["limit_per_s"] == 1000
    assert (throughput["goal"], processor["goal_ms"]) == (0.9, 1)
    assert processor["whole_ms"] > 0
    assert processor["bare_ms"] > 0

    assert "limit" in run("upstream").out


def test_bare_and_whole_calls_are_measured_apart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_measure_ms", lambda call: {"bare": 1.0, "whole": 3.0}[call.__name__])
    processor = json.loads(run("upstream", "--json").out)["processor"]

    assert (processor["bare_ms"], processor["whole_ms"], processor["added_ms"]) == (1, 3, 2)


def test_a_run_with_failures_has_no_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_MODEL", "no-such-model")

    ended = run("upstream")
    assert (ended.status, ended.out) == (1, "")
    assert "no result" in ended.err


def test_the_functions_are_measured_by_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    as_json: list[bool] = []
    monkeypatch.setattr(command, "measure_functions", as_json.append)
    run()
    run("--json")

    assert as_json == [False, True]
