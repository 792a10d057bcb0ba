"""The alias uses the layer of this repository.

Only Python files are compared: the build compiles the data files.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.smoke.claims import Claim, proves
from tests.smoke.target import FUNCTIONS, Account

PACKAGE = Path(__file__).parents[2] / "layers/qwen_gateway/qwen_gateway"
PACKAGE_IN_LAYER = Path("python/qwen_gateway")
"""The folder of the package in the layer."""


@proves(Claim.LAYER)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_alias_uses_the_layer_of_this_repository(account: Account, function: str) -> None:
    (layer,) = account.read_configuration(function)["Layers"]
    location = account.functions.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]["Location"]

    with zipfile.ZipFile(io.BytesIO(httpx2.get(location, timeout=60).raise_for_status().content)) as deployed:
        remote = {name: compute_hash(deployed.read(name)) for name in deployed.namelist() if is_source(Path(name))}

    local = {
        str(PACKAGE_IN_LAYER / path.relative_to(PACKAGE)): compute_hash(path.read_bytes())
        for path in PACKAGE.rglob("*")
        if is_source(PACKAGE_IN_LAYER / path.relative_to(PACKAGE))
    }
    assert remote == local, "the deployed layer differs from this repository: run `make deploy`"


def is_source(path: Path) -> bool:
    return path.is_relative_to(PACKAGE_IN_LAYER) and path.suffix == ".py"


def compute_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
