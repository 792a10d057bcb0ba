"""`sam build` and `sam local`, without AWS settings of the developer's shell."""

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
from tests.sam_local.backends import Backends
from tests.sam_local.base_image import BaseImage
from tests.sam_local.commands import run, run_server
from tests.sam_local.daemon import Docker

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
BUILT_TEMPLATE = ROOT / ".aws-sam" / "build" / "template.yaml"

_BUILD_S = 300
_INVOKE_S = 120


def build(architecture: str) -> None:
    """Build functions and layer as for AWS."""
    # An outer make would pass its own flags.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    run("make", "build", f"ARCHITECTURE={architecture}", environment=environment, directory=ROOT, seconds=_BUILD_S)


class RunningApi(NamedTuple):
    """A running `sam local start-api`: the base URL for OpenAI clients, and its log with that of its containers."""

    base_url: str
    log: Path


class RunningLambda(NamedTuple):
    """A running `sam local start-lambda`."""

    url: str

    def invoke(self, function: str, event: Path) -> dict[str, Any]:
        """Invoke a function, by logical id, with the event in a file, and return its response."""
        path = f"/2015-03-31/functions/{function}/invocations"
        answer = httpx2.post(self.url + path, content=event.read_bytes(), timeout=_INVOKE_S, trust_env=False)
        given: dict[str, Any] = answer.raise_for_status().json()
        return given


class Sam:
    """`sam local` with one base image and these backends; `folder` is an empty working directory."""

    def __init__(self, daemon: Docker, image: BaseImage, backends: Backends, architecture: str, folder: Path) -> None:
        layout = Layout(folder)
        for each in layout.transient_folders:
            each.mkdir(parents=True)
        self._folder = folder
        self._environment = clean_environment.create(layout) | {
            "DOCKER_HOST": daemon.host,
            # sam requests the account id from STS.
            "AWS_ENDPOINT_URL_STS": backends.aws_url,
        }
        # A file of parameters, because sam mangles JSON values on its command line. JSON is valid YAML.
        file = folder / "parameters.yaml"
        file.write_text(json.dumps(_build_parameters(backends, architecture)), encoding="utf-8")
        template = ("--template-file", BUILT_TEMPLATE, "--parameter-overrides", f"file://{file}")
        self._options = (*template, "--skip-pull-image", "--invoke-image", image.reference)

    def invoke(self, function: str, event: Path) -> dict[str, Any]:
        """Invoke a function, by logical id, with the event in a file, in a new container; return its response."""
        command = (SAM, "local", "invoke", function, *self._options, "--event", event.resolve())
        printed = run(*command, environment=self._environment, directory=self._folder, seconds=_INVOKE_S)
        answer: dict[str, Any] = json.loads(printed)
        return answer

    @contextmanager
    def start_api(self) -> Iterator[RunningApi]:
        """Serve the template's routes over HTTP."""
        log = self._folder / "start-api.log"
        with self._start_service("start-api", log) as url:
            yield RunningApi(f"{url}/v1", log)

    @contextmanager
    def start_lambda(self) -> Iterator[RunningLambda]:
        """Serve the functions over Lambda's Invoke API."""
        with self._start_service("start-lambda", self._folder / "start-lambda.log") as url:
            yield RunningLambda(url)

    @contextmanager
    def _start_service(self, service: str, log: Path) -> Iterator[str]:
        """Run a service of sam. Its containers start with their first call and stay warm."""
        port = _find_free_port()
        url = f"http://127.0.0.1:{port}"
        command = (SAM, "local", service, *self._options, "--warm-containers", "LAZY", "--port", str(port))
        with run_server(*command, environment=self._environment, log=log, is_ready=lambda: _is_listening(url)):
            yield url


def _build_parameters(backends: Backends, architecture: str) -> dict[str, str]:
    return {
        "Stage": "local",
        "Architecture": architecture,
        "AwsEndpointUrl": backends.aws_url,
        "GatewayConfig": json.dumps(backends.gateway_config),
    }


def _is_listening(url: str) -> bool:
    """Whether the service responds. The root is not a route of the gateway, so this starts no container."""
    try:
        httpx2.get(url, trust_env=False)
    except httpx2.TransportError:
        return False
    return True


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
