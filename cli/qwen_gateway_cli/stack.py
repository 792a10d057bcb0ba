"""Which stack a command addresses: `--stack NAME` on AWS, or else the local one that runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import boto3.session
import typer
from botocore.config import Config
from botocore.exceptions import ClientError

from qwen_gateway_cli.console import note, refuse
from qwen_gateway_cli.failures import AWS_FAILURES
from qwen_gateway_cli.local import aws, stackfile

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

StackOption = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="A stack on AWS (credentials and region as boto3 finds them)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_PATIENCE = Config(connect_timeout=5, read_timeout=20)
"""Instead of a minute for each: an address that nobody answers should be told while somebody still waits."""
_NO_STACK = (
    "No stack is addressed: none runs on this machine, and --stack was not given. "
    "Start one with `qwen-gateway up`, or name one on AWS with --stack NAME."
)


class Clients(NamedTuple):
    """The AWS clients of one account, real or emulated."""

    cloudformation: "CloudFormationClient"
    dynamodb: "DynamoDBClient"
    secretsmanager: "SecretsManagerClient"


class Stack(NamedTuple):
    """A deployed gateway: what its template put out, and the clients that reach it."""

    base_url: str
    keys_table: str
    usage_table: str
    provider_keys_secret: str
    gateway_config: str
    access_logs: bool
    clients: Clients


def address(name: str | None) -> Stack:
    """Return the stack to work on, and say on standard error which one that is.

    Raises:
        CommandRefused: there is no such stack, or none was named and none runs here.
    """
    return find(name) or refuse(_NO_STACK)


def find(name: str | None) -> Stack | None:
    """Return the stack as `address` does, or None when none was named and none runs here."""
    return _running_here() if name is None else _on_aws(name)


def repository_root() -> Path:
    """Return the repository that the command belongs to: the current folder's, or else the one it was installed from.

    Raises:
        CommandRefused: neither is part of a repository of the gateway.
    """
    here, installed = Path.cwd(), Path(__file__)
    for folder in (here, *here.parents, *installed.parents):
        if (folder / "template.yaml").is_file() and (folder / "samconfig.toml").is_file():
            return folder
    return refuse(
        "Neither this folder nor the command's own belongs to the gateway's repository. Change into it, or clone it."
    )


def _on_aws(name: str) -> Stack:
    session = boto3.session.Session()
    clients = Clients(
        session.client("cloudformation", config=_PATIENCE),
        session.client("dynamodb", config=_PATIENCE),
        session.client("secretsmanager", config=_PATIENCE),
    )
    note(f"stack {name} on AWS, region {session.region_name}")
    try:
        description = _describe(clients.cloudformation, name)
    except ClientError as failure:
        if failure.response["Error"]["Code"] != "ValidationError":
            raise
        refuse(
            f"There is no stack {name!r} in region {session.region_name}. Check the name, the region and the account."
        )
    return _stack(description, clients)


def _running_here() -> Stack | None:
    local = stackfile.read(repository_root())
    if local is None:
        return None
    note(f"local stack at {local.base_url}")
    endpoint = local.aws_endpoint_url
    clients = Clients(
        aws.client("cloudformation", endpoint), aws.client("dynamodb", endpoint), aws.client("secretsmanager", endpoint)
    )
    try:
        description = _describe(clients.cloudformation, local.stack_name)
    except AWS_FAILURES:
        refuse("The local stack does not answer. Start it anew: `qwen-gateway down`, then `qwen-gateway up`.")
    return _stack(description, clients)._replace(base_url=local.base_url)


def _describe(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef":
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def _stack(description: "StackTypeDef", clients: Clients) -> Stack:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in description.get("Parameters", [])}
    try:
        return Stack(
            base_url=outputs["BaseUrl"],
            keys_table=outputs["KeysTable"],
            usage_table=outputs["UsageTable"],
            provider_keys_secret=outputs["ProviderKeysSecret"],
            gateway_config=parameters.get("GatewayConfig", ""),
            access_logs=parameters.get("AccessLogs") == "on",
            clients=clients,
        )
    except KeyError as missing:
        refuse(
            f"The stack {description['StackName']!r} has no output {missing}: it is no Qwen Gateway, or its deployment "
            f"did not succeed (status {description['StackStatus']})."
        )
