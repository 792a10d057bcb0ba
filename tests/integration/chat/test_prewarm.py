"""`Prewarm` opens the first connection before the first call. No call depends on its success."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qwen_gateway.coldstart import Prewarm
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import ProviderDisconnected, ProviderIdleDisconnected
from qwen_gateway.upstream import Deadline, Transport
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.transport import Address
from tests.builders import whole_stream
from tests.integration.chat.fake_provider import (
    Behaviour,
    FakeCertificateAuthority,
    FakeProvider,
    close,
    reset,
    respond_with,
    run_fake_provider,
    sse_response,
)

RESPONSE = respond_with(sse_response(whole_stream()))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def parse_address(url: str) -> tuple[str, int]:
    return "localhost", int(url.rpartition(":")[2])


def call(provider: FakeProvider, prewarm: Prewarm | None) -> bytes:
    timeouts, address = AttemptTimeouts(Deadline(5), Timeouts()), Address("openai", provider.url, CHAT.path)
    return b"".join(Transport(prewarm).open(address, "sk-test", {"model": "m"}, timeouts).pieces())


def await_connection(provider: FakeProvider, prewarm: Prewarm) -> None:
    """Wait until the connection is open, without taking it."""
    prewarm._connection.result(5)


@contextmanager
def unreachable_url() -> Iterator[str]:
    """Yield a URL on whose port no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://localhost:{port}"


def test_the_first_call_uses_the_prewarmed_connection() -> None:
    with run_fake_provider(RESPONSE) as provider:
        prewarm = Prewarm(provider.url)
        await_connection(provider, prewarm)

        assert call(provider, prewarm) == whole_stream()
        assert provider.connections == 1


def test_with_tls_the_handshake_is_done_and_the_certificate_verified(trusted_ca: FakeCertificateAuthority) -> None:
    with run_fake_provider(RESPONSE, trusted_ca.create_server_context("localhost")) as provider:
        prewarm = Prewarm(provider.url)
        await_connection(provider, prewarm)

        assert call(provider, prewarm) == whole_stream()
        assert provider.connections == 1


@pytest.mark.parametrize("behaviour", [reset, close])
def test_a_prewarmed_connection_that_breaks_on_use_raises_the_error_of_an_idle_connection(behaviour: Behaviour) -> None:
    with run_fake_provider(behaviour) as provider:
        prewarm = Prewarm(provider.url)
        await_connection(provider, prewarm)

        with pytest.raises(ProviderIdleDisconnected):
            call(provider, prewarm)
        with pytest.raises(ProviderDisconnected) as without_prewarm:
            call(provider, None)
        assert type(without_prewarm.value) is ProviderDisconnected


def test_the_connection_is_taken_only_once() -> None:
    with run_fake_provider(RESPONSE) as provider:
        prewarm = Prewarm(provider.url)

        assert prewarm.take(*parse_address(provider.url), 5) is not None
        assert prewarm.take(*parse_address(provider.url), 5) is None


def test_a_call_to_another_server_does_not_take_the_connection() -> None:
    with run_fake_provider(RESPONSE) as provider, run_fake_provider(RESPONSE) as other:
        prewarm = Prewarm(provider.url)

        assert call(other, prewarm) == whole_stream()
        assert prewarm.take(*parse_address(provider.url), 5) is not None


def test_a_connection_older_than_5_seconds_is_not_used() -> None:
    clock = Clock()
    with run_fake_provider(RESPONSE) as provider:
        prewarm = Prewarm(provider.url, clock)
        await_connection(provider, prewarm)
        clock.now += 6

        assert call(provider, prewarm) == whole_stream()
        assert provider.connections == 2


def test_a_failed_prewarm_yields_no_connection() -> None:
    with unreachable_url() as url:
        prewarm = Prewarm(url)

        assert prewarm.take(*parse_address(url), 5) is None
