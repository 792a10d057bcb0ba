"""The handler's name, as the template gives it, to the function itself."""

import importlib

from qwen_gateway.runtime.loop import Handler


def load(name: str) -> Handler:
    """Import `package.module.function` and return the function.

    Raises whatever the import raises, AttributeError when the module has no such function, ValueError when the name
    has no dot.
    """
    module, dot, function = name.rpartition(".")
    if not dot:
        raise ValueError(f"the handler {name!r} must have the form module.function")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler
