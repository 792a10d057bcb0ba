"""CloudFormation's intrinsic functions, for the parameter values of a stack."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_PLACEHOLDER = re.compile(r"\$\{([\w:.]+)\}")
_LIST_TYPES = ("CommaDelimitedList", "List<")
_NO_VALUE = object()


class Intrinsics:
    """Resolves `Ref` of parameters, conditions, and the functions that depend on them alone.

    Args:
        template: its sections Parameters and Conditions are read.
        parameters: values that replace the defaults; pseudo parameters like `AWS::Region` have no value without.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
        self._values = defaults | dict(parameters)
        self._lists = {name for name, each in declared.items() if str(each.get("Type", "")).startswith(_LIST_TYPES)}
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._parameter,
            "Condition": self._condition,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Equals": lambda operands: self._equal(*self.resolve(operands)),
            "Fn::Not": lambda operands: not self.resolve(operands)[0],
            "Fn::And": lambda operands: all(self.resolve(operands)),
            "Fn::Or": lambda operands: any(self.resolve(operands)),
            "Fn::Join": lambda operands: operands[0].join(self.resolve(operands[1])),
            "Fn::Select": lambda operands: self.resolve(operands[1])[int(operands[0])],
            **self._further_functions(),
        }

    def resolve(self, value: Any) -> Any:
        """Return a value without intrinsic functions. Raises ValueError for an unsupported function or unknown name."""
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def _further_functions(self) -> dict[str, Callable[[Any], Any]]:
        """Return the functions that a subclass adds."""
        return {}

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self._resolve, value) if each is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, operand)] = value.items()
            # A policy has an element named Condition, which is an object.
            if name in self._functions and not (name == "Condition" and isinstance(operand, dict)):
                return self._functions[name](operand)
            if name.startswith("Fn::"):
                raise ValueError(f"cannot resolve {value}")
        resolved = {name: self._resolve(each) for name, each in value.items()}
        return {name: each for name, each in resolved.items() if each is not _NO_VALUE}

    def _parameter(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name not in self._values:
            raise ValueError(f"unknown parameter {name!r}")
        text = self._values[name]
        return [each.strip() for each in text.split(",")] if name in self._lists else text

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise ValueError(f"unknown condition {name!r}")
        return bool(self._resolve(self._conditions[name]))

    def _if(self, operands: Sequence[Any]) -> Any:
        condition, positive, negative = operands
        return self._resolve(positive if self._condition(condition) else negative)

    def _sub(self, operand: Any) -> str:
        text, variables = (operand, {}) if isinstance(operand, str) else operand
        values = {name: self.resolve(each) for name, each in variables.items()}

        def replace(placeholder: re.Match[str]) -> str:
            name = placeholder[1]
            return str(values[name] if name in values else self._parameter(name))

        return _PLACEHOLDER.sub(replace, text)

    @staticmethod
    def _equal(first: Any, second: Any) -> bool:
        """CloudFormation compares values as texts: a number equals the parameter's text."""
        return str(first) == str(second)
