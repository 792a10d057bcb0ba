"""What the account's settings mean."""

from typing import Any

import pytest

from qwen_gateway_cli.doctor import account
from qwen_gateway_cli.doctor.finding import State


def settings(allowed: int, unreserved: int) -> dict[str, Any]:
    return {"AccountLimit": {"ConcurrentExecutions": allowed, "UnreservedConcurrentExecutions": unreserved}}


@pytest.mark.parametrize(
    ("allowed", "unreserved", "state", "words"),
    [
        (10, 10, State.WARNING, "at most 10 calls at once; clients of others receive 503 gateway_busy"),
        (999, 999, State.WARNING, "at most 999"),
        (1_000, 1_000, State.OK, "1000"),
        (3_000, 1_000, State.OK, "1000"),
        (1_000, 100, State.WARNING, "reserved the other 900"),
    ],
)
def test_a_low_concurrency_quota_is_reported_with_its_cause(
    allowed: int, unreserved: int, state: State, words: str
) -> None:
    judged = account.judge_concurrency(settings(allowed, unreserved))

    assert (judged.state, bool(judged.advice)) == (state, state is not State.OK)
    assert words in judged.found


def test_access_logs_need_a_role() -> None:
    assert account.judge_log_role({"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"}).state is State.OK
    missing = account.judge_log_role({"throttleSettings": {}})
    assert missing.state is State.FAILED
    assert "AccessLogs=off" in missing.advice
