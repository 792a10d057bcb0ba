"""A provider with bad manners: every wait ends, every failure has its name, and a good connection is kept."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qwen_gateway.upstream import connections
from tests.builders import chat_request, whole_stream
from tests.integration.chat.conftest import PROVIDER_KEY, MakeGateway
from tests.integration.chat.scripted import (
    HEAD,
    Play,
    Scripted,
    event_stream,
    hangs,
    one_after_another,
    resets,
    says,
    scripted_provider,
)


def drips(answer: bytes) -> Play:
    def play(connection: socket.socket, provider: Scripted) -> None:
        for position in range(len(answer)):
            connection.sendall(answer[position : position + 1])
            if provider.over.wait(0.05):
                return

    return play


def says_and_hangs(answer: bytes) -> Play:
    def play(connection: socket.socket, provider: Scripted) -> None:
        connection.sendall(answer)
        hangs(connection, provider)

    return play


def floods(start: bytes, again: bytes) -> Play:
    def play(connection: socket.socket, provider: Scripted) -> None:
        connection.sendall(start)
        while not provider.over.is_set():
            connection.sendall(again)

    return play


REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
REDIRECT = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
NOT_GZIP = HEAD + b"content-encoding: gzip\r\ncontent-length: 10\r\n\r\n0123456789"
CUT_BODY = HEAD + b"content-length: 500\r\n\r\n" + whole_stream()[:100]


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        pytest.param(drips(HEAD * 50), 504, "provider_timeout", id="drips its headers"),
        pytest.param(says_and_hangs(b"HTTP/1.1 200 OK\r\n"), 504, "provider_timeout", id="hangs in its headers"),
        pytest.param(says_and_hangs(REFUSAL), 504, "provider_timeout", id="hangs in an error's body"),
        pytest.param(
            floods(REFUSAL.replace(b"100", b"9999999999"), b" " * 65536), 504, "provider_timeout", id="floods an error"
        ),
        pytest.param(floods(HEAD + b"\r\n", b": ping\n\n" * 8192), 504, "provider_timeout", id="floods comments"),
        pytest.param(floods(HEAD + b"\r\ndata: ", b"x" * 65536), 502, "provider_answer_broken", id="event without end"),
        pytest.param(resets, 503, "provider_unreachable", id="resets"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), 503, "provider_unreachable", id="speaks no HTTP"),
        pytest.param(says(REDIRECT), 502, "provider_answer_broken", id="redirects"),
        pytest.param(says(b"HTTP/1.1 204 No Content\r\n\r\n"), 502, "provider_answer_broken", id="says nothing"),
        pytest.param(says(NOT_GZIP), 502, "provider_answer_broken", id="no gzip"),
        pytest.param(says_and_hangs(CUT_BODY), 504, "provider_timeout", id="hangs in its body"),
        pytest.param(says(event_stream(b'data: {"choices": [7]}\n\n')), 502, "provider_answer_broken", id="wrong form"),
    ],
)
def test_bad_manners_are_told_by_their_cause_in_time(
    make_gateway: MakeGateway, play: Play, status: int, code: str
) -> None:
    started = time.monotonic()
    with scripted_provider(play) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-gateway-attempts"] == "1"
    (record,) = gateway.records()
    assert (record["outcome"], record["attempts"][0]["charged"]) == (code, "presumed")
    assert time.monotonic() - started < 5


def test_a_redirect_is_not_followed_with_the_key(make_gateway: MakeGateway) -> None:
    with scripted_provider(says(event_stream(whole_stream()))) as other:
        elsewhere = REDIRECT.replace(b"http://127.0.0.1:1/", other.url.encode())
        with scripted_provider(says(elsewhere)) as provider:
            make_gateway(provider.url).chat(chat_request())

        assert other.requests == []


def chunked(connection: socket.socket, _: Scripted) -> None:
    """Send each event as a chunk of its own, and the last chunk apart."""
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for event in whole_stream().split(b"\n\n")[:-1]:
        connection.sendall(b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event))
    time.sleep(0.005)
    connection.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize("play", [says(event_stream(whole_stream())), chunked], ids=["sized", "chunked"])
def test_the_connection_of_an_answer_serves_the_next_call(make_gateway: MakeGateway, play: Play) -> None:
    with scripted_provider(play) as provider:
        gateway = make_gateway(provider.url)
        assert [gateway.chat(chat_request()).status for _ in range(3)] == [200, 200, 200]

        assert (provider.connections, len(provider.requests)) == (1, 3)


def test_who_keeps_the_body_open_after_the_last_event_delays_nobody(make_gateway: MakeGateway) -> None:
    with scripted_provider(says_and_hangs(HEAD + b"\r\n" + whole_stream())) as provider:
        gateway = make_gateway(provider.url)

        assert [gateway.chat(chat_request()).status for _ in range(2)] == [200, 200]
        assert provider.connections == 2


def test_a_connection_that_failed_does_not_spoil_the_next_call(make_gateway: MakeGateway) -> None:
    with scripted_provider(one_after_another(says_and_hangs(CUT_BODY), says(event_stream(whole_stream())))) as provider:
        gateway = make_gateway(provider.url)

        assert [gateway.chat(chat_request()).status for _ in range(2)] == [504, 200]


def test_who_gets_no_connection_of_the_pool_in_time_has_sent_nothing(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    is_asked, may_answer = threading.Event(), threading.Event()

    def holds(connection: socket.socket, _: Scripted) -> None:
        is_asked.set()
        may_answer.wait()
        connection.sendall(event_stream(whole_stream()))

    with scripted_provider(holds) as provider, ThreadPoolExecutor(1) as aside:
        gateway = make_gateway(provider.url, more={"timeouts": {"first_token": 30}})
        holder = aside.submit(gateway.chat, chat_request(), seconds=30)
        is_asked.wait()
        left_out = gateway.chat(chat_request())
        may_answer.set()

        assert left_out.error == (503, "server_error", "provider_unreachable")
        assert gateway.record(left_out)["attempts"][0]["charged"] == "none"
        assert holder.result().status == 200
        assert len(provider.requests) == 1


def test_the_provider_gets_its_key_and_nothing_of_the_clients(make_gateway: MakeGateway) -> None:
    with scripted_provider(says(event_stream(whole_stream()))) as provider:
        gateway = make_gateway(provider.url)
        gateway.chat(chat_request(), headers={"x-forwarded-for": "192.0.2.77", "cookie": "session=4711"})

    (request,) = provider.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"authorization: bearer " + PROVIDER_KEY.encode() in head.lower()
    assert gateway.token.encode() not in request
    assert b"4711" not in head
    assert b"192.0.2.77" not in head
    assert json.loads(body)["model"] == "qwen-plus"


def test_a_surrogate_pair_that_two_chunks_share_arrives_whole(make_gateway: MakeGateway) -> None:
    halves = whole_stream("<one>", "<two>").replace(b"<one>", rb"\ud83d").replace(b"<two>", rb"\ude00")

    with scripted_provider(says(event_stream(halves))) as provider:
        answer = make_gateway(provider.url).chat(chat_request())

    assert answer.body["choices"][0]["message"]["content"] == "\N{GRINNING FACE}"
