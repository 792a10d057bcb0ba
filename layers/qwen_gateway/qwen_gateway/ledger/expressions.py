"""Requests with expressions: each alias and value that an expression uses, and no other.

DynamoDB rejects an alias or a value that no expression uses. Names are always aliases, because many are reserved words.
An alias stands for the attribute of the same name, unless `attributes` says otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qwen_gateway.ledger.dynamodb import Plain, to_item

_ALIAS = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


def expressions(
    values: Mapping[str, Plain | None], attributes: Mapping[str, str] | None = None, /, **texts: str
) -> dict[str, Any]:
    """Return the parameters of a request: its expressions, and their aliases and values.

    Args:
        values: by name without the colon; those that no expression uses are left out.
        attributes: those whose alias has another name, by that name.
        texts: the expressions by parameter, for example `ConditionExpression`.
    """
    joined = " ".join(texts.values())
    aliases = {f"#{name}": (attributes or {}).get(name, name) for name in _ALIAS.findall(joined)}
    used = {f":{name}": values[name] for name in _VALUE.findall(joined)}
    request: dict[str, Any] = {**texts, "ExpressionAttributeNames": aliases}
    if used:
        request["ExpressionAttributeValues"] = to_item(used)
    return request


class Update(NamedTuple):
    """A conditional UpdateItem: its expressions, their values, and the attributes of aliases with another name."""

    expression: str
    condition: str
    values: Mapping[str, Plain] = {}
    attributes: Mapping[str, str] = {}

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the request, without table, key and what it returns."""
        return expressions(
            self.values,
            self.attributes,
            UpdateExpression=self.expression,
            ConditionExpression=self.condition,
        ) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def update_expression(assignments: Sequence[str], removals: Sequence[str] = ()) -> str:
    """Return an update expression of SET assignments and REMOVE paths."""
    clauses = [("SET", assignments), ("REMOVE", removals)]
    return " ".join(f"{keyword} {', '.join(actions)}" for keyword, actions in clauses if actions)
