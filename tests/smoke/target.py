"""The gateway under test, from environment variables:

STACK         name of a stack on AWS; default: the running local stack
BASE_URL      base URL, if it differs from the stack's output
API_KEY       with BASE_URL: test any gateway, without the tests that read its account
PROVIDER_URL  URL of the mock provider, if the gateway does not call the real Qwen
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import boto3
import httpx2
import pytest

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli import stack, stackfile
from qwen_gateway_cli.aws_clients import create_local_client
from qwen_gateway_cli.stack import Stack

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef


FUNCTIONS = ("ChatFunction", "EmbeddingsFunction", "MessagesFunction", "ModelsFunction")
"""Logical ids of the functions."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Account(NamedTuple):
    """The account and the stack of a gateway."""

    name: str
    stack: Stack
    functions: "LambdaClient"
    provider_url: str | None = None

    def read_configuration(self, function: str) -> "FunctionConfigurationResponseTypeDef":
        """Return the configuration of the version that the alias of a function, a logical id, points to."""
        resource = self.stack.clients.cloudformation.describe_stack_resource(
            StackName=self.name, LogicalResourceId=function
        )
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        return self.functions.get_function_configuration(FunctionName=name, Qualifier="live")


class Target(NamedTuple):
    """A gateway. `base_url` ends in /v1; if `provider_url` is None, it calls the real Qwen."""

    base_url: str
    api_key: str
    account: Account | None
    provider_url: str | None

    @property
    def is_local(self) -> bool:
        """Whether the gateway, or the AWS of its account, is emulated on this machine."""
        urls = [self.base_url]
        if self.account:
            urls.append(self.account.stack.clients.cloudformation.meta.endpoint_url)
        return any(httpx2.URL(url).host in LOOPBACK for url in urls)

    @property
    def place(self) -> str:
        """Where the gateway is, for the report. Without access to its account, AWS is known by the host name only."""
        if self.is_local:
            return "on the local stack"
        host = httpx2.URL(self.base_url).host
        return "on AWS" if self.account or host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else f"at {host}"


TARGET = pytest.StashKey[Target]()
"""Key of the target in pytest's stash."""


class TargetMissing(Exception):
    """No gateway is configured and none runs here; the message tells what to set."""


@contextmanager
def find_target() -> Iterator[Target]:
    """Yield the gateway. With access to its account, create an API key and revoke it afterwards.

    Raises:
        TargetMissing: no gateway is configured and none runs here.
        CommandRefused: the stack does not exist.
    """
    base_url, api_key, provider_url = (os.environ.get(name) for name in ("BASE_URL", "API_KEY", "PROVIDER_URL"))
    if base_url and api_key:
        yield Target(base_url, api_key, None, provider_url)
        return
    account = _find_account(os.environ.get("STACK"))
    keys = KeyAdministration(account.stack.clients.dynamodb, account.stack.keys_table)
    issued = keys.create("smoke", time.time())
    try:
        yield Target(base_url or account.stack.base_url, issued.token, account, provider_url or account.provider_url)
    finally:
        keys.revoke(issued.key.id)


def _find_account(name: str | None) -> Account:
    found = stack.find_stack(name or None)
    if found is None:
        raise TargetMissing(
            "There is no gateway to test: set STACK, or BASE_URL and API_KEY, or start a local stack (make up)."
        )
    if name:
        return Account(name, found, boto3.client("lambda"))
    local = stackfile.read(stack.find_repository_root())
    assert local
    return Account(local.stack_name, found, create_local_client("lambda", local.aws_endpoint_url), local.provider_url)
