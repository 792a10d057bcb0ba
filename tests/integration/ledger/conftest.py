"""A key with a budget, and a check that AWS accepts every request of these tests, as far as its rules are known."""

from typing import Any

import botocore.client
import pytest

from tests.integration.emulated_aws import Aws
from tests.integration.ledger.key_with_ledger import Ledger
from tests.integration.ledger.strict_expressions import check_request


@pytest.fixture(autouse=True)
def _strict_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def check_and_call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        check_request(parameters)
        return call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", check_and_call)


@pytest.fixture
def ledger(aws: Aws) -> Ledger:
    """A key with a budget of 1,000."""
    return Ledger(aws, budget=1_000)
