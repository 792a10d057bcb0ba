"""Making a connection: every address of a name is tried, and all of them share one time."""

import socket
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import httpcore2
import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.upstream import Deadline, connections
from qwen_gateway.upstream.timeouts import AttemptTimeouts

NAMED = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[tuple[str, float]]:
    """Addresses with the seconds that each was given. None of them answers before its time is over."""
    attempts: list[tuple[str, float]] = []

    def connect(address: tuple[str, int], timeout: float) -> None:
        attempts.append((address[0], timeout))
        clock.now += timeout
        raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in NAMED]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", connect)
    return attempts


@pytest.fixture
def connect(clock: Clock) -> Callable[[float], Any]:
    """Connect within the seconds that the whole call has left."""

    def to_the_provider(seconds: float) -> Any:
        timeouts = AttemptTimeouts(Deadline(seconds, clock), Timeouts(connect=6), clock)
        return connections._DeadlineBackend(None).connect_tcp("provider.example", 443, timeouts)

    return to_the_provider


def test_the_addresses_of_a_name_share_the_time_to_connect(
    tried: list[tuple[str, float]], connect: Callable[[float], Any], clock: Clock
) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(60)

    assert tried == [(address, pytest.approx(2)) for address in NAMED]
    assert clock.now == pytest.approx(6)


def test_they_share_what_the_deadline_leaves(
    tried: list[tuple[str, float]], connect: Callable[[float], Any], clock: Clock
) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(0.3)

    assert clock.now == pytest.approx(0.3)


def test_the_first_address_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch, tried: list[tuple[str, float]], connect: Callable[[float], Any]
) -> None:
    connection = Mock(socket.socket)

    def answers(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append((address[0], timeout))
        if address[0] == NAMED[0]:
            raise ConnectionRefusedError
        return connection

    monkeypatch.setattr(socket, "create_connection", answers)

    assert connect(60)._socket is connection
    assert [address for address, _ in tried] == NAMED[:2]


def test_a_name_that_nobody_knows_is_a_failed_connection(
    monkeypatch: pytest.MonkeyPatch, connect: Callable[[float], Any]
) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(httpcore2.ConnectError):
        connect(60)


def test_nothing_is_tried_when_no_time_is_left(tried: list[tuple[str, float]], connect: Callable[[float], Any]) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(-1)

    assert tried == []
