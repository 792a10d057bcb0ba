"""What AWS rejects in expressions and moto accepts (docs/ledger.md)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

EXPRESSIONS = ("UpdateExpression", "ConditionExpression", "KeyConditionExpression", "FilterExpression")


def check_request(parameters: Mapping[str, Any]) -> None:
    """Check the expressions of a request, or of each write of a transaction."""
    for request in _find_requests(parameters):
        texts = {name: request[name] for name in (*EXPRESSIONS, "ProjectionExpression") if name in request}
        joined = " ".join(texts.values())
        assert set(re.findall(r"#\w+", joined)) == request.get("ExpressionAttributeNames", {}).keys()
        assert set(re.findall(r":\w+", joined)) == request.get("ExpressionAttributeValues", {}).keys()
        assert not set(re.findall(r"(?<![#:\w])[a-z_]+(?!\w|\()", joined)), "a name without an alias"
        assert not any(map(_has_redundant_parentheses, texts.values()))
        assert not re.search(r" [+-] ", texts.get("ConditionExpression", "")), "arithmetic in a condition"
        for assignment in texts.get("UpdateExpression", "").partition(" REMOVE ")[0].split(", #"):
            assert len(re.findall(r" [+-] ", assignment)) <= 1, "an assignment has one operator"


def _find_requests(parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "TransactItems" not in parameters:
        yield parameters
        return
    for write in parameters["TransactItems"]:
        yield from write.values()


def _has_redundant_parentheses(text: str) -> bool:
    """Return whether parentheses stand around nothing but parentheses: `((a = b))`."""
    opened: list[int] = []
    pairs: set[tuple[int, int]] = set()
    for position, character in enumerate(text):
        if character == "(":
            opened.append(position)
        elif character == ")":
            pairs.add((opened.pop(), position))
    return any((start + 1, end - 1) in pairs for start, end in pairs)
