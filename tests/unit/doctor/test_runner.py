"""What a server's Date header says of this machine's clock."""

import pytest

from qwen_gateway_cli.doctor import runner
from qwen_gateway_cli.doctor.finding import State

DATE, AT = "Tue, 24 Nov 2026 12:00:00 GMT", 1_795_521_600.0


@pytest.mark.parametrize(
    ("asked", "answered", "ahead"),
    [
        (AT + 0.2, AT + 0.9, 0),
        (AT - 9, AT + 9, 0),
        (AT - 9, AT + 0.5, 0),
        (AT + 0.9, AT + 9, 0),
        (AT + 61, AT + 62, 60),
        (AT - 62, AT - 60, -60),
    ],
)
def test_only_a_difference_beyond_the_latency_is_clock_skew(asked: float, answered: float, ahead: float) -> None:
    assert runner.measure_clock_skew(DATE, asked, answered) == pytest.approx(ahead)


@pytest.mark.parametrize("date", [None, "", "soon", "99", "Tue, 99 Nov 2026 12:00:00 GMT"])
def test_without_a_date_the_skew_is_unknown(date: str | None) -> None:
    assert runner.measure_clock_skew(date, AT, AT) is None


@pytest.mark.parametrize(
    ("skews", "state", "words"),
    [
        ({"aws": 0.0}, State.OK, "aws"),
        ({"aws": 0.0, "ollama": 9_000.0}, State.OK, "aws"),
        ({"aws": -31.0}, State.WARNING, "31 s behind"),
        ({"aws": 299.0, "dashscope": 305.0}, State.WARNING, "299 s ahead"),
        ({"dashscope": 301.0}, State.FAILED, "AWS refuses"),
    ],
)
def test_the_server_that_agrees_best_is_believed(skews: dict[str, float], state: State, words: str) -> None:
    judged = runner.judge_clock(skews)

    assert judged is not None
    assert (judged.state, bool(judged.advice)) == (state, state is not State.OK)
    assert words in judged.found


def test_without_a_reply_the_skew_is_unknown() -> None:
    assert runner.judge_clock({}) is None
