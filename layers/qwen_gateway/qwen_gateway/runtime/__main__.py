"""Load the handler named by `_HANDLER`, then serve the Runtime API at `AWS_LAMBDA_RUNTIME_API`."""

import gc
import importlib
import io
import os
import sys
from typing import NoReturn

from qwen_gateway.runtime.invocation_error import InvocationError
from qwen_gateway.runtime.loop import Handler, serve
from qwen_gateway.runtime.runtime_api import RuntimeApi, RuntimeApiGone
from qwen_gateway.runtime.support import check_environment


def main() -> NoReturn:
    """Serve invocations until the environment is shut down or INIT fails; then exit with status 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        if handler := _initialize(os.environ["_HANDLER"], api):
            serve(api, handler)
    except RuntimeApiGone:
        pass
    # sys.exit would wait for threads that a handler left running.
    sys.stdout.flush()
    os._exit(1)


def _initialize(name: str, api: RuntimeApi) -> Handler | None:
    """Return the handler, or report an INIT error and return None."""
    # Objects made during INIT live as long as the process. A collection during imports finds next to nothing to free,
    # and frozen objects are skipped by later collections, so invocations have no pauses for them.
    gc.disable()
    try:
        check_environment()
        return _load_handler(name)
    except Exception as failure:
        error = InvocationError.from_init(failure)
        error.log()
        api.fail_init(error)
        return None
    finally:
        gc.freeze()
        gc.enable()


def _load_handler(name: str) -> Handler:
    """Import `package.module.function` and return the function.

    Raises:
        ValueError: the name has no dot.
        AttributeError: the module has no such function.
        Exception: whatever the import raises.
    """
    module, dot, function = name.rpartition(".")
    if not dot:
        raise ValueError(f"the handler {name!r} must have the form module.function")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler


if __name__ == "__main__":
    main()
