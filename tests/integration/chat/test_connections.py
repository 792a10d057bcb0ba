"""Connections to a provider: faulty responses, timeouts, TLS, reuse, and what the gateway sends."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qwen_gateway.upstream import connections
from tests.builders import chat_request, whole_stream
from tests.integration.chat.conftest import PROVIDER_KEY, MakeGateway
from tests.integration.chat.fake_provider import (
    HEAD,
    Behaviour,
    FakeCertificateAuthority,
    FakeProvider,
    hang,
    reset,
    respond_in_order,
    respond_with,
    run_fake_provider,
    sse_response,
)


def drip_response(response: bytes) -> Behaviour:
    def respond(connection: socket.socket, provider: FakeProvider) -> None:
        for position in range(len(response)):
            connection.sendall(response[position : position + 1])
            if provider.stopped.wait(0.05):
                return

    return respond


def respond_and_hang(response: bytes) -> Behaviour:
    def respond(connection: socket.socket, provider: FakeProvider) -> None:
        connection.sendall(response)
        hang(connection, provider)

    return respond


def flood(start: bytes, repeated: bytes) -> Behaviour:
    def respond(connection: socket.socket, provider: FakeProvider) -> None:
        connection.sendall(start)
        while not provider.stopped.is_set():
            connection.sendall(repeated)

    return respond


HTTP_500 = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
REDIRECT = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
NOT_GZIP = HEAD + b"content-encoding: gzip\r\ncontent-length: 10\r\n\r\n0123456789"
CUT_BODY = HEAD + b"content-length: 500\r\n\r\n" + whole_stream()[:100]


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        pytest.param(drip_response(HEAD * 50), 504, "provider_timeout", id="drips its headers"),
        pytest.param(respond_and_hang(b"HTTP/1.1 200 OK\r\n"), 504, "provider_timeout", id="hangs in its headers"),
        pytest.param(respond_and_hang(HTTP_500), 504, "provider_timeout", id="hangs in an error's body"),
        pytest.param(
            flood(HTTP_500.replace(b"100", b"9999999999"), b" " * 65536),
            504,
            "provider_timeout",
            id="floods an error body",
        ),
        pytest.param(flood(HEAD + b"\r\n", b": ping\n\n" * 8192), 504, "provider_timeout", id="floods comments"),
        pytest.param(reset, 503, "provider_unreachable", id="resets"),
        pytest.param(respond_with(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), 503, "provider_unreachable", id="sends no HTTP"),
        pytest.param(respond_with(REDIRECT), 502, "provider_answer_broken", id="redirects"),
        pytest.param(
            respond_with(b"HTTP/1.1 204 No Content\r\n\r\n"), 502, "provider_answer_broken", id="sends no content"
        ),
        pytest.param(respond_with(NOT_GZIP), 502, "provider_answer_broken", id="sends invalid gzip"),
        pytest.param(respond_and_hang(CUT_BODY), 504, "provider_timeout", id="hangs in its body"),
        pytest.param(
            respond_with(sse_response(b'data: {"choices": [7]}\n\n')),
            502,
            "provider_answer_broken",
            id="sends an invalid chunk",
        ),
    ],
)
def test_a_faulty_provider_fails_in_time_with_the_error_for_its_cause(
    make_gateway: MakeGateway, behaviour: Behaviour, status: int, code: str
) -> None:
    started = time.monotonic()
    with run_fake_provider(behaviour) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-gateway-attempts"] == "1"
    (record,) = gateway.records()
    assert (record["outcome"], record["attempts"][0]["charged"]) == (code, "presumed")
    assert time.monotonic() - started < 5


def test_an_event_without_end_is_a_broken_answer(make_gateway: MakeGateway) -> None:
    with run_fake_provider(flood(HEAD + b"\r\ndata: ", b"x" * 2**20)) as provider:
        # A slow machine takes more than the usual first-token timeout for 16 MiB.
        gateway = make_gateway(provider.url, more={"timeouts": {"first_token": 4, "idle": 4}})
        answer = gateway.chat(chat_request())

    assert answer.error == (502, "server_error", "provider_answer_broken")
    (record,) = gateway.records()
    assert (record["outcome"], record["attempts"][0]["charged"]) == ("provider_answer_broken", "presumed")


def test_a_redirect_is_not_followed(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_with(sse_response(whole_stream()))) as other:
        redirect = REDIRECT.replace(b"http://127.0.0.1:1/", other.url.encode())
        with run_fake_provider(respond_with(redirect)) as provider:
            make_gateway(provider.url).chat(chat_request())

        assert other.requests == []


def respond_in_chunks(connection: socket.socket, _: FakeProvider) -> None:
    """Send each event as its own chunk, and the last chunk separately."""
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for event in whole_stream().split(b"\n\n")[:-1]:
        connection.sendall(b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event))
    time.sleep(0.005)
    connection.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "behaviour", [respond_with(sse_response(whole_stream())), respond_in_chunks], ids=["sized", "chunked"]
)
def test_the_next_call_reuses_the_connection(make_gateway: MakeGateway, behaviour: Behaviour) -> None:
    with run_fake_provider(behaviour) as provider:
        gateway = make_gateway(provider.url)
        assert [gateway.chat(chat_request()).status for _ in range(3)] == [200, 200, 200]

        assert (provider.connections, len(provider.requests)) == (1, 3)


def test_a_body_left_open_after_the_last_event_delays_no_call(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_and_hang(HEAD + b"\r\n" + whole_stream())) as provider:
        gateway = make_gateway(provider.url)

        assert [gateway.chat(chat_request()).status for _ in range(2)] == [200, 200]
        assert provider.connections == 2


def test_the_call_after_a_failed_connection_succeeds(make_gateway: MakeGateway) -> None:
    with run_fake_provider(
        respond_in_order(respond_and_hang(CUT_BODY), respond_with(sse_response(whole_stream())))
    ) as provider:
        gateway = make_gateway(provider.url)

        assert [gateway.chat(chat_request()).status for _ in range(2)] == [504, 200]


def test_a_call_without_a_free_connection_in_the_pool_fails_and_sends_nothing(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    request_received, response_allowed = threading.Event(), threading.Event()

    def hold(connection: socket.socket, _: FakeProvider) -> None:
        request_received.set()
        response_allowed.wait()
        connection.sendall(sse_response(whole_stream()))

    with run_fake_provider(hold) as provider, ThreadPoolExecutor(1) as executor:
        gateway = make_gateway(provider.url, more={"timeouts": {"first_token": 30}})
        first = executor.submit(gateway.chat, chat_request(), seconds=30)
        request_received.wait()
        second = gateway.chat(chat_request())
        response_allowed.set()

        assert second.error == (503, "server_error", "provider_unreachable")
        assert gateway.record(second)["attempts"][0]["charged"] == "none"
        assert first.result().status == 200
        assert len(provider.requests) == 1


def test_the_provider_receives_its_own_key_and_no_client_headers(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_with(sse_response(whole_stream()))) as provider:
        gateway = make_gateway(provider.url)
        gateway.chat(chat_request(), headers={"x-forwarded-for": "192.0.2.77", "cookie": "session=4711"})

    (request,) = provider.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"authorization: bearer " + PROVIDER_KEY.encode() in head.lower()
    assert gateway.token.encode() not in request
    assert b"4711" not in head
    assert b"192.0.2.77" not in head
    assert json.loads(body)["model"] == "qwen-plus"


def test_a_surrogate_pair_split_over_two_chunks_is_joined(make_gateway: MakeGateway) -> None:
    halves = whole_stream("<one>", "<two>").replace(b"<one>", rb"\ud83d").replace(b"<two>", rb"\ude00")

    with run_fake_provider(respond_with(sse_response(halves))) as provider:
        answer = make_gateway(provider.url).chat(chat_request())

    assert answer.body["choices"][0]["message"]["content"] == "\N{GRINNING FACE}"


def test_a_server_with_an_untrusted_certificate_receives_no_request(
    make_gateway: MakeGateway, untrusted_ca: FakeCertificateAuthority
) -> None:
    context = untrusted_ca.create_server_context("localhost")
    with run_fake_provider(respond_with(sse_response(whole_stream())), context) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")
    assert provider.requests == []
    assert gateway.records()[0]["attempts"][0]["charged"] == "none"


def test_a_server_with_a_trusted_certificate_is_accepted(
    make_gateway: MakeGateway, trusted_ca: FakeCertificateAuthority
) -> None:
    context = trusted_ca.create_server_context("localhost")
    with run_fake_provider(respond_with(sse_response(whole_stream())), context) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 200


def test_a_trusted_certificate_for_another_host_is_rejected(
    make_gateway: MakeGateway, trusted_ca: FakeCertificateAuthority
) -> None:
    context = trusted_ca.create_server_context("other.example")
    with run_fake_provider(respond_with(sse_response(whole_stream())), context) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 503
        assert provider.requests == []
