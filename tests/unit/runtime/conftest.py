"""Runs functions that a test writes down."""

from pathlib import Path

import pytest

from tests.unit.runtime.lives import Call, Life, Run, live


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_function(
        source: str, *calls: Call, handler: str = "function.handler.handle", answer_status: int = 202
    ) -> Life:
        return live(tmp_path, source, list(calls), handler, answer_status)

    return run_function
