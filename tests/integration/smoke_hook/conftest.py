"""The smoke hook, behind it the chat and models functions, with emulated AWS and a fake CodeDeploy."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx2
import pytest

from qwen_gateway import config
from qwen_gateway.runtime import EventStream
from tests.builders import proxy_event
from tests.integration.chat.conftest import Gateway, gateway, make_gateway
from tests.integration.fresh_import import import_fresh

__all__ = ["gateway", "make_gateway"]

STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/gateway/00000000-0000-0000-0000-000000000000"
BASE_URL = "https://api.example.com/api/v1"
UNKNOWN_ROUTE = {
    "type": "error",
    "error": {"message": "Unknown route.", "type": "invalid_request_error", "param": None, "code": "unknown_route"},
}

type Respond = Callable[[httpx2.Request], httpx2.Response]


class DeployedApi:
    """The API of a release: the real functions. A test replaces `respond` by that of a broken one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.respond: Respond = self.respond_correctly
        self.requests: list[httpx2.Request] = []

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        return self.respond(request)

    def respond_correctly(self, request: httpx2.Request) -> httpx2.Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        match request.method, request.url.path:
            case "GET", "/api/v1/models":
                answer = self._gateway.models(key=key)
                return httpx2.Response(answer.status, headers=answer.headers, json=answer.body)
            case "POST", "/api/v1/chat/completions":
                return self._chat(request)
        return httpx2.Response(404, json=UNKNOWN_ROUTE)

    def _chat(self, request: httpx2.Request) -> httpx2.Response:
        event = proxy_event(
            "POST", "/v1/chat/completions", body=request.content.decode(), headers=dict(request.headers)
        )
        answer = self._gateway.handle(event)
        if isinstance(answer, EventStream):
            return httpx2.Response(answer.status, headers=dict(answer.headers), content=b"".join(answer.chunks))
        return httpx2.Response(answer["statusCode"], headers=answer["headers"], content=answer["body"].encode())


class FakeCloudFormation:
    """The outputs of one stack."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - the parameter of boto3
        assert StackName == STACK_ID
        outputs = {"KeysTable": "KeysTable", "BaseUrl": BASE_URL}
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": each} for key, each in outputs.items()]}]}


class FakeCodeDeploy:
    """The operation of CodeDeploy that the hook calls."""

    def __init__(self) -> None:
        self.reports: list[dict[str, str]] = []

    def put_lifecycle_event_hook_execution_status(self, **report: str) -> None:
        self.reports.append(report)

    @property
    def status(self) -> str:
        """The only status that was reported."""
        (report,) = self.reports
        return report["status"]


@pytest.fixture
def api(gateway: Gateway) -> DeployedApi:
    """Return the API of a release without faults."""
    return DeployedApi(gateway)


@pytest.fixture
def codedeploy() -> FakeCodeDeploy:
    """Return the CodeDeploy to which the hook reports."""
    return FakeCodeDeploy()


@pytest.fixture
def hook(api: DeployedApi, codedeploy: FakeCodeDeploy, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of the handler, in a stack whose API is `api`."""
    monkeypatch.setenv("STACK_ID", STACK_ID)
    config.environment.cache_clear()
    module = import_fresh("smoke_hook.handler", monkeypatch)

    def connect(base_url: str) -> httpx2.Client:
        assert base_url == BASE_URL
        return httpx2.Client(base_url=base_url, transport=httpx2.MockTransport(api.handle))

    monkeypatch.setattr(module, "_connect", connect)
    monkeypatch.setattr(module, "_cloudformation", FakeCloudFormation())
    monkeypatch.setattr(module, "_codedeploy", codedeploy)
    monkeypatch.setattr("smoke_hook.service.PAUSE_S", 0)
    return module


def event() -> dict[str, Any]:
    """Return what CodeDeploy sends to a hook."""
    return {"DeploymentId": "d-EXAMPLE11", "LifecycleEventHookExecutionId": "eyJleGFtcGxlIjoxfQ=="}
