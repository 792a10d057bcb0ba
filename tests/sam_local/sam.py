"""`sam build`, `sam local start-api` and `sam local invoke`, from an environment without the caller's AWS."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout
from tests.sam_local.base_image import BaseImage
from tests.sam_local.commands import CommandFailed, last_lines, run, stop
from tests.sam_local.daemon import Docker
from tests.sam_local.neighbours import Neighbours
from tests.sam_local.paths import BUILT_TEMPLATE, ROOT, SAM

_BUILD_S = 300
_INVOKE_S = 120
_READY_S = 60


def build(architecture: str) -> None:
    """Build functions and layer as for AWS, on this machine's architecture."""
    # A make above this one would hand down its own flags.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    run("make", "build", f"ARCHITECTURE={architecture}", environment=environment, directory=ROOT, seconds=_BUILD_S)


class RunningApi(NamedTuple):
    """A `sam local start-api`: the URL for OpenAI clients, and the log of it and of its containers."""

    base_url: str
    log: Path


class Sam:
    """`sam local` on one image, among these neighbours; `scratch` is an empty folder for its things."""

    def __init__(self, daemon: Docker, image: BaseImage, around: Neighbours, architecture: str, scratch: Path) -> None:
        layout = Layout(scratch)
        for folder in layout.transient_folders:
            folder.mkdir(parents=True)
        self._scratch = scratch
        self._environment = clean_environment.clean(layout) | {
            "DOCKER_HOST": daemon.host,
            # sam asks AWS for the account's number, which nothing here needs.
            "AWS_ENDPOINT_URL_STS": around.aws_url,
        }
        # sam reads YAML here, which JSON is; on its command line a JSON value does not survive.
        file = scratch / "parameters.yaml"
        file.write_text(json.dumps(_parameters(around, architecture)), encoding="utf-8")
        template = ("--template-file", BUILT_TEMPLATE, "--parameter-overrides", f"file://{file}")
        self._options = (*template, "--skip-pull-image", "--invoke-image", image.reference)

    @contextmanager
    def start_api(self) -> Iterator[RunningApi]:
        """Serve the template's routes over HTTP; containers start with their first call and stay."""
        log = self._scratch / "start-api.log"
        port = _free_port()
        command = (SAM, "local", "start-api", *self._options, "--warm-containers", "LAZY", "--port", str(port))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environment,
                cwd=self._scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _await(process, port, log)
            yield RunningApi(f"http://127.0.0.1:{port}/v1", log)
        finally:
            # sam removes its containers when it is interrupted.
            stop(process, signal.SIGINT)

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function, named by its logical id, answers to an event in a container of its own."""
        file = self._scratch / "event.json"
        file.write_text(json.dumps(event), encoding="utf-8")
        command = (SAM, "local", "invoke", function, *self._options, "--event", file)
        printed = run(*command, environment=self._environment, directory=self._scratch, seconds=_INVOKE_S)
        answer: dict[str, Any] = json.loads(printed)
        return answer


def _parameters(around: Neighbours, architecture: str) -> dict[str, str]:
    return {
        "Stage": "local",
        "Architecture": architecture,
        "AwsEndpointUrl": around.aws_url,
        "GatewayConfig": json.dumps(around.gateway_config),
    }


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until sam answers; no route of the gateway is asked for, so no container starts."""
    limit = time.monotonic() + _READY_S
    while True:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx2.TransportError:
            if process.poll() is not None or time.monotonic() > limit:
                raise CommandFailed(f"sam local start-api does not start:\n{last_lines(log.read_text())}") from None
            time.sleep(0.1)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
