"""The arithmetic of `make bench-upstream`."""

import pytest

from tools.bench.upstream import Measured

MEASURED = Measured(calls_per_s=[40.0, 45.0, 50.0], bare_ms=[0.5, 1.0, 3.0], whole_ms=[1.0, 1.5, 4.0])


def test_the_rate_is_told_as_a_part_of_what_the_limit_allows() -> None:
    """Ten at a time, each for a fifth of a second, are fifty a second."""
    throughput = MEASURED.as_json()["throughput"]

    assert (throughput["calls_per_s"], throughput["limit_per_s"], throughput["ratio"]) == (45, 50, 0.9)


def test_the_policys_processor_time_is_what_a_whole_call_takes_beyond_a_bare_one() -> None:
    processor = MEASURED.as_json()["processor"]

    assert (processor["bare_ms"], processor["whole_ms"]) == (1, 1.5)
    assert (processor["added_ms"], processor["ratio"]) == (0.5, 1.5)


def test_a_person_sees_the_figures_beside_their_goals(capsys: pytest.CaptureFixture[str]) -> None:
    MEASURED.print()

    shown = " ".join(capsys.readouterr().out.split())
    assert "45 50 0.9 0.9" in shown
    assert "1 1.5 1.5 0.5 1" in shown
