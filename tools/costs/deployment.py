"""The resources that a deployment creates: those whose condition holds for its parameters."""

from collections.abc import Mapping
from typing import Any

Template = Mapping[str, Any]


def list_resources(template: Template, parameters: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the resources of a deployment with these parameters, and defaults for the others.

    Raises:
        ValueError: a condition uses an unsupported function.
    """
    defaults = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    values = defaults | dict(parameters)
    return [
        each
        for each in template["Resources"].values()
        if "Condition" not in each or _holds({"Condition": each["Condition"]}, template, values)
    ]


def _holds(condition: Any, template: Template, values: Mapping[str, str]) -> bool:
    match condition:
        case {"Condition": str(name)}:
            return _holds(template["Conditions"][name], template, values)
        case {"Fn::Equals": [left, right]}:
            return _resolve(left, values) == _resolve(right, values)
        case {"Fn::Not": [inner]}:
            return not _holds(inner, template, values)
        case {"Fn::And": list(parts)}:
            return all(_holds(each, template, values) for each in parts)
        case {"Fn::Or": list(parts)}:
            return any(_holds(each, template, values) for each in parts)
    raise ValueError(f"tools/costs cannot evaluate the condition {condition}")


def _resolve(operand: Any, values: Mapping[str, str]) -> str:
    return values.get(operand["Ref"], operand["Ref"]) if isinstance(operand, dict) else str(operand)
