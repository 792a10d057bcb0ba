"""The claims that `make smoke` prints: what was not shown is never proven."""

from typing import Any, Literal, cast

import pytest

from tests.smoke.claims import Claim, Outcome, judge
from tests.smoke.report import LOCAL_NOTE, MOCK_NOTE, ClaimsReport
from tests.smoke.target import Target

type Phase = Literal["setup", "call", "teardown"]
type State = Literal["passed", "failed", "skipped"]

PASSED = Outcome("passed")
ON_AWS = Target("https://api.execute-api.eu-central-1.amazonaws.com/api/v1", "key", None, None)


@pytest.mark.parametrize(
    ("outcomes", "proven", "detail"),
    [
        ([PASSED], True, ""),
        ([PASSED, Outcome("passed", "0.4 s of 6.1 s")], True, "0.4 s of 6.1 s"),
        ([PASSED, Outcome("failed", "test_a")], False, "failed: test_a"),
        ([PASSED, Outcome("skipped", "no mock")], False, "no mock"),
        ([PASSED, Outcome("not run", "test_b")], False, "not run: test_b"),
        ([Outcome("skipped", "no mock"), Outcome("failed", "test_a")], False, "failed: test_a"),
        ([], False, "it has no test"),
    ],
)
def test_a_claim_is_proven_only_if_all_its_tests_passed(outcomes: list[Outcome], proven: bool, detail: str) -> None:
    assert judge(Claim.STREAMS, outcomes) == (proven, detail)


def test_a_claim_that_no_test_can_prove_has_its_reason() -> None:
    assert judge(Claim.IDLE_COST, []) == (False, Claim.IDLE_COST.not_automated)


class FakeItem:
    """A collected test with its claims."""

    def __init__(self, name: str, *claims: Claim) -> None:
        self.nodeid = f"tests/smoke/test_x.py::{name}"
        self._claims = claims

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [pytest.mark.proves(*self._claims).mark] if name == "proves" else []


def report(name: str, when: Phase, outcome: State, **rest: Any) -> pytest.TestReport:
    """Return the report of one phase of a test."""
    known: dict[str, Any] = {"keywords": {}, "location": ("", 0, ""), "longrepr": None}
    return pytest.TestReport(f"tests/smoke/test_x.py::{name}", when=when, outcome=outcome, **(known | rest))


def collect(target: Target, *items: FakeItem) -> ClaimsReport:
    plugin = ClaimsReport(target)
    plugin.pytest_collection_modifyitems(cast("list[pytest.Item]", items))
    return plugin


def test_each_claim_has_one_line_with_measurement_or_reason() -> None:
    plugin = collect(ON_AWS, FakeItem("a", Claim.STREAMS, Claim.RECORDS), FakeItem("b", Claim.LONG_STREAMS))
    plugin.pytest_runtest_logreport(report("a", "setup", "passed"))
    plugin.pytest_runtest_logreport(report("a", "call", "passed", user_properties=[("STREAMS", "0.4 s of 6.1 s")]))
    plugin.pytest_runtest_logreport(report("b", "call", "skipped", longrepr=("file", 1, "Skipped: it ended after 9 s")))

    lines = plugin.format_lines()

    assert len(lines) == len(Claim)
    assert f"proven on AWS: {Claim.STREAMS.text} (0.4 s of 6.1 s)" in lines
    assert f"proven on AWS: {Claim.RECORDS.text}" in lines
    assert f"not proven: {Claim.LONG_STREAMS.text} (it ended after 9 s)" in lines


def test_a_failed_teardown_leaves_nothing_proven() -> None:
    plugin = collect(ON_AWS, FakeItem("a", Claim.STREAMS))
    plugin.pytest_runtest_logreport(report("a", "call", "passed"))
    plugin.pytest_runtest_logreport(report("a", "teardown", "failed"))

    assert f"not proven: {Claim.STREAMS.text} (failed: a)" in plugin.format_lines()


def test_a_test_that_was_collected_and_did_not_run_proves_nothing() -> None:
    plugin = collect(ON_AWS, FakeItem("a", Claim.STREAMS), FakeItem("b", Claim.STREAMS))
    plugin.pytest_runtest_logreport(report("a", "call", "passed"))

    assert f"not proven: {Claim.STREAMS.text} (not run: b)" in plugin.format_lines()


@pytest.mark.parametrize(
    ("target", "place", "notes"),
    [
        (ON_AWS, "on AWS", []),
        (ON_AWS._replace(provider_url="http://mock"), "on AWS", [MOCK_NOTE]),
        (ON_AWS._replace(base_url="https://llm.example.com/v1"), "at llm.example.com", []),
        (
            Target("http://127.0.0.1:8000/v1", "key", None, "http://127.0.0.1:1"),
            "on the local stack",
            [LOCAL_NOTE, MOCK_NOTE],
        ),
    ],
)
def test_the_report_says_where_and_what_is_emulated(target: Target, place: str, notes: list[str]) -> None:
    plugin = collect(target, FakeItem("a", Claim.STREAMS))
    plugin.pytest_runtest_logreport(report("a", "call", "passed"))

    lines = plugin.format_lines()

    assert lines[: len(notes) + 1] == [*notes, f"proven {place}: {Claim.STREAMS.text}"]
