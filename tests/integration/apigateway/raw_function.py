"""A function with its own Runtime API client, which sends exactly the bytes that the request's body specifies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.apigateway.settings import GatewaySettings
from tests.integration.apigateway.gateways import Route, RunningGateway, run_gateway, settings, template

type Step = tuple[Any, ...]
"""An action of the function, and its argument."""

RUNTIME = """
import http.client, json, os, pathlib, socket, time

ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
ROOT = "/2018-06-01/runtime/invocation"
folder = pathlib.Path(os.environ["FOLDER"])


def chunk(data):
    return b"%x\\r\\n%b\\r\\n" % (len(data), data)


def act(connection, do, what=None):
    if do == "send":
        data = what.replace("PID", str(os.getpid())).encode("latin-1")
        connection.send(chunk(data))
    elif do == "together":
        connection.send(b"".join(chunk(each.encode()) for each in what))
    elif do == "fill":
        for number in range(what):
            connection.send(chunk(b"x" * 1_000_000))
            (folder / "megabytes").write_text(str(number + 1))
    elif do == "await":
        while not (folder / what).exists():
            time.sleep(0.005)
    elif do == "tell":
        (folder / what).touch()
    elif do == "pause":
        time.sleep(what)
    elif do == "kill":
        os.kill(os.getpid(), what)


connection = http.client.HTTPConnection(ADDRESS)
while True:
    connection.request("GET", ROOT + "/next")
    given = connection.getresponse()
    order = json.loads(json.loads(given.read())["body"])
    connection.putrequest("POST", f"{ROOT}/{given.headers['lambda-runtime-aws-request-id']}/{order['to']}")
    for name, value in order["headers"].items():
        connection.putheader(name, value)
    connection.endheaders()
    for step in order["steps"]:
        act(connection, *step)
    if order["cut"]:
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
    else:
        connection.send(b"0\\r\\n" + order["trailers"].encode() + b"\\r\\n")
        connection.getresponse().read()
    for step in order["then"]:
        act(connection, *step)
"""

STREAMED = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Transfer-Encoding": "chunked",
}
DELIMITER = "\0" * 8
HEAD: Step = ("send", '{"statusCode": 200, "headers": {"x-pid": "PID"}}' + DELIMITER)


def order(*steps: Step, **changes: Any) -> str:
    """Return a request's body: the response to post, its headers and trailers, and the following actions."""
    usual = {"to": "response", "headers": STREAMED, "trailers": "", "cut": False, "then": ()}
    return json.dumps({**usual, "steps": steps, **changes})


def raw_function_settings(folder: Path, timeout_ms: int | None = None, **changes: Any) -> GatewaySettings:
    """Return settings with the function behind a streaming and a buffered route."""
    wrapper = folder / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexec "$1" {folder / "runtime.py"}\n', encoding="utf-8")
    wrapper.chmod(0o755)
    (folder / "runtime.py").write_text(RUNTIME, encoding="utf-8")
    api = template(
        [
            Route("/v1/stream", "Raw", methods=("post", "head"), timeout_ms=timeout_ms, streams=True),
            Route("/v1/whole", "Raw"),
        ]
    )
    return settings(folder, api, {"Raw": ""}, wrapper=str(wrapper), **changes)


@contextmanager
def run_raw_function(folder: Path, **changes: Any) -> Iterator[RunningGateway]:
    with run_gateway(folder, raw_function_settings(folder, **changes)) as started:
        yield started
