"""Fixtures of the unit tests: the log output of the code under test."""

import functools
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from qwen_gateway import observability

type Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Logged:
    """Return a function that reads the lines logged since its last call. A new logger writes to the captured stdout."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    fresh = functools.cache(lambda: Logger(service=f"test-{uuid.uuid4()}", stream=sys.stdout))
    monkeypatch.setattr(observability, "logger", fresh)
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
