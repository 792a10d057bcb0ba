"""import-linter detects a violation of the import contracts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the source tree."""
    for folder in ("layers/qwen_gateway/qwen_gateway", "cli/qwen_gateway_cli", "functions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run_import_linter(source_tree: Path) -> subprocess.CompletedProcess[str]:
    folders = [str(source_tree / folder) for folder in ("functions", "layers/qwen_gateway", "cli")]
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=source_tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_inner_package_that_imports_an_outer_one_is_reported(copy: Path) -> None:
    assert run_import_linter(copy).returncode == 0

    errors = copy / "layers/qwen_gateway/qwen_gateway/errors.py"
    errors.write_text(errors.read_text(encoding="utf-8") + "\nimport qwen_gateway.upstream\n", encoding="utf-8")

    result = run_import_linter(copy)
    assert result.returncode != 0
    assert "qwen_gateway.errors -> qwen_gateway.upstream" in result.stdout
