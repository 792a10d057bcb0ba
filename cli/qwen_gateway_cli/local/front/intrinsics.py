"""The intrinsic functions that the processed template still holds where the front reads it."""

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\$\{([\w:.]+)\}")


class Intrinsics:
    """Resolves references to parameters; nothing else stands in the API that a front needs."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
        self._values = defaults | dict(parameters)

    def text(self, value: Any) -> str:
        """Return a value as text. Raises ValueError for an intrinsic function or a name that is not known."""
        match value:
            case str() | int():
                return str(value)
            case {"Ref": str(name)}:
                return self._named(name)
            case {"Fn::Sub": str(text)}:
                return _PLACEHOLDER.sub(lambda placeholder: self._named(placeholder[1]), text)
        raise ValueError(f"the front cannot resolve {value}")

    def _named(self, name: str) -> str:
        if name not in self._values:
            raise ValueError(f"the front knows no parameter {name!r}")
        return self._values[name]
