"""AWS and Qwen as replayed responses: a server in its own process, over plain HTTP or TLS.

A response is stored under the name of its AWS operation, or for Qwen under `stream` and `whole`. The server records
Qwen's responses from mock Qwen before it starts, so the measurements do not include the time to generate them.
"""

import json
import multiprocessing
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx2
import trustme
import uvicorn

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.mock_qwen import run_mock_qwen
from qwen_gateway_cli.local.sockets import listen
from qwen_gateway_cli.upstream import build_mock_upstream

MODEL = "qwen-plus"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Tell me something about Hangzhou in two sentences."}]}
STREAM, WHOLE = "stream", "whole"
_CHUNKS = 20
_HOST = "127.0.0.1"


class Response(NamedTuple):
    """The media type, body and status of a response."""

    media_type: bytes
    body: bytes
    status: int = 200


class Backends(NamedTuple):
    """The address of the replayed AWS and Qwen, and what a function needs to call them."""

    url: str
    token: str
    """An API key of the replayed ledger."""
    certificates: Path | None
    """For TLS: the usual certificate authorities and the server's."""

    @property
    def gateway_config(self) -> str:
        """The configuration that sends the calls of every provider to this address."""
        return json.dumps(build_mock_upstream(self.url).gateway_config)


@contextmanager
def run_backends(folder: Path, *, tls: bool) -> Iterator[Backends]:
    """Serve the responses until the end of the block, with certificates in `folder`."""
    token, item = create_api_key()
    responses = {**build_aws_responses(item), **record_qwen_responses()}
    spawn = multiprocessing.get_context("spawn")
    certificates, chain = _issue_certificates(folder) if tls else (None, None)
    with listen(_HOST, 0) as listener:
        server = spawn.Process(target=_serve, args=(listener, responses, chain), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        try:
            yield Backends(f"{'https' if tls else 'http'}://{_HOST}:{port}", token, certificates)
        finally:
            server.terminate()
            server.join()


def load_event(layout: Layout, token: str) -> dict[str, Any]:
    """Return the recorded chat call with another API key. The plain handler reads only its body."""
    event: dict[str, Any] = json.loads((layout.root / "events" / "chat" / "answered.json").read_text(encoding="utf-8"))
    event["headers"]["authorization"] = f"Bearer {token}"
    event["multiValueHeaders"]["authorization"] = [f"Bearer {token}"]
    return event


def create_api_key() -> tuple[str, Mapping[str, Any]]:
    """Create an API key, and return its token and its item of the keys table."""
    table = _FakeDynamoDB()
    issued = KeyAdministration(cast("Any", table), "keys").create("bench", time.time())
    return issued.token, table.item


def build_aws_responses(item: Mapping[str, Any]) -> dict[str, Response]:
    """Return the responses of AWS by operation.

    The first call of a function does not know that its key has no limits: its update is refused, with the key's item.
    """
    keys = {provider: {"key": key} for provider, key in build_mock_upstream(f"http://{_HOST}").keys.items()}
    refused = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item}
    return {
        "GetItem": _encode({"Item": item}),
        "PutItem": _encode({}),
        "UpdateItem": _encode(refused, status=400),
        "GetSecretValue": _encode({"SecretString": json.dumps(keys)}),
    }


def record_qwen_responses() -> dict[str, Response]:
    """Return a stream and a whole response of mock Qwen."""
    requests = {
        STREAM: {**CHAT, "stream": True, "stream_options": {"include_usage": True}},
        WHOLE: CHAT,
    }
    with run_mock_qwen() as provider, httpx2.Client(trust_env=False) as http:
        provider.control({"chunks": _CHUNKS})
        recorded = {}
        for name, body in requests.items():
            response = http.post(
                f"{provider.url}/compatible-mode/v1/chat/completions",
                json=body,
                headers={"authorization": "Bearer sk-bench"},
            ).raise_for_status()
            recorded[name] = Response(response.headers["content-type"].encode(), response.content)
    return recorded


def _encode(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(b"application/x-amz-json-1.0", json.dumps(body).encode(), status)


class _FakeDynamoDB:
    """Stores the item that is put."""

    item: Mapping[str, Any]

    def put_item(self, **request: Any) -> None:
        self.item = request["Item"]


def _serve(listener: Any, responses: Mapping[str, Response], chain: Path | None) -> None:
    async def replay(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, has_more = b"", True
        while has_more:
            message = await receive()
            body, has_more = body + message["body"], message["more_body"]
        operation = dict(scope["headers"]).get(b"x-amz-target", b"").decode().rpartition(".")[2]
        response = responses[operation or (STREAM if json.loads(body).get("stream") else WHOLE)]
        headers = [(b"content-type", response.media_type), (b"content-length", str(len(response.body)).encode())]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    config = uvicorn.Config(
        cast("Any", replay),
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=chain,
        timeout_keep_alive=75,
    )
    uvicorn.Server(config).run([listener])


def _issue_certificates(folder: Path) -> tuple[Path, Path]:
    """Return the client's bundle of trusted certificates and the server's certificate chain.

    The client's bundle is the machine's own with one more certificate, because botocore reads all of it for each
    connection.
    """
    authority = trustme.CA()
    trusted, chain = folder / "trusted.pem", folder / "server.pem"
    usual = ssl.get_default_verify_paths().cafile
    trusted.write_bytes(authority.cert_pem.bytes() + (Path(usual).read_bytes() if usual else b""))
    authority.issue_cert(_HOST).private_key_and_cert_chain_pem.write_to_path(str(chain))
    return trusted, chain
