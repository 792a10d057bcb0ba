"""Print the AWS operations that the roles of the template allow: `make aws-operations`.

It reads the transformed template from standard input. The layer's build needs the operations, but runs in a copy of the
layer's folder, without the template and without a YAML parser.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "layers/qwen_gateway/aws-operations.json"
CALLED_BY_LAMBDA = {"logs"}
"""Services that Lambda itself calls with a function's role."""


def format_operations(template: Mapping[str, Any]) -> str:
    """Return the operations by service, as the text of `FILE`."""
    operations: dict[str, list[str]] = {}
    for service, _, operation in sorted(action.partition(":") for action in _list_actions(template)):
        if service not in CALLED_BY_LAMBDA:
            operations.setdefault(service, []).append(operation)
    return json.dumps(operations, indent=2) + "\n"


def _list_actions(template: Mapping[str, Any]) -> set[str]:
    roles = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    policies = [policy["PolicyDocument"] for role in roles for policy in role["Policies"]]
    actions = [statement["Action"] for policy in policies for statement in policy["Statement"]]
    return {name for named in actions for name in ([named] if isinstance(named, str) else named)}


if __name__ == "__main__":
    sys.stdout.write(format_operations(json.load(sys.stdin)))
