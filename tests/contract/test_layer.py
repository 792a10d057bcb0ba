"""Contents of the layer that `sam build` makes, for each architecture of the template."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.template import HOOKS, ROOT, SCHEDULED, Template, find_functions, find_resource
from tools.deploy import TARGETS, read_machine

MAKEFILE = ROOT / "layers/qwen_gateway/Makefile"
UNCHECKED_HASH = b"\x01\x00\x00\x00"
COMPILED = {"pydantic_core", "jiter"}
"""Packages with machine code that the functions need at start."""


def run_make(*arguments: str | Path, settings: Mapping[str, str | Path] | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAYER_")}
    environment |= {name: str(value) for name, value in (settings or {}).items()}
    return subprocess.run(["make", *arguments], check=True, env=environment, capture_output=True, text=True).stdout


DEFAULT_ARCHITECTURE = "arm64"
pytestmark = pytest.mark.timeout(300)


def layer_parameter(architecture: str) -> Any:
    """Return the parameter of an architecture; only `make test-all` builds those that are not the default."""
    return pytest.param(architecture, marks=[] if architecture == DEFAULT_ARCHITECTURE else pytest.mark.thorough)


@pytest.fixture(scope="module", params=[layer_parameter(architecture) for architecture in sorted(TARGETS)])
def architecture(request: pytest.FixtureRequest) -> str:
    """Return Lambda's name of the architecture."""
    return str(request.param)


@pytest.fixture(scope="module")
def layer(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the layer as `make build` does, and return its folder."""
    target = tmp_path_factory.mktemp(architecture)
    uv = next(path for path in (*_find_candidates("uv"), ROOT / ".tools/uv/bin/uv") if path.exists())
    settings: dict[str, str | Path] = {
        "ARTIFACTS_DIR": target,
        "LAYER_UV": uv,
        "LAYER_PYTHON": os.path.realpath(sys.executable),
        "LAYER_PLATFORM": TARGETS[architecture].platform,
    }
    run_make("-C", ROOT / "layers/qwen_gateway", "build-QwenGatewayLayer", settings=settings)
    return target


def _find_candidates(name: str) -> list[Path]:
    return [Path(folder) / name for folder in os.environ["PATH"].split(os.pathsep)]


def test_the_template_offers_the_architectures_that_the_build_supports(template: Template) -> None:
    offered = template["Parameters"]["Architecture"]

    assert set(offered["AllowedValues"]) == TARGETS.keys()
    assert all(function["Architectures"] == [{"Ref": "Architecture"}] for function in find_functions(template).values())
    assert find_resource(template, "AWS::Lambda::LayerVersion")["CompatibleArchitectures"] == [{"Ref": "Architecture"}]


def test_the_default_platform_of_the_layer_is_that_of_the_template(template: Template) -> None:
    default = template["Parameters"]["Architecture"]["Default"]

    layer_default = re.search(r"^LAYER_PLATFORM \?= (.+)$", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert layer_default is not None
    assert layer_default[1] == TARGETS[default].platform


def test_the_machine_code_matches_the_architecture(layer: Path, architecture: str) -> None:
    machines = {path: read_machine(path) for path in layer.rglob("*") if path.is_file()}
    compiled = {path: code for path, code in machines.items() if code is not None}

    assert {path for path in compiled if ".so" in path.suffixes} == set(layer.rglob("*.so"))
    assert {path.relative_to(layer / "python").parts[0] for path in compiled} >= COMPILED
    assert set(compiled.values()) == {TARGETS[architecture].machine}


def test_the_layer_stays_within_its_size_limits(layer: Path, tmp_path: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(layer))

    assert sum(path.stat().st_size for path in files) <= 45_000_000
    assert (tmp_path / "layer.zip").stat().st_size <= 15_000_000


def test_the_layer_excludes_the_packages_of_the_managed_runtime(layer: Path) -> None:
    assert not {"boto3", "botocore", "s3transfer"} & {path.name for path in (layer / "python").iterdir()}
    assert {path.name for path in layer.iterdir()} == {"python", "qwen-gateway-runtime"}


def test_the_layer_excludes_the_command_the_tests_and_installer_files(layer: Path) -> None:
    assert {path.name for path in layer.iterdir()} == {"python", "qwen-gateway-runtime"}
    assert not {"qwen_gateway_cli", "tests", "bin", ".lock"} & {path.name for path in (layer / "python").iterdir()}


def test_every_module_has_unchecked_hash_bytecode(layer: Path) -> None:
    sources = list((layer / "python").rglob("*.py"))
    compiled = [path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources]

    assert len(sources) > 1000
    assert all(path.read_bytes()[4:8] == UNCHECKED_HASH for path in compiled)


def test_data_files_are_compiled_to_json(layer: Path) -> None:
    package = layer / "python/qwen_gateway"

    assert (package / "gateway.json").exists()
    assert not list(package.rglob("*.toml"))


def test_the_wrapper_is_executable(layer: Path) -> None:
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


def describe_clients(package: Path, region: str) -> Any:
    """Return endpoint and operations of the functions' clients, made by the managed runtime's botocore."""
    variables = {"PYTHONPATH": str(package), "AWS_DEFAULT_REGION": region}
    command: list[str | Path] = [ROOT / ".tools/runtime/bin/python", "-B", "-c", CLIENTS]
    return json.loads(subprocess.run(command, check=True, env=variables, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("region", REGIONS)
def test_the_reduced_botocore_data_resolves_the_same_endpoints(layer: Path, region: str) -> None:
    whole, copied = describe_clients(ROOT / "layers/qwen_gateway", region), describe_clients(layer / "python", region)

    assert [endpoint for endpoint, _ in copied] == [endpoint for endpoint, _ in whole]


def test_the_reduced_botocore_data_has_exactly_the_operations_that_the_roles_allow(
    layer: Path, template: Template
) -> None:
    functions = find_functions(template)
    roles = [functions[name]["Role"]["Fn::GetAtt"][0] for name in functions.keys() - HOOKS - SCHEDULED]
    allowed = {
        action
        for role in roles
        for policy in template["Resources"][role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if not action.startswith("logs:")
    }
    (_, tables), (_, secrets) = describe_clients(layer / "python", "us-east-1")

    assert {*(f"dynamodb:{name}" for name in tables), *(f"secretsmanager:{name}" for name in secrets)} == allowed
