"""Runs `packages.py` with the interpreter of `.tools/clients`, whose packages the tests' own environment lacks."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
_PYTHON = ROOT / ".tools/clients/bin/python"
_TIMEOUT_S = 120


def run_package(call: str, stack: dict[str, Any]) -> Any:
    """Return the result of a call of `packages.py` to the gateway of a stack."""
    if not _PYTHON.exists():
        pytest.fail("The Python clients are not installed: run `make .tools/clients/ready`.")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "ANTHROPIC_"))}
    url = stack["base_url"].removesuffix("/v1")
    command = [_PYTHON, Path(__file__).with_name("packages.py"), call, url, stack["api_key"]]
    done = subprocess.run(command, capture_output=True, text=True, env=own, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
