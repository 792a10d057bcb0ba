"""What lies in the repository is what calls run on: the newest layer stands behind the alias.

Only code is compared: the build makes other files of the data.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.smoke.target import Account

PACKAGE = Path(__file__).parents[2] / "layers/qwen_gateway/qwen_gateway"
INSIDE = Path("python/qwen_gateway")
"""Where the package lies in the layer."""
FUNCTIONS = ("ChatFunction", "ModelsFunction")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_layer_behind_the_alias_is_the_one_that_lies_here(account: Account, function: str) -> None:
    resource = account.stack.clients.cloudformation.describe_stack_resource(
        StackName=account.name, LogicalResourceId=function
    )
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    (layer,) = account.functions.get_function_configuration(FunctionName=name, Qualifier="live")["Layers"]
    location = account.functions.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]["Location"]

    with zipfile.ZipFile(io.BytesIO(httpx2.get(location, timeout=60).raise_for_status().content)) as deployed:
        there = {name: hash_of(deployed.read(name)) for name in deployed.namelist() if is_source(Path(name))}

    here = {
        str(INSIDE / path.relative_to(PACKAGE)): hash_of(path.read_bytes())
        for path in PACKAGE.rglob("*")
        if is_source(INSIDE / path.relative_to(PACKAGE))
    }
    assert there == here, "the stack runs other sources: `make deploy` them"


def is_source(path: Path) -> bool:
    return path.is_relative_to(INSIDE) and path.suffix == ".py"


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
