"""A stack in the emulated AWS, deployed by the steps of `up`: other templates and parameters, and more than once."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from qwen_gateway_cli.aws_clients import create_local_client
from qwen_gateway_cli.local import sam, startup
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.sam import STACK_NAME, Deployment
from qwen_gateway_cli.local.servers import APIGATEWAY, Servers
from qwen_gateway_cli.local.sockets import find_free_port
from qwen_gateway_cli.upstream import build_mock_upstream
from tests.builders import chat_request
from tests.stack.repository import Repository, wait_until

STATE = ("KeysTable", "UsageTable", "ProviderKeysSecret")


class EmulatedStack:
    """The emulated AWS, the mock Qwen, and the stack of a repository with a current build."""

    def __init__(self, repository: Repository) -> None:
        self._layout = Layout(repository.folder)
        self._processes = Processes(self._layout.processes)
        self._servers = Servers(self._layout, self._processes)
        for folder in (*self._layout.transient_folders, self._layout.logs):
            folder.mkdir(parents=True, exist_ok=True)
        port = find_free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        ministack = self._servers.start_ministack(port)
        self.mock_url = self._servers.wait_for_url(self._servers.start_mock_qwen())
        self._servers.wait_for_ministack(ministack, port)
        self.dynamodb = create_local_client("dynamodb", self.endpoint)
        self.secretsmanager = create_local_client("secretsmanager", self.endpoint)
        self.cloudformation = create_local_client("cloudformation", self.endpoint)

    @property
    def build_folder(self) -> Path:
        """The folder of the built template, functions and layer."""
        return self._layout.build

    @property
    def status(self) -> str:
        """The status of the stack."""
        return self.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]["StackStatus"]

    def deploy(self, template: Path | None = None, parameters: Mapping[str, str] | None = None) -> Deployment:
        """Deploy a built template, by default that of the repository, and return the stack."""
        self._deploy(template, parameters or {})
        return self.describe()

    def _deploy(self, template: Path | None, parameters: Mapping[str, str]) -> None:
        known = sam.build_parameters(self.endpoint, build_mock_upstream(self.mock_url).gateway_config)
        template = template or self._layout.built_template
        sam.deploy(self._layout, self._processes, self.endpoint, known | dict(parameters), template)

    def kill_deployment(self, when: Callable[[], bool]) -> None:
        """Deploy, and kill `sam deploy` as soon as the condition holds."""
        done: list[BaseException | None] = []

        def deploy() -> None:
            try:
                self._deploy(None, {})
            except BaseException as error:  # noqa: BLE001 - CommandRefused, because sam was killed
                done.append(error)
            else:
                done.append(None)

        thread = threading.Thread(target=deploy)
        thread.start()
        wait_until(lambda: bool(done) or when())
        for process in self._processes.recorded():
            if process.name == "sam deploy":
                os.killpg(process.pid, signal.SIGKILL)
        thread.join()
        assert isinstance(done[0], BaseException), "sam deploy ended before it was killed"

    def describe(self) -> Deployment:
        """Return the deployed stack."""
        return sam.describe(self.endpoint)

    def delete(self) -> None:
        """Delete the stack as `make teardown` does."""
        self.cloudformation.delete_stack(StackName=STACK_NAME)
        self.cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    def scan(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        return list(self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"])

    def serve(self) -> str:
        """Start the API Gateway emulation for the stack as it is now, and return the base URL."""
        running = [process for process in self._processes.recorded() if process.name == APIGATEWAY]
        self._processes.stop(running)
        startup._write_apigateway_settings(self._layout, self.describe(), port=0)
        return f"{self._servers.wait_for_url(self._servers.start_apigateway())}/v1"

    def accept_provider_key(self, key: str) -> None:
        """Make the mock Qwen reject every other key, and forget its calls."""
        with httpx2.Client(base_url=self.mock_url, trust_env=False) as control:
            control.delete("/_control")
            control.put("/_control", json={"accepted_key": key})


def chat(base_url: str, token: str) -> httpx2.Response:
    """Send a chat request with an API key."""
    with httpx2.Client(trust_env=False, timeout=60) as client:
        headers = {"authorization": f"Bearer {token}"}
        return client.post(f"{base_url}/chat/completions", headers=headers, json=chat_request())
