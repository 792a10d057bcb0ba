"""Whether this machine's clock agrees with those of the servers that were asked."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from qwen_gateway_cli.doctor.finding import Finding, State

SUBJECT = "this machine"
_TOLERATED_S = 30
_AWS_REFUSES_S = 300
_ADVICE = "Let this machine set its clock by NTP (timedatectl set-ntp true, or the system's date settings)."


def skew(date: str | None, asked: float, answered: float) -> float | None:
    """Return by how many seconds this clock is ahead (negative: behind) of a server's `Date`, at the least.

    The server wrote it, in whole seconds, at some moment between asking and the answer: so a slow answer is no skew.
    """
    try:
        server = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    if answered < server:
        return answered - server
    return max(0.0, asked - (server + 1))


def judge(skews: Mapping[str, float]) -> Finding | None:
    """Judge by the server that agrees best: one whose own clock is wrong says nothing about this one."""
    if not skews:
        return None
    server, ahead = min(skews.items(), key=lambda each: abs(each[1]))
    if abs(ahead) <= _TOLERATED_S:
        return Finding(SUBJECT, "clock", State.OK, f"agrees with the clock of {server}")
    words = f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'} by the clock of {server}"
    if abs(ahead) <= _AWS_REFUSES_S:
        return Finding(SUBJECT, "clock", State.WARNING, words, _ADVICE)
    return Finding(SUBJECT, "clock", State.FAILED, f"{words}; AWS refuses calls that are so far off", _ADVICE)
