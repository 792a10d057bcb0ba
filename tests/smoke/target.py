"""Which gateway is examined. Its environment says it:

STACK         a stack on AWS by its name; without one, the local stack that runs
BASE_URL      where it answers, when its output does not say so
API_KEY       together with BASE_URL: any gateway; what only its account can tell is then left out
PROVIDER_URL  the stand-in that it calls, when that is not the real Qwen
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import boto3
import pytest

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli import stack
from qwen_gateway_cli.local import aws, stackfile
from qwen_gateway_cli.stack import Stack

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class Account(NamedTuple):
    """Where a gateway is deployed."""

    name: str
    stack: Stack
    functions: "LambdaClient"
    provider_url: str | None = None


class Target(NamedTuple):
    """A gateway. `base_url` ends in /v1; without `provider_url` it calls the real Qwen."""

    base_url: str
    api_key: str
    account: Account | None
    provider_url: str | None


TARGET = pytest.StashKey[Target]()
"""Where pytest keeps it."""


class TargetMissing(Exception):
    """Nothing says which gateway is meant; the message says how."""


@contextmanager
def find_target() -> Iterator[Target]:
    """Find the gateway. In an account it is given a key of its own, which is revoked afterwards.

    Raises:
        TargetMissing: none is named and none runs here.
        CommandRefused: there is no such stack.
    """
    base_url, api_key, provider_url = (os.environ.get(name) for name in ("BASE_URL", "API_KEY", "PROVIDER_URL"))
    if base_url and api_key:
        yield Target(base_url, api_key, None, provider_url)
        return
    account = _account(os.environ.get("STACK"))
    keys = KeyAdministration(account.stack.clients.dynamodb, account.stack.keys_table)
    issued = keys.create("smoke", time.time())
    try:
        yield Target(base_url or account.stack.base_url, issued.token, account, provider_url or account.provider_url)
    finally:
        keys.revoke(issued.settings.id)


def _account(name: str | None) -> Account:
    found = stack.find(name or None)
    if found is None:
        raise TargetMissing(
            "Nothing to examine: name STACK, or BASE_URL and API_KEY, or start a local stack (make up)."
        )
    if name:
        return Account(name, found, boto3.client("lambda"))
    local = stackfile.read(stack.repository_root())
    assert local
    return Account(local.stack_name, found, aws.client("lambda", local.aws_endpoint_url), local.provider_url)
