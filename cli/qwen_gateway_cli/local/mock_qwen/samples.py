"""Sample values for a JSON schema: arguments of a tool call, and content for `response_format`."""

from typing import Any

MAX_DEPTH = 32
"""Levels after which a recursive schema gets null."""

type Schema = dict[str, Any]


def build_sample(schema: Schema) -> Any:
    """Return a minimal, deterministic value for `schema`.

    Supports const, enum, $ref within the schema, anyOf, oneOf, allOf, type, properties, required, items, minItems,
    minimum and minLength. Other keywords (pattern, format) are ignored.
    """
    return _build_value(schema, schema, 0)


def _build_value(schema: Any, root: Schema, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return _build_value(_resolve_reference(schema["$ref"], root), root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return _build_value(_choose_option(schema[keyword]), root, depth + 1)
    return _build_typed_value(schema, root, depth)


def _choose_option(options: list[Any]) -> Any:
    """Return the null option, which also ends a recursive schema, or else the first one."""
    nulls = [option for option in options if isinstance(option, dict) and option.get("type") == "null"]
    return (nulls or options)[0]


def _build_typed_value(schema: Schema, root: Schema, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else None)
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            return _build_object(schema, root, depth)
        case "array":
            return [_build_value(schema.get("items"), root, depth + 1)] * _read_count(schema, "minItems")
        case "string":
            return "mock".ljust(_read_count(schema, "minLength"), ".")
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def _build_object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    names = [name for name in properties if name in required] if isinstance(required, list) else list(properties)
    return {name: _build_value(properties[name], root, depth + 1) for name in names}


def _read_count(schema: Schema, keyword: str) -> int:
    value = schema.get(keyword, 0)
    return value if isinstance(value, int) else 0


def _resolve_reference(reference: str, root: Schema) -> Any:
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node
