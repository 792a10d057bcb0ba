"""The policies of .github/aws-role.yaml, and what IAM would say to a recorded AWS call."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tools.iam_policies import read_policies

ACTIONS: Mapping[str, str] = {
    "apigateway:GetAccount": "apigateway:GET",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:HeadObject": "s3:GetObject",
    "s3:UploadPart": "s3:PutObject",
}
"""The IAM actions of the operations that are named otherwise (AWS Service Authorization Reference)."""

VALUES = {"ACCOUNT_ID": "123456789012", "PARTITION": "aws", "REGION": "us-east-1", "STACK_NAME": "qwen-gateway-dev"}


def list_permissions(*policies: str) -> set[tuple[str, str]]:
    """Return (action, resource pattern) of all statements of these policies."""
    documents = read_policies()
    return {
        (action, fill_placeholders(resource))
        for name in policies
        for statement in documents[name]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }


def fill_placeholders(text: str) -> str:
    for name, value in VALUES.items():
        text = text.replace(name, value)
    return text


def find_action(service: str, operation: str) -> str:
    """Return the IAM action of an operation."""
    name = f"{service}:{operation}"
    return ACTIONS.get(name, name)


def find_denied(calls: Iterable[tuple[str, str]], allowed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the (action, ARN) that no permission covers."""
    return {call for call in calls if not any(_covers(permission, call) for permission in allowed)}


def find_unused(calls: Iterable[tuple[str, str]], allowed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the permissions that no call needs."""
    called = set(calls)
    return {permission for permission in allowed if not any(_covers(permission, call) for call in called)}


def _covers(permission: tuple[str, str], call: tuple[str, str]) -> bool:
    (action, pattern), (called, arn) = permission, call
    return action == called and fnmatchcase(arn, pattern)


def _list(value: Any) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value
