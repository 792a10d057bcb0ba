"""Write the policies of .github/aws-role.yaml as JSON, for accounts that manage IAM otherwise: `make docs`.

STACK_NAME, REGION, ACCOUNT_ID and PARTITION (aws, aws-cn or aws-us-gov) are placeholders.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / ".github/aws-role.yaml"
FOLDER = ROOT / "docs/iam"
_PLACEHOLDERS = {
    "AWS::AccountId": "ACCOUNT_ID",
    "AWS::Partition": "PARTITION",
    "AWS::Region": "REGION",
    "StackName": "STACK_NAME",
}


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # yaml has no types
    """Loader that replaces `!Sub` and leaves other intrinsic functions out: no policy contains one."""


def _substitute(loader: _Loader, node: yaml.ScalarNode) -> str:
    return re.sub(r"\$\{([\w:]+)\}", lambda name: _PLACEHOLDERS.get(name[1], name[0]), loader.construct_scalar(node))


_Loader.add_constructor("!Sub", _substitute)
_Loader.add_multi_constructor("!", lambda _, suffix, __: f"!{suffix}")


def read_policies() -> dict[str, dict[str, Any]]:
    """Return the policy documents of the template by logical id, with placeholders."""
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return {
        name: each["Properties"]["PolicyDocument"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::ManagedPolicy"
    }


def format_files() -> dict[Path, str]:
    """Return the content of each file of docs/iam."""
    return {
        FOLDER / f"{name.removesuffix('Policy').lower()}.json": json.dumps(document, indent=2) + "\n"
        for name, document in read_policies().items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in format_files().items():
        file.write_text(text, encoding="utf-8")
