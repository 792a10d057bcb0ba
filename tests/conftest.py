"""Network access of the tests: none for unit tests, loopback only for all others."""

from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        elif item.get_closest_marker("enable_socket") is None:
            item.add_marker(pytest.mark.disable_socket)
