"""Record the events that functions receive for the sample requests, over HTTP on the routes of template.yaml."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.apigateway.rest_api import ProxyIntegration, parse_rest_api
from tests.integration.apigateway.gateways import RunningGateway, run_gateway, settings
from tests.recorder.files import get_event_path, get_function_id
from tests.recorder.samples import SAMPLES, Sample

_ROOT = Path(__file__).parents[2]
_FOLDERS = {get_function_id(get_event_path(name)): Path(name).parent for name in SAMPLES}
_ECHO = """
import json

def handle(event, context):
    return {"statusCode": 200, "body": json.dumps({"function": context.function_name, "event": event})}
"""
_STREAMED_ECHO = f"""
from qwen_gateway.runtime import StreamingHandler
{_ECHO}
handle = StreamingHandler(handle)
"""

# Fixed values for the fields that differ from call to call.
_HEADERS = {"x-amzn-trace-id": "Root=1-6b057c40-000000000000000000000000", "x-forwarded-port": "80"}
_CONTEXT = {
    "extendedRequestId": "AAAAAAAAAAAAAAA=",
    "requestId": "00000000-0000-4000-8000-000000000000",
    "requestTime": "24/Nov/2026:12:00:00 +0000",
    "requestTimeEpoch": 1_795_521_600_000,
}


def record_events() -> dict[str, dict[str, Any]]:
    """Return the events by name: the folder of the invoked function, and the sample's name."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        template = transform_template()
        with run_gateway(folder, settings(folder, template, _make_echo_functions(template))) as front:
            return dict(_record_event(front, name, sample) for name, sample in SAMPLES.items())


def _make_echo_functions(template: dict[str, Any]) -> dict[str, str]:
    """Return an echo function for each function of the template; those of streaming routes stream."""
    integrations = [each for methods in parse_rest_api(template, {}).routes.values() for each in methods.values()]
    return {
        each.function: _STREAMED_ECHO if each.streams else _ECHO
        for each in integrations
        if isinstance(each, ProxyIntegration)
    }


def _record_event(front: RunningGateway, name: str, sample: Sample) -> tuple[str, dict[str, Any]]:
    received = front.ask(sample.path, sample.body, sample.headers, sample.method).json
    folder = _FOLDERS[received["function"].removeprefix("stack-")]
    return str(folder / Path(name).name), _normalize(received["event"])


def _normalize(event: dict[str, Any]) -> dict[str, Any]:
    return event | {
        "headers": {name: _HEADERS.get(name, value) for name, value in event["headers"].items()},
        "multiValueHeaders": {
            name: [_HEADERS.get(name, value) for value in values] for name, values in event["multiValueHeaders"].items()
        },
        "requestContext": {name: _CONTEXT.get(name, value) for name, value in event["requestContext"].items()},
    }


def transform_template() -> dict[str, Any]:
    """Return template.yaml as CloudFormation transforms it."""
    command = [_ROOT / ".tools/sam/bin/python", _ROOT / "tests/transform.py", _ROOT / "template.yaml"]
    template: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return template
