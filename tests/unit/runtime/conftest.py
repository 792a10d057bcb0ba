"""Runs functions that a test writes down."""

from pathlib import Path

import pytest

from tests.unit.runtime.lives import Call, Life, Reader, Run, live


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_function(
        source: str,
        *calls: Call,
        handler: str = "function.handler.handle",
        answer_status: int = 202,
        reader: Reader = "",
    ) -> Life:
        return live(tmp_path, source, list(calls), handler, answer_status=answer_status, reader=reader)

    return run_function
