"""The committed document."""

import pytest

from tests.contract.openapi.described import Described, committed


@pytest.fixture(scope="session")
def described() -> Described:
    """Return docs/openapi.json."""
    return committed()
