"""Recording and failing the AWS operations of the code under test."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError


def record_aws_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each operation is appended from now on, such as `GetItem`."""
    operations: list[str] = []
    _before_each_call(monkeypatch, operations.append)
    return operations


def fail_aws_call(monkeypatch: pytest.MonkeyPatch, operation: str, failure: BotoCoreError | ClientError) -> None:
    """Raise `failure` in each call of this operation from now on."""

    def fail(name: str) -> None:
        if name == operation:
            raise failure

    _before_each_call(monkeypatch, fail)


def delay_aws_call(monkeypatch: pytest.MonkeyPatch, operation: str, released: threading.Event) -> None:
    """Let each call of this operation wait until the event is set, and then fail."""

    def wait(name: str) -> None:
        if name == operation:
            released.wait(20)
            raise ReadTimeoutError(endpoint_url="http://aws")

    _before_each_call(monkeypatch, wait)


def _before_each_call(monkeypatch: pytest.MonkeyPatch, action: Callable[[str], None]) -> None:
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def make_api_call(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        action(operation)
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
