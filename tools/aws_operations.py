"""Print the AWS operations that the roles of the API's functions allow: `make aws-operations`.

Other functions have no cold start to save, and use clients of boto3 with all operations.

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


def find_api_functions(template: Mapping[str, Any]) -> set[str]:
    """Return the logical ids of the functions that API Gateway invokes."""
    resources = template["Resources"]
    permissions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"]
    aliases = {each["FunctionName"]["Ref"] for each in permissions if each["Principal"] == "apigateway.amazonaws.com"}
    return {resources[alias]["Properties"]["FunctionName"]["Ref"] for alias in aliases}


def _list_actions(template: Mapping[str, Any]) -> set[str]:
    resources = template["Resources"]
    roles = [
        resources[resources[name]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        for name in find_api_functions(template)
    ]
    policies = [policy["PolicyDocument"] for role in roles for policy in role["Policies"]]
    actions = [statement["Action"] for policy in policies for statement in policy["Statement"]]
    return {name for named in actions for name in ([named] if isinstance(named, str) else named)}


if __name__ == "__main__":
    sys.stdout.write(format_operations(json.load(sys.stdin)))
