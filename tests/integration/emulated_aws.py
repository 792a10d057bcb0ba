"""AWS emulated by moto, with the tables and the secret of template.yaml."""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import boto3
import yaml
from botocore.config import Config
from moto import mock_aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class Aws(NamedTuple):
    """An emulated account with the stack's state. Names are the logical ids of the template."""

    dynamodb: "DynamoDBClient"
    secretsmanager: "SecretsManagerClient"
    keys_table: str
    usage_table: str
    provider_keys_secret: str

    def store_provider_keys(self, **keys: str) -> None:
        """Fill the secret as the operator's command does."""
        document = {provider: {"key": key, "set_at": "2026-11-24T09:00:00Z"} for provider, key in keys.items()}
        self.secretsmanager.put_secret_value(SecretId=self.provider_keys_secret, SecretString=json.dumps(document))


@contextmanager
def emulated_aws() -> Iterator[Aws]:
    """Create the tables and the secret in an empty account; the environment sets region and credentials."""
    resources = _template()["Resources"]
    with mock_aws():
        dynamodb, secretsmanager = _clients()
        for name in ("KeysTable", "UsageTable"):
            _make_table(dynamodb, name, resources[name]["Properties"])
        secretsmanager.create_secret(Name="ProviderKeysSecret", **resources["ProviderKeysSecret"]["Properties"])
        yield Aws(dynamodb, secretsmanager, "KeysTable", "UsageTable", "ProviderKeysSecret")


@functools.cache
def _clients() -> "tuple[DynamoDBClient, SecretsManagerClient]":
    """Return clients for the whole session; moto starts each account empty, whichever client calls it."""
    account: dict[str, Any] = {
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(ignore_configured_endpoint_urls=True),  # type: ignore[call-arg]
    }
    return boto3.client("dynamodb", **account), boto3.client("secretsmanager", **account)


class TemplateLoader(yaml.SafeLoader):
    """Loader for CloudFormation's YAML: a short intrinsic function becomes its name and argument."""


def _intrinsic(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)}


TemplateLoader.add_multi_constructor("!", _intrinsic)


@functools.cache
def _template() -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), TemplateLoader)  # noqa: S506 - a SafeLoader
    return template


def _make_table(dynamodb: "DynamoDBClient", name: str, properties: dict[str, Any]) -> None:
    same = ("BillingMode", "AttributeDefinitions", "KeySchema")
    dynamodb.create_table(TableName=name, **{each: properties[each] for each in same})
    if lifetime := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=lifetime)
