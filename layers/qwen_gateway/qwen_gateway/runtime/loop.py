"""The loop: take a call, let the handler answer it, post the answer."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from qwen_gateway.runtime.client import Invocation, RuntimeApi
from qwen_gateway.runtime.context import Context, context_of
from qwen_gateway.runtime.faults import Fault
from qwen_gateway.runtime.streaming import Response, Streaming, response_of

type Handler = Callable[[Any, Context], Any]

_LAST = 1.0
"""Seconds of a call that a slow reader may not have: what follows the last write needs them."""


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
            _post(api, invocation, answer)


def _answer(handler: Handler, invocation: Invocation) -> bytes | Response:
    event, context = json.loads(invocation.event), context_of(invocation)
    if not isinstance(handler, Streaming):
        # ASCII, because half a surrogate pair, which models do send, has no UTF-8 form but an escape.
        return json.dumps(handler(event, context), allow_nan=False).encode("ascii")
    if not (isinstance(event, dict) and "httpMethod" in event):
        # Lambda has been seen to send streaming functions notices of its own.
        return b"null"
    return response_of(handler.begin(event, context))


def _post(api: RuntimeApi, invocation: Invocation, answer: bytes | Response) -> None:
    if isinstance(answer, Response):
        _stream(api, invocation, answer)
    else:
        _flush()
        api.respond(invocation.request_id, answer)


def _stream(api: RuntimeApi, invocation: Invocation, response: Response) -> None:
    """Send a response while it is made. It is read to its end, sent or not: its end keeps the books."""
    outgoing = api.stream(invocation.request_id, lambda: invocation.deadline_ms / 1000 - time.time() - _LAST)
    outgoing.head(response.head)
    fault: Fault | None = None
    with outgoing.filling_quiet(response.ping):
        try:
            for chunk in response.chunks:
                outgoing.send(chunk)
        except Exception as error:
            fault = Fault.of_call(error)
            fault.log(invocation.request_id)
    _flush()
    outgoing.end(fault)
    api.finish(invocation.request_id, outgoing)


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
