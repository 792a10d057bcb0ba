"""The script that Lambda starts in place of its own loop (AWS_LAMBDA_EXEC_WRAPPER)."""

import shutil
import subprocess
from pathlib import Path

WRAPPER = Path(__file__).parents[3] / "layers" / "qwen_gateway" / "qwen-gateway-runtime"
INTERPRETER = '#!/bin/sh\necho "$PYTHONPATH|$*"\n'


def started(tmp_path: Path, environment: dict[str, str]) -> str:
    """Return the search path and the arguments that the interpreter got."""
    layer = tmp_path / "a layer"
    layer.mkdir()
    wrapper = shutil.copy(WRAPPER, layer)
    interpreter = tmp_path / "python3.13"
    interpreter.write_text(INTERPRETER, encoding="utf-8")
    interpreter.chmod(0o755)
    command = [wrapper, interpreter, "/var/runtime/bootstrap.py"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    return process.stdout.strip()


def test_the_loop_replaces_the_managed_one_and_modules_are_found_in_lambdas_order(tmp_path: Path) -> None:
    line = started(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime"})

    assert line == f"/var/task:{tmp_path}/a layer/python:/var/runtime|-m qwen_gateway.runtime"


def test_without_a_runtime_folder_the_working_directory_is_not_searched_in_its_place(tmp_path: Path) -> None:
    line = started(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task"})

    assert line == f"/var/task:{tmp_path}/a layer/python|-m qwen_gateway.runtime"


def test_under_sam_local_the_managed_loop_runs(tmp_path: Path) -> None:
    line = started(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task", "AWS_SAM_LOCAL": "true"})

    assert line == "|/var/runtime/bootstrap.py"


def test_lambda_may_execute_it() -> None:
    assert WRAPPER.stat().st_mode & 0o777 == 0o755
