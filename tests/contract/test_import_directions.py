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
    for folder in ("layers/qwen_gateway/qwen_gateway", "cli/qwen_gateway_cli", "functions", "tools"):
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


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("layers/qwen_gateway/qwen_gateway/errors.py", "qwen_gateway.upstream"),
        ("layers/qwen_gateway/qwen_gateway/errors.py", "tools.bench"),
        ("functions/chat/service.py", "tools.bench"),
        ("cli/qwen_gateway_cli/main.py", "tools.openapi"),
        ("cli/qwen_gateway_cli/stack.py", "qwen_gateway_cli.local"),
        ("cli/qwen_gateway_cli/batch/command.py", "qwen_gateway_cli.local"),
    ],
)
def test_an_import_against_the_contracts_is_reported(copy: Path, file: str, imported: str) -> None:
    source = copy / file
    source.write_text(f"{source.read_text(encoding='utf-8')}\nimport {imported}\n", encoding="utf-8")

    result = run_import_linter(copy)

    assert result.returncode != 0
    package = file.removeprefix("layers/qwen_gateway/").removeprefix("cli/").removeprefix("functions/")
    assert f"{package.removesuffix('.py').replace('/', '.')} -> {imported}" in result.stdout


def test_the_contracts_hold(copy: Path) -> None:
    assert run_import_linter(copy).returncode == 0


def test_a_module_of_the_command_without_a_layer_is_reported(copy: Path) -> None:
    (copy / "cli/qwen_gateway_cli/new_module.py").write_text("", encoding="utf-8")

    result = run_import_linter(copy)

    assert result.returncode != 0
    assert "new_module" in result.stdout
