"""Recording the AWS calls of this process and of the Python programs that it starts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import botocore.client
import pytest

# Python imports a module of this name at its start, from the folders of PYTHONPATH too.
SITE = "sitecustomize.py"
RECORDER = """\
import json
import botocore.client

def record_calls(make_api_call):
    def record_call(self, operation, parameters):
        with open({file!r}, "a") as file:
            text = {{name: value for name, value in parameters.items() if isinstance(value, str)}}
            file.write(json.dumps([self.meta.service_model.signing_name, operation, text]) + "\\n")
        return make_api_call(self, operation, parameters)
    return record_call

recorded = record_calls(botocore.client.BaseClient._make_api_call)
"""
INSTALL = "botocore.client.BaseClient._make_api_call = recorded\n"


class Call(NamedTuple):
    """An AWS call, with those of its parameters that are text."""

    service: str
    operation: str
    parameters: Mapping[str, str]


class AwsCallRecorder:
    """Records the calls of programs whose environment has `variables`, and of this process after `patch`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "calls"
        self._code = RECORDER.format(file=str(self._file))
        self.variables = {"PYTHONPATH": str(folder)}
        (folder / SITE).write_text(self._code + INSTALL, encoding="utf-8")

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Record the calls of this process and of its programs until the patches are undone."""
        module: dict[str, Any] = {}
        exec(self._code, module)  # noqa: S102 - the same recorder as in other processes
        patch.setattr(botocore.client.BaseClient, "_make_api_call", module["recorded"])
        for name, value in self.variables.items():
            patch.setenv(name, value)

    def take(self) -> list[Call]:
        """Return the calls since the last time."""
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8").splitlines()
        self._file.unlink()
        return [Call(*json.loads(line)) for line in lines]
