"""`qwen-gateway bench upstream` with a few calls instead of thousands: every figure is there."""

import json

import pytest

from qwen_gateway_cli.bench import app as apps
from qwen_gateway_cli.bench import upstream
from tests.integration.cli.operator import Run


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_ROUNDS", 1), ("_PROMPTS", 8), ("_LATENCY_MS", 10), ("_CALLS", 4), ("_BLOCK", 3)):
        monkeypatch.setattr(upstream, name, value)


def test_both_are_measured_and_printed_beside_their_goals(run: Run) -> None:
    ended = run("bench", "upstream", "--json")

    assert ended.status == 0
    figures = json.loads(ended.out)
    throughput, processor = figures["throughput"], figures["processor"]
    assert 0 < throughput["calls_per_s"] < throughput["limit_per_s"] == 1000
    assert (throughput["goal"], processor["goal_ms"]) == (0.9, 1)
    assert processor["whole_ms"] > 0
    assert processor["bare_ms"] > 0

    assert "limit" in run("bench", "upstream").out


def test_each_kind_of_call_is_counted_as_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_timed", lambda call: {"bare": 1.0, "whole": 3.0}[call.__name__])
    processor = json.loads(run("bench", "upstream", "--json").out)["processor"]

    assert (processor["bare_ms"], processor["whole_ms"], processor["added_ms"]) == (1, 3, 2)


def test_a_run_with_failures_gives_no_figures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_MODEL", "no-such-model")

    ended = run("bench", "upstream")
    assert (ended.status, ended.out) == (1, "")
    assert "no result" in ended.err


def test_without_a_name_the_functions_are_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(apps, "bench", asked.append)
    run("bench")
    run("bench", "--json")

    assert asked == [False, True]
