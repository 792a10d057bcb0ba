"""What a provider's list of models means."""

from datetime import datetime
from typing import Any

import pytest

from qwen_gateway.catalog import Retirement
from qwen_gateway_cli.doctor import models_check
from qwen_gateway_cli.doctor.finding import State
from qwen_gateway_cli.doctor.http import Reply

LIST = {"data": [{"id": "qwen-plus"}, {"id": "qwen-flash"}]}


def reply(status: int = 200, document: Any = None) -> Reply:
    return Reply(status, document, None, 0.0, 0.25)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (reply(200, LIST), State.OK, "accepted"),
        (reply(200, {"data": []}), State.OK, "accepted"),
        (reply(401, {"code": "InvalidApiKey"}), State.FAILED, "refused (status 401)"),
        (reply(400, {"error": {"code": "invalid_api_key"}}), State.FAILED, "refused (status 400)"),
        (reply(404), State.WARNING, "no list"),
        (reply(405), State.WARNING, "no list"),
        (
            reply(403, {"error": {"code": "AccessDenied", "message": "not yours"}}),
            State.FAILED,
            "AccessDenied not yours",
        ),
        (reply(500, {"error": {"code": "InternalError"}}), State.FAILED, "status 500"),
        (reply(200, None), State.FAILED, "no list"),
        (reply(200, {"models": []}), State.FAILED, "no list"),
        (reply(200, [1]), State.FAILED, "no list"),
        (reply(302), State.FAILED, "status 302"),
    ],
)
def test_the_reply_decides_whether_the_key_is_accepted(answer: Reply, state: State, words: str) -> None:
    judged = models_check.judge_key("dashscope", answer, "qwen-gateway secrets set dashscope")

    assert (judged.state, judged.latency_ms) == (state, 250)
    assert words in judged.found
    assert bool(judged.advice) == (state is not State.OK)


def test_a_rejected_key_is_reported_with_the_command_that_sets_another() -> None:
    assert "secrets set x" in models_check.judge_key("x", reply(401), "qwen-gateway secrets set x").advice


def test_entries_without_a_name_are_passed_over() -> None:
    assert models_check.parse_models(reply(200, {"data": [{"id": "a"}, {"name": "b"}, "c", None]})) == {"a"}


@pytest.mark.parametrize(
    ("listed", "routed", "known", "state", "words"),
    [
        ({"a", "b"}, [{"a"}], ["a", "b"], State.OK, "2 listed, those of the routes"),
        ({"a"}, [{"a"}, {"z", "y"}], [], State.FAILED, "y, z"),
        ({"a"}, [{"a"}], ["a", "c"], State.WARNING, "c"),
        ({"a"}, [{"a", "z"}, {"a"}], ["a"], State.WARNING, "fall back from them: z"),
        (set(), [{"a"}], [], State.FAILED, "a"),
        ({"a"}, [], [], State.OK, "1 listed: a"),
    ],
)
def test_models_of_routes_have_to_be_listed_and_those_of_the_catalog_should_be(
    listed: set[str], routed: list[set[str]], known: list[str], state: State, words: str
) -> None:
    judged = models_check.judge_models("dashscope", frozenset(listed), routed, known)

    assert (judged.state, bool(judged.advice)) == (state, state is not State.OK)
    assert words in judged.found


def test_a_long_list_is_cut() -> None:
    many = frozenset(f"m{number}" for number in range(9))
    assert "and 4 more" in models_check.judge_models("x", many, [{"z"}], []).advice


def test_retirements_are_a_warning_with_dates_and_successors() -> None:
    date = datetime.fromisoformat("2026-10-10T00:00:00+08:00")
    retirements = {"a": Retirement(date, "b"), "c": Retirement(date, None)}

    finding = models_check.judge_retirements("dashscope", retirements, ["a"])

    assert finding
    assert (finding.check, finding.state) == ("retirement", State.WARNING)
    assert finding.found == "a was retired on 2026-10-10 (successor: b); c will be retired on 2026-10-10"
    assert "[routes]" in finding.advice
    assert models_check.judge_retirements("dashscope", {}, []) is None
