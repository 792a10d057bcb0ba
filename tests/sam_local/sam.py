"""`sam build` and `sam local`, from an environment without the caller's AWS."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout
from tests.sam_local.base_image import BaseImage
from tests.sam_local.commands import run, server
from tests.sam_local.daemon import Docker
from tests.sam_local.neighbours import Neighbours
from tests.sam_local.paths import BUILT_TEMPLATE, ROOT, SAM

_BUILD_S = 300
_INVOKE_S = 120


def build(architecture: str) -> None:
    """Build functions and layer as for AWS, on this machine's architecture."""
    # A make above this one would hand down its own flags.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    run("make", "build", f"ARCHITECTURE={architecture}", environment=environment, directory=ROOT, seconds=_BUILD_S)


class RunningApi(NamedTuple):
    """A `sam local start-api`: the URL for OpenAI clients, and the log of it and of its containers."""

    base_url: str
    log: Path


class RunningLambda(NamedTuple):
    """A `sam local start-lambda`, by its URL."""

    url: str

    def invoke(self, function: str, event: Path) -> dict[str, Any]:
        """Return what a function, named by its logical id, answers to the event in a file."""
        path = f"/2015-03-31/functions/{function}/invocations"
        answer = httpx2.post(self.url + path, content=event.read_bytes(), timeout=_INVOKE_S, trust_env=False)
        given: dict[str, Any] = answer.raise_for_status().json()
        return given


class Sam:
    """`sam local` on one image, among these neighbours; `folder` is a new one for its things."""

    def __init__(self, daemon: Docker, image: BaseImage, around: Neighbours, architecture: str, folder: Path) -> None:
        layout = Layout(folder)
        for each in layout.transient_folders:
            each.mkdir(parents=True)
        self._folder = folder
        self._environment = clean_environment.create(layout) | {
            "DOCKER_HOST": daemon.host,
            # sam asks AWS for the account's number, which nothing here needs.
            "AWS_ENDPOINT_URL_STS": around.aws_url,
        }
        # sam reads YAML here, which JSON is; on its command line a JSON value does not survive.
        file = folder / "parameters.yaml"
        file.write_text(json.dumps(_parameters(around, architecture)), encoding="utf-8")
        template = ("--template-file", BUILT_TEMPLATE, "--parameter-overrides", f"file://{file}")
        self._options = (*template, "--skip-pull-image", "--invoke-image", image.reference)

    def invoke(self, function: str, event: Path) -> dict[str, Any]:
        """Return what a function, named by its logical id, answers to the event in a file; in a new container."""
        command = (SAM, "local", "invoke", function, *self._options, "--event", event.resolve())
        printed = run(*command, environment=self._environment, directory=self._folder, seconds=_INVOKE_S)
        answer: dict[str, Any] = json.loads(printed)
        return answer

    @contextmanager
    def start_api(self) -> Iterator[RunningApi]:
        """Serve the template's routes over HTTP."""
        log = self._folder / "start-api.log"
        with self._started("start-api", log) as url:
            yield RunningApi(f"{url}/v1", log)

    @contextmanager
    def start_lambda(self) -> Iterator[RunningLambda]:
        """Serve the functions as Lambda's own API does."""
        with self._started("start-lambda", self._folder / "start-lambda.log") as url:
            yield RunningLambda(url)

    @contextmanager
    def _started(self, service: str, log: Path) -> Iterator[str]:
        """Run one of sam's services; its containers start with their first call and stay."""
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        command = (SAM, "local", service, *self._options, "--warm-containers", "LAZY", "--port", str(port))
        with server(*command, environment=self._environment, log=log, is_ready=lambda: _answers(url)):
            yield url


def _parameters(around: Neighbours, architecture: str) -> dict[str, str]:
    return {
        "Stage": "local",
        "Architecture": architecture,
        "AwsEndpointUrl": around.aws_url,
        "GatewayConfig": json.dumps(around.gateway_config),
    }


def _answers(url: str) -> bool:
    """Whether anything comes; the root is no route of the gateway, so no container starts."""
    try:
        httpx2.get(url, trust_env=False)
    except httpx2.TransportError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
