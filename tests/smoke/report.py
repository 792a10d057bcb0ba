"""Prints, after the tests, which claims this run has proven and which it has not, with the reason."""

from collections.abc import Sequence

import pytest

from tests.smoke.claims import Claim, Outcome, judge
from tests.smoke.target import Target

LOCAL_NOTE = "The local stack emulates API Gateway, Lambda and the other services: this run proves nothing about AWS."
MOCK_NOTE = "The gateway calls a mock of Qwen: this run proves nothing about the models."


class ClaimsReport:
    """Pytest plugin that collects the outcome of each test and prints a line for each claim."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._outcomes: dict[str, Outcome] = {}
        self._claims: dict[str, Sequence[Claim]] = {}
        self._measurements: dict[tuple[str, str], str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the claims of every test, before `-k` deselects some."""
        for item in items:
            self._claims[item.nodeid] = [claim for mark in item.iter_markers("proves") for claim in mark.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended. A failure of a later phase replaces what the call showed."""
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self._outcomes[report.nodeid] = Outcome("failed", name)
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._outcomes[report.nodeid] = Outcome("skipped", reason.removeprefix("Skipped: "))
        elif report.when == "call":
            self._outcomes[report.nodeid] = Outcome("passed")
            self._measurements |= {(report.nodeid, name): str(text) for name, text in report.user_properties}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the claims."""
        terminalreporter.section("claims")
        for line in self.format_lines():
            terminalreporter.line(line)

    def format_lines(self) -> list[str]:
        """Return a note on what is emulated, and a line for each claim."""
        place = f" {self._target.place}"
        notes = [LOCAL_NOTE] if self._target.is_local else []
        notes += [MOCK_NOTE] if self._target.provider_url else []
        verdicts = {claim: judge(claim, self._find_outcomes(claim)) for claim in Claim}
        proven = [f"proven{place}: {claim.text}{each}" for claim, each in verdicts.items() if each.proven]
        missing = [f"not proven: {claim.text}{each}" for claim, each in verdicts.items() if not each.proven]
        return [*notes, *proven, *missing]

    def _find_outcomes(self, claim: Claim) -> list[Outcome]:
        return [self._find_outcome(test, claim) for test, claims in self._claims.items() if claim in claims]

    def _find_outcome(self, test: str, claim: Claim) -> Outcome:
        outcome = self._outcomes.get(test, Outcome("not run", test.partition("::")[2]))
        if outcome.state != "passed":
            return outcome
        return outcome._replace(detail=self._measurements.get((test, claim.name), ""))
