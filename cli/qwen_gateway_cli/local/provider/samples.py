"""A value that satisfies a JSON schema: the arguments of a tool call, the answer to `response_format`."""

from typing import Any

MAX_DEPTH = 32
"""Levels after which a schema that contains itself is answered with null."""

type Schema = dict[str, Any]


def sample(schema: Schema) -> Any:
    """The plainest value that `schema` allows; the same one each time.

    Reads const, enum, $ref within the schema, anyOf, oneOf, allOf, type, properties, required, items, minItems,
    minimum and minLength. What else a schema demands (patterns, formats) is not looked at.
    """
    return _value(schema, schema, 0)


def _value(schema: Any, root: Schema, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return _value(_referred(schema["$ref"], root), root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return _value(_plainest(schema[keyword]), root, depth + 1)
    return _typed(schema, root, depth)


def _plainest(options: list[Any]) -> Any:
    """Null where it is allowed, which also ends a schema that contains itself; else the first option."""
    nulls = [option for option in options if isinstance(option, dict) and option.get("type") == "null"]
    return (nulls or options)[0]


def _typed(schema: Schema, root: Schema, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else None)
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            return [_value(schema.get("items"), root, depth + 1)] * _count(schema, "minItems")
        case "string":
            return "stand-in".ljust(_count(schema, "minLength"), ".")
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    names = [name for name in properties if name in required] if isinstance(required, list) else list(properties)
    return {name: _value(properties[name], root, depth + 1) for name in names}


def _count(schema: Schema, keyword: str) -> int:
    value = schema.get(keyword, 0)
    return value if isinstance(value, int) else 0


def _referred(reference: str, root: Schema) -> Any:
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node
