"""Each sample event, invoked on the real handlers."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway.errors import KeyRefused, LimitRefused, RequestRefused
from qwen_gateway_cli import upstream
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import import_fresh
from tests.recorder.files import read_event
from tests.recorder.keys import put_sample_keys
from tests.recorder.samples import SAMPLES
from tests.recorder.summary import summarize

CODES_WITHOUT_SAMPLE = {"request_too_large", "endpoint_not_served"}
"""The one is too large for the repository, the other needs another configuration."""

type Invoke = Callable[[str], Mapping[str, Any]]


@pytest.fixture
def invoke(aws: Aws, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return a function that invokes a sample event on the handler of its folder."""
    mock = upstream.build_mock_upstream(provider.url)
    aws.store_provider_keys(**mock.keys)
    put_sample_keys(aws.dynamodb, aws.keys_table)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(mock.gateway_config))
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")

    def invoke_sample(name: str) -> Mapping[str, Any]:
        handler = import_fresh(f"{Path(name).parent}.handler", monkeypatch)
        response: Mapping[str, Any] = handler.lambda_handler(read_event(name), Context())
        return response

    return invoke_sample


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_gets_the_expected_response(invoke: Invoke, name: str) -> None:
    assert summarize(invoke(name)) == SAMPLES[name].expected


def test_every_error_code_that_clients_can_cause_has_an_event() -> None:
    codes = {
        answer.code
        for cause, answer in HTTP_ERRORS.items()
        if issubclass(cause, RequestRefused | KeyRefused | LimitRefused)
    }

    assert codes - CODES_WITHOUT_SAMPLE <= {sample.expected.code for sample in SAMPLES.values()}
