"""Which operations of AWS were called, in order."""

from typing import Any

import pytest
from botocore.client import BaseClient


def record_aws_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that every operation from now on is added to, such as `GetItem`."""
    operations: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        operations.append(operation)
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return operations
