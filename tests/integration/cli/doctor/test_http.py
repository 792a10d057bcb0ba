"""How the doctor asks for a list of models: directly, and never for longer or more than it wants to hear."""

import contextlib
import socket

import pytest

from qwen_gateway_cli.doctor import http
from qwen_gateway_cli.doctor.http import NoReply
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.chat.fake_provider import FakeProvider, close, hang, respond_with, run_fake_provider

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
PIECE = b"x" * 2**16


def drips(connection: socket.socket, provider: FakeProvider) -> None:
    """Send a byte each 50 ms for three seconds, or as long as somebody listens."""
    connection.sendall(HEAD + b"content-length: 60\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(60):
            provider.stopped.wait(0.05)
            connection.sendall(b" ")


def floods(connection: socket.socket, _: FakeProvider) -> None:
    """Send 32 MB that announce more."""
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        for _piece in range(512):
            connection.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))


def test_a_dripping_list_is_left() -> None:
    with run_fake_provider(drips) as provider, pytest.raises(NoReply, match="too slowly"):
        http.get_models(provider.url, "sk-any", timeout_s=0.3)


def test_a_list_without_end_is_left() -> None:
    with run_fake_provider(floods) as provider, pytest.raises(NoReply, match="too long"):
        http.get_models(provider.url, "sk-any")


def test_a_server_that_does_not_answer_is_a_timeout() -> None:
    with run_fake_provider(hang) as provider, pytest.raises(NoReply, match=r"within 0\.2 s"):
        http.get_models(provider.url, "sk-any", timeout_s=0.2)


def test_a_response_that_is_not_http_is_no_reply() -> None:
    with run_fake_provider(respond_with(b"SSH-2.0-OpenSSH_9.2\r\n")) as provider, pytest.raises(NoReply):
        http.get_models(provider.url, "sk-any", timeout_s=0.3)


def test_a_connection_that_closes_is_no_reply() -> None:
    with run_fake_provider(close) as provider, pytest.raises(NoReply):
        http.get_models(provider.url, "sk-any")


def test_a_redirection_is_not_followed_with_the_key(provider: RunningMockQwen) -> None:
    moved = f"HTTP/1.1 301 Moved\r\nlocation: {provider.url}/v1/models\r\ncontent-length: 0\r\n\r\n".encode()
    with run_fake_provider(respond_with(moved)) as elsewhere:
        assert http.get_models(elsewhere.url, "sk-any").status == 301


def test_the_operators_proxies_are_passed_by(provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert http.get_models(f"{provider.url}/v1", "sk-any").status == 200
