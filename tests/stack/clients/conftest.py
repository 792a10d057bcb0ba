"""The clients, and what the provider received from them."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.stack.clients.official import AsyncPython, Driver, Node, Official, Python

Received = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """Return the Node program."""
    driver = Driver()
    yield driver
    driver.close()


@pytest.fixture
def node(stack: dict[str, Any], driver: Driver) -> Node:
    """Return OpenAI's client for Node."""
    return Node(stack, driver)


@pytest.fixture(params=["Python", "Python, awaited", "Node"])
def official(request: pytest.FixtureRequest, stack: dict[str, Any]) -> Official:
    """Return each of OpenAI's clients in turn."""
    if request.param == "Node":
        node: Node = request.getfixturevalue("node")
        return node
    return Python(stack) if request.param == "Python" else AsyncPython(stack)


@pytest.fixture
def received(provider: httpx2.Client) -> Received:
    """Return a function that reads the bodies which reached the provider."""
    return lambda: [call["body"] for call in provider.get("/_control").json()["calls"]]
