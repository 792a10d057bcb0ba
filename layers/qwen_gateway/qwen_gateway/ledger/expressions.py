"""Requests with expressions: each alias and value that an expression uses, and no other.

DynamoDB rejects an alias or a value that no expression uses. Names are always aliases, because many are reserved words.
An alias stands for the attribute of the same name, unless `names` says otherwise.
"""

import re
from collections.abc import Mapping
from typing import Any

from qwen_gateway.ledger.dynamodb import Plain, to_item

_ALIAS = re.compile(r"#\w+")
_VALUE = re.compile(r":\w+")


def update_expression(assignments: list[str], removals: list[str]) -> str:
    """Return an update expression of SET assignments and REMOVE paths."""
    clauses = [("SET", assignments), ("REMOVE", removals)]
    return " ".join(f"{keyword} {', '.join(actions)}" for keyword, actions in clauses if actions)


def expressions(
    values: Mapping[str, Plain | None], names: Mapping[str, str] | None = None, /, **texts: str
) -> dict[str, Any]:
    """Return the parameters of a request: its expressions, and their aliases and values.

    Args:
        values: by name with the colon; those that no expression uses are left out.
        names: attributes of aliases whose name is not the attribute's, by alias with the number sign.
        texts: the expressions by parameter, for example `ConditionExpression`.
    """
    joined = " ".join(texts.values())
    aliases = {alias: (names or {}).get(alias, alias[1:]) for alias in _ALIAS.findall(joined)}
    used = {name: values[name] for name in _VALUE.findall(joined)}
    request: dict[str, Any] = {**texts, "ExpressionAttributeNames": aliases}
    if used:
        request["ExpressionAttributeValues"] = to_item(used)
    return request
