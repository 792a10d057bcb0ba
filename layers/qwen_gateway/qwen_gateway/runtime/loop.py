"""The loop: take a call, let the handler answer it, post the answer."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from qwen_gateway.runtime.client import Invocation, RuntimeApi
from qwen_gateway.runtime.context import Context, context_of
from qwen_gateway.runtime.faults import Fault

type Handler = Callable[[Any, Context], Any]


def serve(api: RuntimeApi, handler: Handler) -> NoReturn:
    """Serve one call after the other. Raises RuntimeApiGone at the end of the environment's life.

    A handler's exception fails its call and the loop goes on. SystemExit and KeyboardInterrupt pass: on Lambda a
    handler that exits takes its environment with it.
    """
    while True:
        invocation = api.next()
        _show_trace(invocation.trace_id)
        try:
            answer = _answer(handler, invocation)
        except Exception as error:
            fault = Fault.of_call(error)
            fault.log(invocation.request_id)
            _flush()
            api.fail(invocation.request_id, fault)
        else:
            _flush()
            api.respond(invocation.request_id, answer)


def _answer(handler: Handler, invocation: Invocation) -> bytes:
    answer = handler(json.loads(invocation.event), context_of(invocation))
    # ASCII, because half a surrogate pair, which models do send, has no UTF-8 form but an escape.
    return json.dumps(answer, allow_nan=False).encode("ascii")


def _show_trace(trace_id: str | None) -> None:
    """Put the call's X-Ray header where the SDKs look for it."""
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


def _flush() -> None:
    # Lambda may freeze the process as soon as the answer is posted.
    sys.stdout.flush()
    sys.stderr.flush()
