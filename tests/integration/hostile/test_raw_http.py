"""Malformed HTTP: every request gets a response, and the API Gateway emulation and its functions stay available."""

import json

import pytest

from tests.builders import chat_request
from tests.integration.apigateway.gateways import RunningGateway, reply
from tests.integration.hostile import raw_http
from tests.integration.hostile.responses import PROMPT, assert_success_or_client_error, assert_well_formed
from tests.sam_local.backends import Backends

BODY = json.dumps(chat_request()).encode()
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def own(key: str) -> bytes:
    """Return headers with a key, for a connection that closes after the response."""
    return b"Host: x\r\nAuthorization: Bearer %b\r\nConnection: close\r\n" % key.encode()


def post(own: bytes, more: bytes) -> bytes:
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + own + more


def get(own: bytes, target: bytes = b"/v1/models", more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + own + more + b"\r\n"


def send_and_check(front: RunningGateway, *pieces: bytes, pause_s: float = 0) -> int:
    """Send these bytes, assert that the one response is a success or a client error, and return its status."""
    answer = raw_http.parse_response(front, raw_http.send(front, *pieces, pause_s=pause_s))
    assert_success_or_client_error(answer)
    return answer.status


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"\xff\xfe\r\n\r\n", id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40, id="TLS"),
        pytest.param(b"GET /v1/models\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /v1/models HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", id="a space in a header name"),
        pytest.param(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", id="NUL in a header"),
        pytest.param(b"GET /v1/models/\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", id="a path that is not encoded"),
        pytest.param(b"GET /v1/models?a=\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", id="a query that is not encoded"),
        pytest.param(post(b"Host: x\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), id="a bad chunk"),
        pytest.param(
            post(b"Host: x\r\n", b"Transfer-Encoding: gzip, chunked\r\n\r\n"), id="an unknown transfer coding"
        ),
        pytest.param(post(b"Host: x\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), id="two lengths"),
        pytest.param(post(b"Host: x\r\n", b"Content-Length: -5\r\n\r\n"), id="a negative length"),
    ],
)
def test_invalid_http_is_rejected_in_the_format_of_every_error(front: RunningGateway, request_bytes: bytes) -> None:
    answer = raw_http.parse_response(front, raw_http.send(front, request_bytes))

    assert_well_formed(answer)
    assert (answer.status, answer.json["error"]["code"]) == (400, "request_refused")
    assert "request line" in answer.message


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY), 200),
        (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), 200),
        (b"Content-Length: 5\r\n\r\n" + BODY, 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", 400),
        (b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"\r\n", 400),
    ],
    ids=["length", "chunks", "a length too small", "length and chunks", "gzip", "parts", "no body"],
)
def test_the_body_length_follows_http(front: RunningGateway, own: bytes, more: bytes, status: int) -> None:
    assert send_and_check(front, post(own, more)) == status


def test_a_slowly_sent_body_is_accepted(front: RunningGateway, own: bytes) -> None:
    pieces = [BODY[start : start + 20] for start in range(0, len(BODY), 20)]

    assert send_and_check(front, post(own, b"Content-Length: %d\r\n\r\n" % len(BODY)), *pieces, pause_s=0.01) == 200


def test_a_client_that_disconnects_within_the_body_causes_no_provider_call(
    front: RunningGateway, own: bytes, backends: Backends
) -> None:
    backends.provider.reset()
    request = post(b"Host: x\r\n", b"Content-Length: 5000\r\n\r\n{")

    connection = front.connection()
    connection.connect()
    connection.sock.sendall(request)
    connection.close()

    assert send_and_check(front, get(own)) == 200
    assert backends.provider.calls() == []


def test_expect_100_continue_gets_an_interim_response(front: RunningGateway, own: bytes) -> None:
    head = post(own, b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))

    received = raw_http.send(front, head, BODY, pause_s=0.1)

    assert received.startswith(b"HTTP/1.1 100 ")
    assert b"\r\n\r\nHTTP/1.1 200 " in received


def test_pipelined_requests_are_answered_in_order(front: RunningGateway, own: bytes) -> None:
    open_headers = own.replace(b"Connection: close\r\n", b"")
    first = post(open_headers, b"Content-Length: %d\r\n\r\n" % len(BODY)) + BODY

    received = raw_http.send(front, first + get(open_headers, b"/v1/models/nobody") + get(own))

    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200"]


@pytest.mark.parametrize(
    "target",
    [
        b"http://x/v1/models",
        b"*",
        b"//v1/models",
        b"/v1//models",
        b"/v1/../v1/models",
        b"/%2e%2e/v1/models",
        b"/v1%2Fmodels",
        b"/v1/models;x=1",
        b"/v1/chat/completions/../../models",
    ],
)
def test_a_path_outside_the_api_is_an_unknown_route(front: RunningGateway, own: bytes, target: bytes) -> None:
    answer = raw_http.parse_response(front, raw_http.send(front, get(own, target)))

    assert_success_or_client_error(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "unknown_route")


@pytest.mark.parametrize(
    "model",
    [b"%00", b"..%2f..", b"%2e%2e", b"%FF%ed%a0%80", b"a%0d%0ab", b"%E9%80%9A", b"a" * 9_000, b"a/b//c", b"%25"],
)
def test_a_path_with_an_unknown_model_is_a_404(front: RunningGateway, own: bytes, model: bytes) -> None:
    answer = raw_http.parse_response(front, raw_http.send(front, get(own, b"/v1/models/" + model)))

    assert_success_or_client_error(answer)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/models/qwen-plus"])
def test_every_route_supports_options_but_not_head(front: RunningGateway, path: str) -> None:
    preflight = front.ask(path, method="OPTIONS", headers={"origin": "https://app.example"})
    head = front.ask(path, method="HEAD")

    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (200, "*")
    assert (head.status, head.body) == (404, b"")
    assert head.headers["x-request-id"]


@pytest.mark.parametrize("method", [b"BREW", b"CONNECT", b"TRACE", b"DELETE", b"get"])
def test_an_unsupported_method_is_an_unknown_route(front: RunningGateway, own: bytes, method: bytes) -> None:
    assert send_and_check(front, get(own).replace(b"GET", method, 1)) == 404


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Amzn-Trace-Id: Root=\xe9\r\n",
        b"X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;x=\xff\r\n",
        b"X-Latin: \xff\xe9\r\n",
        b"Upgrade: websocket\r\n",
        b"X-Forwarded-For: <script>\r\nX-Forwarded-Proto: \xff\r\n",
        b"Authorization: Bearer \xff\r\n",
        b"X-Control: \x01\x7f\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(1000)),
    ],
    ids=["trace", "trace suffix", "latin", "upgrade", "forwarded", "authorization", "control", "a thousand"],
)
def test_unusual_headers_get_a_response(front: RunningGateway, own: bytes, headers: bytes) -> None:
    assert send_and_check(front, get(own, more=headers)) in {200, 401}


@pytest.mark.parametrize("size", [11_000, 100_000, 1_000_000])
def test_headers_too_large_are_read_completely_and_rejected(front: RunningGateway, own: bytes, size: int) -> None:
    answer = raw_http.parse_response(front, raw_http.send(front, get(own, more=b"X-Token: %b\r\n" % (b"a" * size))))

    assert_well_formed(answer)
    assert (answer.status, "10,240 bytes" in answer.message) == (431, True)


@pytest.mark.parametrize("size", [6 * MIB, 10 * MIB, 20 * MIB])
def test_a_body_too_large_is_read_completely_and_rejected_with_the_limit(front: RunningGateway, size: int) -> None:
    connection = front.connection()
    connection.request("POST", "/v1/chat/completions", PROMPT.encode().ljust(size, b"x"))
    refused = raw_http.add_logs(front, reply(connection))
    connection.request("OPTIONS", "/v1/models")
    next_reply = reply(connection)
    connection.close()

    assert_success_or_client_error(refused)
    assert (refused.status, "5.5 MB" in refused.message) == (413, True)
    assert next_reply.status == 200
