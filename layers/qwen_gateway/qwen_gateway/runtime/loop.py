"""The loop: fetch an invocation, call the handler, post the response."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from qwen_gateway.runtime.invocation_error import InvocationError
from qwen_gateway.runtime.runtime_api import Invocation, RuntimeApi
from qwen_gateway.runtime.streaming import StreamedResponse, StreamingHandler

type Handler = Callable[[Any, Context], Any]

_RESERVED = 1.5
"""Seconds of an invocation that are kept back from a slow reader, for the work after the last write."""


class Context(NamedTuple):
    """The second argument of a handler.

    The attributes have the names of the managed runtime, without `identity` and `client_context`, which API Gateway
    never sets.
    """

    aws_request_id: str
    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    """A string, as in the managed runtime."""
    log_group_name: str | None
    log_stream_name: str | None
    deadline_ms: int
    """Milliseconds since the epoch."""

    @classmethod
    def of(cls, invocation: Invocation) -> "Context":
        """Build the context from an invocation and the environment variables that Lambda sets."""
        return cls(
            aws_request_id=invocation.request_id,
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            invoked_function_arn=invocation.function_arn,
            memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
            log_stream_name=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
            deadline_ms=invocation.deadline_ms,
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation, never less than 0."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def serve(api: RuntimeApi, handler: Handler) -> NoReturn:
    """Serve one invocation after the other.

    An exception of the handler fails its invocation and the loop continues. SystemExit and KeyboardInterrupt end the
    process, as in the managed runtime.

    Raises:
        RuntimeApiGone: the environment is being shut down.
    """
    while True:
        invocation = api.next()
        _set_trace_id(invocation.trace_id)
        try:
            response = _call(handler, invocation)
        except Exception as failure:
            error = InvocationError.from_invocation(failure)
            error.log(invocation.request_id)
            _flush()
            api.fail(invocation.request_id, error)
        else:
            _post(api, invocation, response)


def _call(handler: Handler, invocation: Invocation) -> bytes | StreamedResponse:
    event, context = json.loads(invocation.event), Context.of(invocation)
    if not isinstance(handler, StreamingHandler):
        # ASCII, because half a surrogate pair, which models do send, can be written only as an escape.
        return json.dumps(handler(event, context), allow_nan=False).encode("ascii")
    if not (isinstance(event, dict) and "httpMethod" in event):
        # Lambda has been observed to send notifications that are no requests to streaming functions.
        return b"null"
    return StreamedResponse.of(handler.function(event, context))


def _post(api: RuntimeApi, invocation: Invocation, response: bytes | StreamedResponse) -> None:
    if isinstance(response, StreamedResponse):
        _stream(api, invocation, response)
    else:
        _flush()
        api.respond(invocation.request_id, response)


def _stream(api: RuntimeApi, invocation: Invocation, response: StreamedResponse) -> None:
    """Send a response while it is produced.

    The chunks are read to the end also when they can no longer be sent: the usage record is written at the end.
    """
    writer = api.stream(invocation.request_id, lambda: invocation.deadline_ms / 1000 - time.time() - _RESERVED)
    writer.send_prelude(response.prelude)
    error: InvocationError | None = None
    with writer.keep_alive(response.ping_s):
        try:
            for chunk in response.chunks:
                writer.send(chunk)
        except Exception as failure:
            error = InvocationError.from_invocation(failure)
            error.log(invocation.request_id)
    _flush()
    writer.end(error)
    api.finish(invocation.request_id, writer)


def _set_trace_id(trace_id: str | None) -> None:
    """Set the environment variable from which the AWS SDKs read the X-Ray header."""
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


def _flush() -> None:
    # Lambda may freeze the process as soon as the response is posted. A lost log line does not fail the call.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
