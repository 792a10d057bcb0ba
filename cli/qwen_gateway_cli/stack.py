"""The stack that a command works on: `--stack NAME` on AWS, or else the running local stack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import boto3.session
import typer
from botocore.exceptions import ClientError

from qwen_gateway_cli import stackfile
from qwen_gateway_cli.aws_clients import Clients, create_clients, create_local_clients
from qwen_gateway_cli.aws_errors import AWS_ERRORS
from qwen_gateway_cli.console import note, refuse

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

StackOption = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="A stack on AWS. boto3 finds the credentials and the region."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# The defaults of the template.
_DEFAULT_RETENTION_DAYS = 400
_DEFAULT_MEMORY_MB = 512
_DEFAULT_ARCHITECTURE = "arm64"
_NO_STACK = (
    "There is no stack to work on: no local stack is running and --stack is missing. "
    "Start one with `qwen-gateway up`, or select one on AWS with --stack NAME."
)


class Stack(NamedTuple):
    """A deployed gateway: its outputs and parameters, and its AWS clients."""

    base_url: str
    keys_table: str
    usage_table: str
    provider_keys_secret: str
    gateway_config: str
    access_logs: bool
    usage_retention_days: int
    memory_mb: int
    architecture: str
    clients: Clients


def require_stack(name: str | None) -> Stack:
    """Return the stack to work on, and print which one it is on standard error.

    Raises:
        CommandRefused: there is no such stack, or no name was given and no local stack is running.
    """
    return find_stack(name) or refuse(_NO_STACK)


def find_stack(name: str | None) -> Stack | None:
    """Return the stack as `require_stack` does, or None without a name and a running local stack."""
    return _find_local_stack() if name is None else find_aws_stack(name, boto3.session.Session())


def find_aws_stack(name: str, session: boto3.session.Session) -> Stack:
    """Return a stack on AWS, and print its name and region on standard error.

    Raises:
        CommandRefused: there is no such stack.
    """
    clients = create_clients(session)
    note(f"stack {name} on AWS, region {session.region_name}")
    try:
        description = _describe_stack(clients.cloudformation, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        refuse(
            f"There is no stack {name!r} in region {session.region_name}. Check the name, the region and the account."
        )
    return _build_stack(description, clients)


def find_repository_root() -> Path:
    """Return the root of the repository: that of the current folder, or else the one with the installed command.

    Raises:
        CommandRefused: neither folder is inside a repository of the gateway.
    """
    current = Path.cwd()
    for folder in (current, *current.parents, *Path(__file__).parents):
        if (folder / "template.yaml").is_file() and (folder / "samconfig.toml").is_file():
            return folder
    return refuse(
        "Neither this folder nor the installed command is inside the gateway's repository. Change into it, or clone it."
    )


def _find_local_stack() -> Stack | None:
    local = stackfile.read(find_repository_root())
    if local is None:
        return None
    note(f"local stack at {local.base_url}")
    clients = create_local_clients(local.aws_endpoint_url)
    try:
        description = _describe_stack(clients.cloudformation, local.stack_name)
    except AWS_ERRORS:
        refuse("The local stack does not answer. Restart it: `qwen-gateway down`, then `qwen-gateway up`.")
    return _build_stack(description, clients)._replace(base_url=local.base_url)


def _describe_stack(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef":
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def _build_stack(description: "StackTypeDef", clients: Clients) -> Stack:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    parameters = {
        parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in description.get("Parameters", [])
    }
    try:
        return Stack(
            base_url=outputs["BaseUrl"],
            keys_table=outputs["KeysTable"],
            usage_table=outputs["UsageTable"],
            provider_keys_secret=outputs["ProviderKeysSecret"],
            gateway_config=parameters.get("GatewayConfig", ""),
            access_logs=parameters.get("AccessLogs") == "on",
            usage_retention_days=int(parameters.get("UsageRetentionDays", _DEFAULT_RETENTION_DAYS)),
            memory_mb=int(parameters.get("MemorySize", _DEFAULT_MEMORY_MB)),
            architecture=parameters.get("Architecture", _DEFAULT_ARCHITECTURE),
            clients=clients,
        )
    except KeyError as missing:
        refuse(
            f"The stack {description['StackName']!r} has no output {missing}: it is not a Qwen Gateway, or its "
            f"deployment failed (status {description['StackStatus']})."
        )
