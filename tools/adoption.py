"""Check the tables and the secret that a deployment adopts: `make deploy` calls it before the build.

CloudFormation does not look at them. With a wrong name the deployment would succeed and every call would fail.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3.session
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.doctor.tables import USABLE_STATES
from tools.stage import Stage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

PREFIX = "Existing"
"""A parameter with this prefix adopts a resource in place of the template's resource of the remaining name."""

_MISSING = "ResourceNotFoundException"
_OWN_KMS_KEY = "alias/aws/secretsmanager"
_TIMEOUTS = Config(connect_timeout=5, read_timeout=20)

type KeySchema = list[tuple[str, str, str]]
"""Name, key type and attribute type of each key attribute."""


def find_problems(template_file: Path, parameters: Mapping[str, str], stage: Stage) -> list[str]:
    """Return a line for each table and secret that cannot be adopted: its parameter, what is there, what is expected.

    Nothing is sent to AWS when no parameter adopts anything.

    Args:
        template_file: the template, which has the patterns of the parameters and the key schemas of the tables.
        parameters: the parameters of the deployment.
        stage: its account and region are asked.
    """
    adopted = {name: value for name, value in parameters.items() if name.startswith(PREFIX) and value}
    if not adopted:
        return []
    template: Any = yaml.load(template_file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - strings
    if malformed := list(_find_malformed(template["Parameters"], adopted)):
        return malformed
    try:
        checks = _Checks(stage.create_session(), template["Resources"])
    except AWS_ERRORS as error:
        return [f"{', '.join(adopted)} cannot be checked: {explain_aws_error(error)}"]
    return [f"{name}={value}: {problem}" for name, value in adopted.items() if (problem := checks.run(name, value))]


class _Checks:
    """The checks of one account and region."""

    def __init__(self, session: boto3.session.Session, resources: Mapping[str, Any]) -> None:
        self._resources = resources
        self._region = session.region_name
        self._dynamodb: DynamoDBClient = session.client("dynamodb", config=_TIMEOUTS)
        self._secrets: SecretsManagerClient = session.client("secretsmanager", config=_TIMEOUTS)

    def run(self, parameter: str, value: str) -> str | None:
        """Return why the value of a parameter cannot be adopted, or None."""
        resource = self._resources[parameter.removeprefix(PREFIX)]
        try:
            if resource["Type"] == "AWS::DynamoDB::Table":
                return self._check_table(value, _read_key_schema(resource["Properties"]))
            return self._check_secret(value)
        except AWS_ERRORS as error:
            return f"it cannot be checked: {explain_aws_error(error)}"

    def _check_table(self, name: str, expected: KeySchema) -> str | None:
        try:
            table = self._dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as error:
            return self._explain_missing(error, "table", "aws dynamodb list-tables")
        if table["TableStatus"] not in USABLE_STATES:
            return f"the table is {table['TableStatus']}. Wait: aws dynamodb wait table-exists --table-name {name}"
        found = _read_key_schema(table)
        if found != expected:
            return f"the key of this table is {_format_key(found)}, but the gateway needs {_format_key(expected)}."
        return None

    def _check_secret(self, arn: str) -> str | None:
        region = arn.split(":")[3]
        if region != self._region:
            return f"the secret is in region {region}, but the stack in {self._region}."
        try:
            secret = self._secrets.describe_secret(SecretId=arn)
        except ClientError as error:
            return self._explain_missing(error, "secret", "aws secretsmanager list-secrets")
        if secret["ARN"] != arn:
            return f"the ARN of the secret of this name is {secret['ARN']}."
        if secret.get("DeletedDate"):
            return f"the secret will be deleted. Keep it: aws secretsmanager restore-secret --secret-id {arn}"
        if (key := secret.get("KmsKeyId", _OWN_KMS_KEY)) != _OWN_KMS_KEY:
            return (
                f"the secret is encrypted with {key}, which the functions may not use. Change it: aws secretsmanager "
                f"update-secret --secret-id {arn} --kms-key-id {_OWN_KMS_KEY}"
            )
        return None

    def _explain_missing(self, error: ClientError, kind: str, command: str) -> str:
        if error.response["Error"]["Code"] != _MISSING:
            raise error
        return f"this account has no such {kind} in region {self._region}. List the {kind}s: {command}"


def _find_malformed(declared: Mapping[str, Any], adopted: Mapping[str, str]) -> Iterator[str]:
    for name, value in adopted.items():
        if name not in declared:
            known = [each for each in declared if each.startswith(PREFIX)]
            yield f"The template has no parameter {name}. It has: {', '.join(known)}."
        elif not re.fullmatch(declared[name]["AllowedPattern"], value):
            yield f"{name}={value}: it has to be {declared[name]['ConstraintDescription']}"


def _read_key_schema(table: Any) -> KeySchema:
    """Read the key schema from DescribeTable's answer, or from the properties of the template's resource."""
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    return sorted((each["AttributeName"], each["KeyType"], types[each["AttributeName"]]) for each in table["KeySchema"])


def _format_key(schema: KeySchema) -> str:
    return " and ".join(f"{name} ({key_type}, {attribute_type})" for name, key_type, attribute_type in schema)
