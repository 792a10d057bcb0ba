"""Runs the checks of all subjects in parallel, and compares this machine's clock with those of the servers.

A subject that does not answer delays no other, and an exception in one check keeps the findings of the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Protocol

from qwen_gateway_cli.doctor.finding import Finding, State

CLOCK_SUBJECT = "this machine"
_TOLERATED_SKEW_S = 30
_AWS_MAX_SKEW_S = 300
_CLOCK_ADVICE = "Let this machine set its clock by NTP (timedatectl set-ntp true, or the system's date settings)."


class Examination(Protocol):
    """The checks of one subject, in the order in which they run."""

    @property
    def subject(self) -> str:
        """The name of what is checked."""
        ...

    @property
    def clock_skew_s(self) -> float | None:
        """Seconds by which this machine's clock is ahead of the server's, None before a response."""
        ...

    def run(self) -> Iterator[Finding]:
        """Run the checks and yield their findings."""
        ...


def run_examinations(examinations: Sequence[Examination]) -> list[Finding]:
    """Return all findings in the order of the examinations, followed by the finding on this machine's clock."""
    with ThreadPoolExecutor(max_workers=max(1, len(examinations))) as pool:
        findings = [finding for results in pool.map(_run_safely, examinations) for finding in results]
    skews = {
        examination.subject: examination.clock_skew_s
        for examination in examinations
        if examination.clock_skew_s is not None
    }
    clock = judge_clock(skews)
    return [*findings, clock] if clock else findings


def measure_clock_skew(date: str | None, sent: float, received: float) -> float | None:
    """Return the least number of seconds by which this clock is ahead of a server's (negative: behind).

    The server writes its `Date` in whole seconds, at some time between request and response. The result is 0 where
    latency alone explains the difference.

    Args:
        date: the response's Date header.
        sent: when the request was sent, in seconds since 1970 by this clock.
        received: when the response arrived, by this clock.

    Returns:
        The skew in seconds, None without a valid header.
    """
    try:
        server_time = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    if received < server_time:
        return received - server_time
    return max(0.0, sent - (server_time + 1))


def judge_clock(skews: Mapping[str, float]) -> Finding | None:
    """Judge by the smallest skew, because a server's own clock can be wrong. Return None without a response."""
    if not skews:
        return None
    server, ahead = min(skews.items(), key=lambda item: abs(item[1]))
    if abs(ahead) <= _TOLERATED_SKEW_S:
        return Finding(CLOCK_SUBJECT, "clock", State.OK, f"agrees with the clock of {server}")
    found = f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'} by the clock of {server}"
    if abs(ahead) <= _AWS_MAX_SKEW_S:
        return Finding(CLOCK_SUBJECT, "clock", State.WARNING, found, _CLOCK_ADVICE)
    found += f"; AWS refuses requests that differ by more than {_AWS_MAX_SKEW_S} s"
    return Finding(CLOCK_SUBJECT, "clock", State.FAILED, found, _CLOCK_ADVICE)


def _run_safely(examination: Examination) -> list[Finding]:
    findings: list[Finding] = []
    try:
        for finding in examination.run():
            findings.append(finding)  # noqa: PERF402 - an exception keeps the findings before it
    except Exception as error:  # noqa: BLE001 - the other examinations continue
        found = f"a check failed with an unhandled {type(error).__name__}"
        findings.append(Finding(examination.subject, "doctor", State.FAILED, found, "This is a bug of the command."))
    return findings
