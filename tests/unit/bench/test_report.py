"""The benchmark's arithmetic: medians, overheads and ratios."""

import pytest

from tools.bench import measurements
from tools.bench.measurements import Size, Warm
from tools.bench.report import Measured, Report

PLAIN = Warm(calls_ms=[4.0, 5.0, 6.0], exchanges_ms=2.0, processor_ms=2.5, early_mb=80.0, late_mb=80.5)
GATEWAY = Warm(calls_ms=[7.0, 8.0, 9.0], exchanges_ms=3.0, processor_ms=3.5, early_mb=70.0, late_mb=70.5)


@pytest.fixture
def report() -> Report:
    """A gateway that starts in 40 % of the plain handler's time."""
    cold = {"plain": [900.0, 1000.0, 1100.0], "gateway": [300.0, 400.0, 500.0]}
    measured = Measured(cold, {"plain": PLAIN, "gateway": GATEWAY})
    return Report({"http": measured}, {"plain": Size(40, 10), "gateway": Size(30, 9)}, {"openai": 300.0, "ssl": 10.04})


def test_the_json_has_medians_quartiles_and_the_ratio_to_the_plain_handler(report: Report) -> None:
    gateway = report.as_json()["connections"]["http"]["gateway"]

    assert gateway["cold_ms"] == {"median": 400, "lower_quartile": 300, "upper_quartile": 500}
    assert gateway["cold_of_plain"] == 0.4
    assert gateway["overhead_ms"] == 5
    assert (gateway["memory_mb_after_100"], gateway["memory_mb_after_1000"]) == (70, 70.5)


def test_the_json_states_that_the_figures_are_not_from_aws(report: Report) -> None:
    assert "emulator" in report.as_json()["not_aws"]


def test_the_table_shows_each_figure_beside_its_ratio(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    report.print()

    shown = capsys.readouterr().out
    for cell in ("400  0.40", "300 - 500", "8.00  1.60", "5.00  1.67", "3.50  1.40", "70.5  0.88"):
        assert cell in shown
    assert "310 ms in all" in shown


def test_import_times_are_summed_by_package_with_one_sum_for_the_standard_library() -> None:
    listing = """import time: self [us] | cumulative | imported package
import time:       500 |        500 |   json.decoder
import time:      1500 |       2000 |     openai.types
import time:      1000 |       3000 | openai
a line of the program's own
"""

    assert measurements._sum_by_package(listing) == {"standard library": 0.5, "openai": 2.5}
