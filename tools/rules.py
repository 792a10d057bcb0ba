"""Check parameter values against the section `Rules` of the template, as CloudFormation does before it changes a stack.

`make deploy` calls this before it builds. Emulators ignore rules.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics


class RuleFunctions(Intrinsics):
    """Also resolves the functions that only rules have, except those that read the attributes of a resource."""

    def _further_functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Fn::Contains": lambda operands: self._contains(*self.resolve(operands)),
            "Fn::EachMemberEquals": lambda operands: self._each_equals(*self.resolve(operands)),
            "Fn::EachMemberIn": lambda operands: self._each_in(*self.resolve(operands)),
        }

    @staticmethod
    def _contains(members: list[Any], value: Any) -> bool:
        return str(value) in map(str, members)

    @staticmethod
    def _each_equals(members: list[Any], value: Any) -> bool:
        return all(str(each) == str(value) for each in members)

    @staticmethod
    def _each_in(members: list[Any], allowed: list[Any]) -> bool:
        return set(map(str, members)) <= set(map(str, allowed))


def find_violations(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """Return the description of each assertion that the parameter values violate.

    Args:
        template: the template with intrinsic functions in their long form.
        parameters: values that replace the defaults.
    """
    functions = RuleFunctions(template, parameters)
    return [text for rule in template.get("Rules", {}).values() for text in _find_violations(functions, rule)]


def _find_violations(functions: RuleFunctions, rule: Mapping[str, Any]) -> Iterator[str]:
    try:
        if not functions.resolve(rule.get("RuleCondition", True)):
            return
        for assertion in rule["Assertions"]:
            if not functions.resolve(assertion["Assert"]):
                yield assertion["AssertDescription"]
    except ValueError:
        # The rule needs what only CloudFormation knows, for example the region.
        return


def load_template(file: Path) -> dict[str, Any]:
    """Load a YAML template; `!Name` becomes `Fn::Name`."""
    template: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), _TemplateLoader)  # noqa: S506 - a safe loader
    return template


class _TemplateLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    pass


def _construct_function(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            return {name: loader.construct_mapping(node, deep=True)}


_TemplateLoader.add_multi_constructor("!", _construct_function)
