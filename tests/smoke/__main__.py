"""`python -m tests.smoke`: test a deployed gateway. It fails if there is none, instead of skipping the tests.

At its end it prints which of the project's claims it has proven, and which not. Arguments are pytest's, for example
`-k unknown`.
"""

import sys
from pathlib import Path

import pytest

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.console import CommandRefused
from tests.smoke.report import ClaimsReport
from tests.smoke.target import TARGET, Target, TargetMissing, find_target


class TargetPlugin:
    """Pytest plugin that passes the target to the tests."""

    def __init__(self, found: Target) -> None:
        self._found = found

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[TARGET] = self._found


if __name__ == "__main__":
    try:
        with find_target() as found:
            print(f"testing {found.base_url}", flush=True)
            plugins = [TargetPlugin(found), ClaimsReport(found)]
            status = pytest.main([str(Path(__file__).parent), "--verbose", *sys.argv[1:]], plugins=plugins)
    except (TargetMissing, CommandRefused) as refused:
        sys.exit(str(refused))
    except AWS_ERRORS as failure:
        sys.exit(explain_aws_error(failure))
    sys.exit(status)
