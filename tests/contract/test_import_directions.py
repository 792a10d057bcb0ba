"""The checker of import directions sees a violation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The house in another folder."""
    for folder in ("layers/qwen_gateway/qwen_gateway", "cli/qwen_gateway_cli", "functions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    folders = [str(house / folder) for folder in ("functions", "layers/qwen_gateway", "cli")]
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=house,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_inner_room_that_imports_an_outer_one_is_seen(copy: Path) -> None:
    assert lint(copy).returncode == 0

    errors = copy / "layers/qwen_gateway/qwen_gateway/errors.py"
    errors.write_text(errors.read_text(encoding="utf-8") + "\nimport qwen_gateway.upstream\n", encoding="utf-8")

    seen = lint(copy)
    assert seen.returncode != 0
    assert "qwen_gateway.errors -> qwen_gateway.upstream" in seen.stdout
