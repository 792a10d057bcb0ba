"""The real handlers, met by every sample event."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.errors import ANSWERS, KeyRefused, RequestRefused
from qwen_gateway_cli.local import upstream
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import Context
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import fresh_import
from tests.recorder.files import read
from tests.recorder.keys import put_sample_keys
from tests.recorder.samples import SAMPLES
from tests.recorder.telling import told

TOO_LARGE_TO_KEEP = "request_too_large"

type Answer = Callable[[str], Mapping[str, Any]]


@pytest.fixture
def answer(aws: Aws, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Return what the function of an event's folder answers to it."""
    mock = upstream.build_mock_upstream(provider.url)
    aws.store_provider_keys(**mock.keys)
    put_sample_keys(aws.dynamodb, aws.keys_table)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(mock.gateway_config))
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")

    def of(name: str) -> Mapping[str, Any]:
        handler = fresh_import(f"{Path(name).parent}.handler", monkeypatch)
        given: Mapping[str, Any] = handler.lambda_handler(read(name), Context())
        return given

    return of


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_gets_the_answer_of_its_sample(answer: Answer, name: str) -> None:
    assert told(answer(name)) == SAMPLES[name].told


def test_every_refusal_that_callers_bring_about_has_an_event() -> None:
    refusals = {told.code for cause, told in ANSWERS.items() if issubclass(cause, RequestRefused | KeyRefused)}

    assert refusals - {TOO_LARGE_TO_KEEP} <= {sample.told.code for sample in SAMPLES.values()}
