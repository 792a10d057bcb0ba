"""What all tests share: how far they may reach, which of them run together, and how many examples a property gets."""

from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
LOOPBACK = ["127.0.0.1", "::1", "localhost"]

settings.register_profile("quick", max_examples=60, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=5_000, derandomize=True, deadline=None, database=None)
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep unit tests off the network and all others on this machine, and name the group that each test runs in."""
    for item in items:
        place = item.path.relative_to(TESTS)
        if place.parts[0] != "unit":
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        elif item.get_closest_marker("enable_socket") is None:
            item.add_marker(pytest.mark.disable_socket)
        if item.get_closest_marker("xdist_group") is None:
            # A file's tests share its servers; the tests of the stack tier share one stack.
            item.add_marker(pytest.mark.xdist_group("stack" if place.parts[0] == "stack" else str(place)))
