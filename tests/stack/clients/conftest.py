"""Fixtures: the clients, and the requests that the provider received."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.stack.clients.openai_clients import AsyncPython, Driver, Node, OpenAiClient, Python
from tests.stack.clients.stream_readers import AiSdkReader, AsyncPythonReader, NodeReader, PythonReader, Reader

MakeOpenAiClient = Callable[[dict[str, Any]], OpenAiClient]
Records = Callable[[], list[dict[str, Any]]]
Received = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """Start the Node program."""
    driver = Driver()
    yield driver
    driver.close()


@pytest.fixture
def node(stack: dict[str, Any], driver: Driver) -> Node:
    """Return OpenAI's client for Node."""
    return Node(stack, driver)


@pytest.fixture(scope="session", params=["Python", "Python, async", "Node"])
def make_openai_client(request: pytest.FixtureRequest, driver: Driver) -> MakeOpenAiClient:
    """Return a function that makes a client for a stack, for each of OpenAI's clients in turn."""
    makers: dict[str, MakeOpenAiClient] = {
        "Python": Python,
        "Python, async": AsyncPython,
        "Node": lambda stack: Node(stack, driver),
    }
    return makers[request.param]


@pytest.fixture(scope="session")
def openai_client(make_openai_client: MakeOpenAiClient, stack: dict[str, Any]) -> OpenAiClient:
    """Return each of OpenAI's clients in turn."""
    return make_openai_client(stack)


@pytest.fixture(scope="session", params=["Python", "Python, async", "Node", "AI SDK"])
def reader(request: pytest.FixtureRequest, stack: dict[str, Any], driver: Driver) -> Reader:
    """Return each streaming client in turn."""
    makers: dict[str, Callable[[], Reader]] = {
        "Python": lambda: PythonReader(stack),
        "Python, async": lambda: AsyncPythonReader(stack),
        "Node": lambda: NodeReader(stack, driver),
        "AI SDK": lambda: AiSdkReader(stack, driver),
    }
    return makers[request.param]()


@pytest.fixture
def received(provider: httpx2.Client) -> Received:
    """Return a function that reads the bodies that the provider received."""
    return lambda: [call["body"] for call in provider.get("/_control").json()["calls"]]
