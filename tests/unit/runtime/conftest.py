"""Runs functions whose source a test contains."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.runtime.function_process import Invocation, ProcessResult, Reader, Run, run_process


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_function(
        source: str,
        *invocations: Invocation,
        handler: str = "function.handler.handle",
        reply_status: int = 202,
        reader: Reader = "",
        variables: Mapping[str, str] = {},
    ) -> ProcessResult:
        return run_process(
            tmp_path,
            source,
            list(invocations),
            handler,
            reply_status=reply_status,
            reader=reader,
            variables=variables,
        )

    return run_function
