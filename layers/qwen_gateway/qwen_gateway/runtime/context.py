"""The context object: what a handler may know of its call, under the names of the managed runtime."""

import json
import os
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

from qwen_gateway.runtime.client import Invocation


class Identity(NamedTuple):
    """The Cognito identity of the caller; API Gateway never gives one."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class ClientContext(NamedTuple):
    """What a mobile SDK says of itself."""

    client: SimpleNamespace | None
    custom: dict[str, Any] | None
    env: dict[str, Any] | None


class Context(NamedTuple):
    """The second argument of a handler."""

    aws_request_id: str
    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    """A string, as in the managed runtime."""
    log_group_name: str | None
    log_stream_name: str | None
    identity: Identity
    client_context: ClientContext | None
    deadline_ms: int
    """Milliseconds since the epoch."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the call, never less than 0."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def context_of(invocation: Invocation) -> Context:
    """Join the call with what the environment says of the function."""
    return Context(
        aws_request_id=invocation.request_id,
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=invocation.function_arn,
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
        log_stream_name=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
        identity=_identity(invocation.identity),
        client_context=_client_context(invocation.client_context),
        deadline_ms=invocation.deadline_ms,
    )


def _identity(text: str | None) -> Identity:
    if text is None:
        return Identity()
    given = json.loads(text)
    return Identity(given.get("cognitoIdentityId"), given.get("cognitoIdentityPoolId"))


def _client_context(text: str | None) -> ClientContext | None:
    if text is None:
        return None
    given = json.loads(text)
    client = given.get("client")
    return ClientContext(
        client=None if client is None else SimpleNamespace(**client),
        custom=given.get("custom"),
        env=given.get("env"),
    )
