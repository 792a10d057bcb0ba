"""The arithmetic of `make bench-upstream`."""

import pytest

from tools.bench.upstream import Measured

MEASURED = Measured(calls_per_s=[40.0, 45.0, 50.0], bare_ms=[0.5, 1.0, 3.0], whole_ms=[1.0, 1.5, 4.0])


def test_the_ratio_is_the_rate_divided_by_the_limit() -> None:
    """10 concurrent calls of 0.2 seconds each are 50 calls per second."""
    throughput = MEASURED.as_json()["throughput"]

    assert (throughput["calls_per_s"], throughput["limit_per_s"], throughput["ratio"]) == (45, 50, 0.9)


def test_the_policy_adds_the_difference_between_a_whole_and_a_bare_call() -> None:
    processor = MEASURED.as_json()["processor"]

    assert (processor["bare_ms"], processor["whole_ms"]) == (1, 1.5)
    assert (processor["added_ms"], processor["ratio"]) == (0.5, 1.5)


def test_the_tables_show_the_figures_beside_their_goals(capsys: pytest.CaptureFixture[str]) -> None:
    MEASURED.print()

    shown = " ".join(capsys.readouterr().out.split())
    assert "45 50 0.9 0.9" in shown
    assert "1 1.5 1.5 0.5 1" in shown
