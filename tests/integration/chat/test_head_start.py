"""The first connection is made before the first call, and no call depends on it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qwen_gateway.coldstart import Prewarm
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import ProviderDisconnected, ProviderIdleDisconnected
from qwen_gateway.upstream import Deadline, Transport
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from tests.builders import whole_stream
from tests.integration.chat.authority import Authority
from tests.integration.chat.scripted import Play, Scripted, closes, event_stream, resets, says, scripted_provider

ANSWER = says(event_stream(whole_stream()))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def address(url: str) -> tuple[str, int]:
    return "localhost", int(url.rpartition(":")[2])


def ask(provider: Scripted, begun: Prewarm | None) -> bytes:
    patience = AttemptTimeouts(Deadline(5), Timeouts())
    return b"".join(Transport(begun).open(provider.url, "sk-test", {"model": "m"}, patience).pieces())


def await_connection(provider: Scripted, begun: Prewarm) -> None:
    """Wait until the thread is done, without taking its result."""
    begun._connection.result(5)


@contextmanager
def nobody() -> Iterator[str]:
    """A URL at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://localhost:{port}"


def test_the_first_call_uses_it() -> None:
    with scripted_provider(ANSWER) as provider:
        begun = Prewarm(provider.url)
        await_connection(provider, begun)

        assert ask(provider, begun) == whole_stream()
        assert provider.connections == 1


def test_over_tls_its_certificate_is_checked_and_its_handshake_made(trusted: Authority) -> None:
    with scripted_provider(ANSWER, trusted.certify("localhost")) as provider:
        begun = Prewarm(provider.url)
        await_connection(provider, begun)

        assert ask(provider, begun) == whole_stream()
        assert provider.connections == 1


@pytest.mark.parametrize("breaks", [resets, closes])
def test_one_that_breaks_when_it_is_used_says_as_little_of_the_provider_as_any_that_was_idle(breaks: Play) -> None:
    with scripted_provider(breaks) as provider:
        begun = Prewarm(provider.url)
        await_connection(provider, begun)

        with pytest.raises(ProviderIdleDisconnected):
            ask(provider, begun)
        with pytest.raises(ProviderDisconnected) as fresh:
            ask(provider, None)
        assert type(fresh.value) is ProviderDisconnected


def test_it_serves_one_call_only() -> None:
    with scripted_provider(ANSWER) as provider:
        begun = Prewarm(provider.url)

        assert begun.take(*address(provider.url), 5) is not None
        assert begun.take(*address(provider.url), 5) is None


def test_another_server_does_not_get_it() -> None:
    with scripted_provider(ANSWER) as provider, scripted_provider(ANSWER) as other:
        begun = Prewarm(provider.url)

        assert ask(other, begun) == whole_stream()
        assert begun.take(*address(provider.url), 5) is not None


def test_one_that_waited_long_for_its_call_is_not_used() -> None:
    clock = Clock()
    with scripted_provider(ANSWER) as provider:
        begun = Prewarm(provider.url, clock)
        await_connection(provider, begun)
        clock.now += 6

        assert ask(provider, begun) == whole_stream()
        assert provider.connections == 2


def test_a_call_does_not_depend_on_its_success() -> None:
    with nobody() as url:
        begun = Prewarm(url)

        assert begun.take(*address(url), 5) is None
