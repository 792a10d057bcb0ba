"""Sample requests as the front hands them to functions: over HTTP, on the routes of template.yaml."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.front.api import Proxy, api_of
from tests.integration.front.fronts import RunningFront, running, settings
from tests.recorder.files import function_of, path_of
from tests.recorder.samples import SAMPLES, Sample

_ROOT = Path(__file__).parents[2]
_FOLDERS = {function_of(path_of(name)): Path(name).parent for name in SAMPLES}
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

# What differs from call to call stands still in a sample.
_HEADERS = {"x-amzn-trace-id": "Root=1-6b057c40-000000000000000000000000", "x-forwarded-port": "80"}
_CONTEXT = {
    "extendedRequestId": "AAAAAAAAAAAAAAA=",
    "requestId": "00000000-0000-4000-8000-000000000000",
    "requestTime": "24/Nov/2026:12:00:00 +0000",
    "requestTimeEpoch": 1_795_521_600_000,
}


def recorded() -> dict[str, dict[str, Any]]:
    """Return the samples' events, named by the folder of the function that the front chose, and the sample."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        template = processed_template()
        with running(folder, settings(folder, template, _echoes(template))) as front:
            return dict(_recorded(front, name, sample) for name, sample in SAMPLES.items())


def _echoes(template: dict[str, Any]) -> dict[str, str]:
    """Return a function for each of the template's: one whose route streams has to answer so."""
    integrations = [each for methods in api_of(template, {}).routes.values() for each in methods.values()]
    return {
        each.function: _STREAMED_ECHO if each.streams else _ECHO for each in integrations if isinstance(each, Proxy)
    }


def _recorded(front: RunningFront, name: str, sample: Sample) -> tuple[str, dict[str, Any]]:
    received = front.ask(sample.path, sample.body, sample.headers, sample.method).json
    folder = _FOLDERS[received["function"].removeprefix("stack-")]
    return str(folder / Path(name).name), _stable(received["event"])


def _stable(event: dict[str, Any]) -> dict[str, Any]:
    return event | {
        "headers": {name: _HEADERS.get(name, value) for name, value in event["headers"].items()},
        "multiValueHeaders": {
            name: [_HEADERS.get(name, value) for value in values] for name, values in event["multiValueHeaders"].items()
        },
        "requestContext": {name: _CONTEXT.get(name, value) for name, value in event["requestContext"].items()},
    }


def processed_template() -> dict[str, Any]:
    """Return template.yaml as CloudFormation runs it."""
    command = [_ROOT / ".tools/sam/bin/python", _ROOT / "tests/transform.py", _ROOT / "template.yaml"]
    template: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return template
