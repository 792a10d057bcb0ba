"""Runs functions that a test writes down."""

from pathlib import Path

import pytest

from tests.unit.runtime.lives import Call, Life, Run, live


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_function(
        source: str,
        *calls: Call,
        handler: str = "function.handler.handle",
        answer_status: int = 202,
        hangs_up: bool = False,
    ) -> Life:
        return live(tmp_path, source, list(calls), handler, answer_status=answer_status, hangs_up=hangs_up)

    return run_function
