"""Every request of these tests is one that AWS accepts, as far as its rules are known."""

from typing import Any

import botocore.client
import pytest

from tests.integration.ledger.strict_expressions import check_request


@pytest.fixture(autouse=True)
def _strict_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def check_and_call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        check_request(parameters)
        return call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", check_and_call)
