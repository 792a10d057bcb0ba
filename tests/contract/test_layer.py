"""What `sam build` puts into the layer, for each processor that the template offers."""

import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.transformed import ROOT, Template, functions, of_type, only

MAKEFILE = ROOT / "layers/qwen_gateway/Makefile"
UNCHECKED_HASH = b"\x01\x00\x00\x00"
MACHINES = {"arm64": 183, "x86_64": 62}
"""EM_AARCH64 and EM_X86_64 of ELF's header, by Lambda's names."""
DEFAULT = "arm64"
"""What `make build` builds."""
COMPILED = {"pydantic_core", "jiter"}
"""Packages that the functions cannot start without, and that are machine code."""


def make(*arguments: str | Path, settings: Mapping[str, str | Path] | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAYER_")}
    environment |= {name: str(value) for name, value in (settings or {}).items()}
    return subprocess.run(["make", *arguments], check=True, env=environment, capture_output=True, text=True).stdout


def platform_of(architecture: str) -> str:
    """What `make build` tells the layer's Makefile for a processor."""
    asked: list[str | Path] = ["-C", ROOT, "--no-print-directory", f"ARCHITECTURE={architecture}"]
    return make(*asked, "--eval", "platform: ; @echo $(PLATFORM_$(ARCHITECTURE))", "platform").strip()


LAYER_BUILD_S = 300

pytestmark = pytest.mark.timeout(LAYER_BUILD_S)


def layer_test(architecture: str) -> Any:
    """Return the parameter for an architecture; all but the template's default are built by `make test-all` only."""
    return pytest.param(architecture, marks=[] if architecture == DEFAULT else pytest.mark.thorough)


@pytest.fixture(scope="module", params=[layer_test(architecture) for architecture in sorted(MACHINES)])
def architecture(request: pytest.FixtureRequest) -> str:
    """Lambda's name of the processor that the layer is built for."""
    return str(request.param)


@pytest.fixture(scope="module")
def layer(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer as `make build` has it built."""
    target = tmp_path_factory.mktemp(architecture)
    uv = next(path for path in (*_on_path("uv"), ROOT / ".tools/uv/bin/uv") if path.exists())
    settings: dict[str, str | Path] = {
        "ARTIFACTS_DIR": target,
        "LAYER_UV": uv,
        "LAYER_PYTHON": os.path.realpath(sys.executable),
        "LAYER_PLATFORM": platform_of(architecture),
    }
    make("-C", ROOT / "layers/qwen_gateway", "build-QwenGatewayLayer", settings=settings)
    return target


def _on_path(name: str) -> list[Path]:
    return [Path(folder) / name for folder in os.environ["PATH"].split(os.pathsep)]


def test_the_template_offers_the_processors_that_can_be_built_for(template: Template) -> None:
    offered = template["Parameters"]["Architecture"]

    assert set(offered["AllowedValues"]) == MACHINES.keys()
    assert all(function["Architectures"] == [{"Ref": "Architecture"}] for function in functions(template).values())
    assert only(template, "AWS::Lambda::LayerVersion")["CompatibleArchitectures"] == [{"Ref": "Architecture"}]


def test_what_is_built_when_nothing_is_said_is_what_the_template_deploys(template: Template) -> None:
    default = template["Parameters"]["Architecture"]["Default"]

    said = make("-C", ROOT, "--no-print-directory", "--eval", "said: ; @echo $(ARCHITECTURE)", "said").strip()
    layers_own = re.search(r"^LAYER_PLATFORM \?= (.+)$", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert said == default == DEFAULT
    assert layers_own is not None
    assert layers_own[1] == platform_of(default)


def test_its_machine_code_is_that_of_the_processor(layer: Path, architecture: str) -> None:
    machines = {path: machine(path) for path in layer.rglob("*") if path.is_file()}
    compiled = {path: code for path, code in machines.items() if code is not None}

    assert {path for path in compiled if ".so" in path.suffixes} == set(layer.rglob("*.so"))
    assert {path.relative_to(layer / "python").parts[0] for path in compiled} >= COMPILED
    assert set(compiled.values()) == {MACHINES[architecture]}


def machine(path: Path) -> int | None:
    """Return the machine in the header of an ELF file, None of any other file."""
    with path.open("rb") as file:
        header = file.read(20)
    if header[:4] != b"\x7fELF":
        return None
    (code,) = struct.unpack("<H", header[18:20])
    return int(code)


def test_it_fits(layer: Path, tmp_path: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(layer))

    assert sum(path.stat().st_size for path in files) <= 45_000_000
    assert (tmp_path / "layer.zip").stat().st_size <= 15_000_000


def test_it_leaves_out_what_the_runtime_brings(layer: Path) -> None:
    assert not {"boto3", "botocore", "s3transfer"} & {path.name for path in (layer / "python").iterdir()}
    assert {path.name for path in layer.iterdir()} == {"python", "qwen-gateway-runtime"}


def test_it_leaves_out_what_only_the_repository_needs(layer: Path) -> None:
    """Neither the command nor tests, nor what the installer wrote for itself."""
    assert {path.name for path in layer.iterdir()} == {"python", "qwen-gateway-runtime"}
    assert not {"qwen_gateway_cli", "tests", "bin", ".lock"} & {path.name for path in (layer / "python").iterdir()}


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


REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "a-region-1-of-tomorrow")
CLIENTS = """
import json, sys
from qwen_gateway import aws
print(json.dumps([
    [client.meta.endpoint_url, sorted(client.meta.service_model.operation_names)]
    for client in (aws.dynamodb(), aws.secretsmanager())
]))
"""


def clients(package: Path, region: str) -> Any:
    """Endpoint and operations of the functions' clients, as the runtime's own botocore makes them."""
    variables = {"PYTHONPATH": str(package), "AWS_DEFAULT_REGION": region}
    look: list[str | Path] = [ROOT / ".tools/runtime/bin/python", "-B", "-c", CLIENTS]
    return json.loads(subprocess.run(look, check=True, env=variables, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("region", REGIONS)
def test_its_copy_of_botocores_data_leads_to_the_same_endpoints(layer: Path, region: str) -> None:
    whole, copied = clients(ROOT / "layers/qwen_gateway", region), clients(layer / "python", region)

    assert [endpoint for endpoint, _ in copied] == [endpoint for endpoint, _ in whole]


def test_its_copy_of_botocores_data_knows_what_roles_allow_and_no_more(layer: Path, template: Template) -> None:
    allowed = {
        action
        for role in of_type(template, "AWS::IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if not action.startswith("logs:")
    }
    (_, tables), (_, secrets) = clients(layer / "python", "us-east-1")

    assert {*(f"dynamodb:{name}" for name in tables), *(f"secretsmanager:{name}" for name in secrets)} == allowed
