"""Web searches that a provider does not report."""

from typing import Any

import pytest

from qwen_gateway.pricing import count_searches
from qwen_gateway.usage import Usage


@pytest.mark.parametrize(
    ("searches", "body", "expected"),
    [(None, {}, None), (None, {"enable_search": True}, 1), (3, {"enable_search": True}, 3), (0, {}, 0)],
)
def test_a_search_that_is_not_counted_is_one(searches: int | None, body: dict[str, Any], expected: int | None) -> None:
    assert count_searches(Usage(7, 1, searches=searches), body).searches == expected


def test_an_answer_without_usage_has_no_searches() -> None:
    assert count_searches(Usage(), {"enable_search": True}).searches is None
