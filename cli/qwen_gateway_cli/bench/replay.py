"""AWS and Qwen as replayed answers: a server in a process of its own, over plain HTTP or TLS.

An answer stands under the name of the AWS operation, or for Qwen under `stream` and `whole`. Qwen's are recorded from
mock Qwen, so the measurements do not include the time to make them.
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
from qwen_gateway_cli import upstream
from qwen_gateway_cli.local.mock_qwen import run_mock_qwen
from qwen_gateway_cli.local.sockets import listen

MODEL = "qwen-plus"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Tell me something about Hangzhou in two sentences."}]}
STREAM, WHOLE = "stream", "whole"
_CHUNKS = 20
_HOST = "127.0.0.1"


class Answer(NamedTuple):
    """A body as it is sent, and its media type."""

    media_type: bytes
    body: bytes


class Backends(NamedTuple):
    """Where AWS and Qwen are replayed, and what a function needs to know of them."""

    url: str
    token: str
    """An API key of the replayed ledger."""
    certificates: Path | None
    """For TLS: the usual certificate authorities and the one that signed for the server."""

    @property
    def gateway_config(self) -> str:
        """The configuration that leads every provider here."""
        return json.dumps(upstream.build_mock_upstream(self.url).gateway_config)


@contextmanager
def run_backends(folder: Path, *, tls: bool) -> Iterator[Backends]:
    """Serve the answers until the end of the block; `folder` takes the certificates."""
    token, item = api_key()
    answers = {**of_aws(item), **of_qwen()}
    spawn = multiprocessing.get_context("spawn")
    certificates, chain = _certificates(folder) if tls else (None, None)
    with listen(_HOST, 0) as listener:
        server = spawn.Process(target=_serve, args=(listener, answers, chain), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        try:
            yield Backends(f"{'https' if tls else 'http'}://{_HOST}:{port}", token, certificates)
        finally:
            server.terminate()
            server.join()


def _serve(listener: Any, answers: Mapping[str, Answer], chain: Path | None) -> None:
    async def replay(scope: dict[str, Any], receive: Any, send: Any) -> None:
        sent, more = b"", True
        while more:
            message = await receive()
            sent, more = sent + message["body"], message["more_body"]
        operation = dict(scope["headers"]).get(b"x-amz-target", b"").decode().rpartition(".")[2]
        answer = answers[operation or (STREAM if json.loads(sent).get("stream") else WHOLE)]
        headers = [(b"content-type", answer.media_type), (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    config = uvicorn.Config(
        cast("Any", replay),
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=chain,
        timeout_keep_alive=75,
    )
    uvicorn.Server(config).run([listener])


class _Kept:
    """Takes the place of DynamoDB's client and keeps the item that is put."""

    item: Mapping[str, Any]

    def put_item(self, **request: Any) -> None:
        self.item = request["Item"]


def api_key() -> tuple[str, Mapping[str, Any]]:
    """Make an API key, and return its token and its item of the keys table."""
    table = _Kept()
    issued = KeyAdministration(cast("Any", table), "keys").create("bench", time.time())
    return issued.token, table.item


def of_aws(item: Mapping[str, Any]) -> dict[str, Answer]:
    """Return what AWS answers, by operation."""
    keys = {provider: {"key": key} for provider, key in upstream.build_mock_upstream(f"http://{_HOST}").keys.items()}
    said = {"GetItem": {"Item": item}, "PutItem": {}, "GetSecretValue": {"SecretString": json.dumps(keys)}}
    return {name: Answer(b"application/x-amz-json-1.0", json.dumps(body).encode()) for name, body in said.items()}


def of_qwen() -> dict[str, Answer]:
    """Return the response of mock Qwen."""
    asked = {
        STREAM: {**CHAT, "stream": True, "stream_options": {"include_usage": True}},
        WHOLE: CHAT,
    }
    with run_mock_qwen() as provider, httpx2.Client(trust_env=False) as http:
        provider.control({"chunks": _CHUNKS})
        recorded = {}
        for name, body in asked.items():
            said = http.post(
                f"{provider.url}/compatible-mode/v1/chat/completions",
                json=body,
                headers={"authorization": "Bearer sk-bench"},
            ).raise_for_status()
            recorded[name] = Answer(said.headers["content-type"].encode(), said.content)
    return recorded


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Return what a client trusts and what the server shows.

    The client's bundle is the machine's own with one more, because botocore reads the whole of it for each connection.
    """
    authority = trustme.CA()
    trusted, chain = folder / "trusted.pem", folder / "server.pem"
    usual = ssl.get_default_verify_paths().cafile
    trusted.write_bytes(authority.cert_pem.bytes() + (Path(usual).read_bytes() if usual else b""))
    authority.issue_cert(_HOST).private_key_and_cert_chain_pem.write_to_path(str(chain))
    return trusted, chain
