"""The script that replaces the managed runtime (AWS_LAMBDA_EXEC_WRAPPER)."""

import shutil
import subprocess
from pathlib import Path

WRAPPER = Path(__file__).parents[3] / "layers" / "qwen_gateway" / "qwen-gateway-runtime"
INTERPRETER = '#!/bin/sh\necho "$PYTHONPATH|$*"\n'


def run_wrapper(tmp_path: Path, environment: dict[str, str]) -> str:
    """Run the script and return PYTHONPATH and the arguments of the interpreter."""
    layer = tmp_path / "a layer"
    layer.mkdir()
    wrapper = shutil.copy(WRAPPER, layer)
    interpreter = tmp_path / "python3.13"
    interpreter.write_text(INTERPRETER, encoding="utf-8")
    interpreter.chmod(0o755)
    command = [wrapper, interpreter, "/var/runtime/bootstrap.py"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    return process.stdout.strip()


def test_it_starts_the_loop_with_the_module_search_order_of_lambda(tmp_path: Path) -> None:
    line = run_wrapper(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime"})

    assert line == f"/var/task:{tmp_path}/a layer/python:/var/runtime|-m qwen_gateway.runtime"


def test_without_a_runtime_folder_the_search_path_has_no_empty_entry(tmp_path: Path) -> None:
    line = run_wrapper(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task"})

    assert line == f"/var/task:{tmp_path}/a layer/python|-m qwen_gateway.runtime"


def test_under_sam_local_it_starts_the_managed_runtime(tmp_path: Path) -> None:
    line = run_wrapper(tmp_path, {"LAMBDA_TASK_ROOT": "/var/task", "AWS_SAM_LOCAL": "true"})

    assert line == "|/var/runtime/bootstrap.py"


def test_it_is_executable() -> None:
    assert WRAPPER.stat().st_mode & 0o777 == 0o755
