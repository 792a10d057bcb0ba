"""Load the handler that `_HANDLER` names, then serve the Runtime API at `AWS_LAMBDA_RUNTIME_API`."""

import gc
import io
import os
import sys
from typing import NoReturn

from qwen_gateway.runtime.client import RuntimeApi, RuntimeApiGone
from qwen_gateway.runtime.faults import Fault
from qwen_gateway.runtime.loading import load
from qwen_gateway.runtime.loop import Handler, serve


def main() -> NoReturn:
    """Serve calls for as long as the environment lives; end with status 1 when it goes, or when INIT fails."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        if handler := _loaded(os.environ["_HANDLER"], api):
            serve(api, handler)
    except RuntimeApiGone:
        pass
    # A thread that a handler left behind would hold back sys.exit for as long as it runs.
    sys.stdout.flush()
    os._exit(1)


def _loaded(name: str, api: RuntimeApi) -> Handler | None:
    """Return the handler, or None after telling Lambda why there is none."""
    # What INIT makes lives as long as the process. A collection during imports finds next to nothing to free, and
    # frozen objects are never walked again, so that no call pauses for them.
    gc.disable()
    try:
        return load(name)
    except Exception as error:
        fault = Fault.of_init(error)
        fault.log()
        api.fail_init(fault)
        return None
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    main()
