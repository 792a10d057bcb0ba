"""Runs all examinations at once, so that a silent provider holds up nobody, and survives whatever one of them meets."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from qwen_gateway_cli.doctor import clock
from qwen_gateway_cli.doctor.finding import Finding, State


class Examination(Protocol):
    """Checks that belong together and follow one another."""

    @property
    def subject(self) -> str:
        """Who is examined."""
        ...

    @property
    def skew(self) -> float | None:
        """By how many seconds this clock is ahead of theirs, once they answered."""
        ...

    def findings(self) -> Iterator[Finding]:
        """Ask, and judge what was answered."""
        ...


def examine(examinations: Sequence[Examination]) -> list[Finding]:
    """Return all findings in the order of the examinations; what they show of this machine's clock comes last."""
    with ThreadPoolExecutor(max_workers=max(1, len(examinations))) as pool:
        findings = [finding for found in pool.map(_carry_out, examinations) for finding in found]
    skews = {each.subject: each.skew for each in examinations if each.skew is not None}
    judged = clock.judge(skews)
    return [*findings, judged] if judged else findings


def _carry_out(examination: Examination) -> list[Finding]:
    findings: list[Finding] = []
    try:
        for finding in examination.findings():
            findings.append(finding)  # noqa: PERF402 - what was found before a check fails is kept
    except Exception as unforeseen:  # noqa: BLE001 - one check must not take the others along
        found = f"the examination itself failed: {type(unforeseen).__name__}"
        findings.append(Finding(examination.subject, "doctor", State.FAILED, found, "This is a defect of the command."))
    return findings
