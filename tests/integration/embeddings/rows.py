"""Rows of input, their vectors in an answer, and the price of their tokens."""

from typing import Any

from tests.integration.chat.conftest import Answer

PRICE = 70_000
"""Pico-dollars of a token of text-embedding-v4 in Singapore: 0.07 dollars a million."""


def make_rows(count: int) -> list[str]:
    """Return rows of text."""
    return [f"This is row {index} of many." for index in range(count)]


def read_vectors(answer: Answer) -> list[Any]:
    """Return the vectors of an answer whose rows are in order."""
    assert [row["index"] for row in answer.body["data"]] == list(range(len(answer.body["data"])))
    return [row["embedding"] for row in answer.body["data"]]
