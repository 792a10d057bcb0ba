"""Opening a connection: each address of a host name is attempts, within one timeout for all."""

import socket
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import httpcore2
import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.upstream import Deadline, connections
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from tests.unit.upstream.fakes import FakeClock

# Every test patches what would open a socket. pytest-socket's guard, in place of it, would be restored after the test.
pytestmark = pytest.mark.enable_socket

ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> list[tuple[str, float]]:
    """Return the list of attempts addresses, each with its timeout in seconds. Every attempt times out."""
    attempts: list[tuple[str, float]] = []

    def connect(address: tuple[str, int], timeout: float) -> None:
        attempts.append((address[0], timeout))
        clock.now += timeout
        raise TimeoutError

    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ADDRESSES]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)
    monkeypatch.setattr(socket, "create_connection", connect)
    return attempts


@pytest.fixture
def connect(clock: FakeClock) -> Callable[[float], Any]:
    """Return a function that connects within the given seconds until the deadline."""

    def connect_tcp(seconds: float) -> Any:
        timeouts = AttemptTimeouts(Deadline(seconds, clock), Timeouts(connect=6), clock)
        return connections._DeadlineBackend(None).connect_tcp("provider.example", 443, timeouts)

    return connect_tcp


def test_the_addresses_of_a_name_share_the_connect_timeout(
    attempts: list[tuple[str, float]], connect: Callable[[float], Any], clock: FakeClock
) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(60)

    assert attempts == [(address, pytest.approx(2)) for address in ADDRESSES]
    assert clock.now == pytest.approx(6)


def test_the_addresses_share_the_time_until_the_deadline(
    attempts: list[tuple[str, float]], connect: Callable[[float], Any], clock: FakeClock
) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(0.3)

    assert clock.now == pytest.approx(0.3)


def test_the_first_address_that_accepts_is_used(
    monkeypatch: pytest.MonkeyPatch, attempts: list[tuple[str, float]], connect: Callable[[float], Any]
) -> None:
    connection = Mock(socket.socket)

    def connect_second(address: tuple[str, int], timeout: float) -> socket.socket:
        attempts.append((address[0], timeout))
        if address[0] == ADDRESSES[0]:
            raise ConnectionRefusedError
        return connection

    monkeypatch.setattr(socket, "create_connection", connect_second)

    assert connect(60)._socket is connection
    assert [address for address, _ in attempts] == ADDRESSES[:2]


def test_an_unknown_host_name_is_a_connect_error(
    monkeypatch: pytest.MonkeyPatch, connect: Callable[[float], Any]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(httpcore2.ConnectError):
        connect(60)


def test_no_address_is_tried_after_the_deadline(
    attempts: list[tuple[str, float]], connect: Callable[[float], Any]
) -> None:
    with pytest.raises(httpcore2.ConnectTimeout):
        connect(-1)

    assert attempts == []
