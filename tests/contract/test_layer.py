"""What `sam build` puts into the layer."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNCHECKED_HASH = b"\x01\x00\x00\x00"


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The layer as the Makefile builds it for this machine."""
    target = tmp_path_factory.mktemp("layer")
    uv = next(path for path in (*_on_path("uv"), ROOT / ".tools/uv/bin/uv") if path.exists())
    settings = {
        "ARTIFACTS_DIR": str(target),
        "LAYER_UV": str(uv),
        "LAYER_PYTHON": os.path.realpath(sys.executable),
        "LAYER_PLATFORM": "host",
    }
    command = ["make", "-C", ROOT / "layers/qwen_gateway", "build-QwenGatewayLayer"]
    subprocess.run(command, check=True, env=os.environ | settings)
    return target


def _on_path(name: str) -> list[Path]:
    return [Path(folder) / name for folder in os.environ["PATH"].split(os.pathsep)]


def test_it_fits(layer: Path, tmp_path: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(layer))

    assert sum(path.stat().st_size for path in files) <= 45_000_000
    assert (tmp_path / "layer.zip").stat().st_size <= 15_000_000


def test_it_leaves_out_what_the_runtime_brings(layer: Path) -> None:
    assert not {"boto3", "botocore", "s3transfer"} & {path.name for path in (layer / "python").iterdir()}


def test_every_module_has_bytecode_that_needs_no_look_at_the_source(layer: Path) -> None:
    sources = list((layer / "python").rglob("*.py"))
    compiled = [path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources]

    assert len(sources) > 1000
    assert all(path.read_bytes()[4:8] == UNCHECKED_HASH for path in compiled)


def test_its_data_is_json(layer: Path) -> None:
    package = layer / "python/qwen_gateway"

    assert (package / "gateway.json").exists()
    assert not list(package.rglob("*.toml"))


def test_its_wrapper_can_be_executed(layer: Path) -> None:
    assert (layer / "qwen-gateway-runtime").stat().st_mode & 0o777 == 0o755
