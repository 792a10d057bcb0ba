"""The AWS clients of the operator's command, for AWS and for the emulated AWS of the local stack."""

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, overload

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

if TYPE_CHECKING:
    import boto3.session
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_secretsmanager import SecretsManagerClient

LOCAL_REGION = "us-east-1"
LOCAL_KEY = "test"
"""The access key ID and the secret access key of the emulated AWS."""

# Shorter than boto3's 60 s each, so that an unreachable endpoint is reported soon.
_AWS_CONFIG = Config(connect_timeout=5, read_timeout=20)
# With an empty mapping botocore does not read proxies from the environment.
_LOCAL_CONFIG = Config(
    proxies={}, retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=20
)
# Session variables without environment variables and files: every setting keeps its default.
_DEFAULTS_ONLY = {
    name: (None, None, default, conversion)
    for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Clients(NamedTuple):
    """The AWS clients of a stack."""

    cloudformation: "CloudFormationClient"
    dynamodb: "DynamoDBClient"
    secretsmanager: "SecretsManagerClient"


def create_clients(session: "boto3.session.Session") -> Clients:
    """Return clients for AWS, with the credentials and the region of a session."""
    return Clients(
        session.client("cloudformation", config=_AWS_CONFIG),
        session.client("dynamodb", config=_AWS_CONFIG),
        session.client("secretsmanager", config=_AWS_CONFIG),
    )


def create_local_clients(endpoint: str) -> Clients:
    """Return clients for the emulated AWS at `endpoint`."""
    return Clients(
        create_local_client("cloudformation", endpoint),
        create_local_client("dynamodb", endpoint),
        create_local_client("secretsmanager", endpoint),
    )


@overload
def create_local_client(service: Literal["apigateway"], endpoint: str) -> "APIGatewayClient": ...
@overload
def create_local_client(service: Literal["cloudformation"], endpoint: str) -> "CloudFormationClient": ...
@overload
def create_local_client(service: Literal["dynamodb"], endpoint: str) -> "DynamoDBClient": ...
@overload
def create_local_client(service: Literal["lambda"], endpoint: str) -> "LambdaClient": ...
@overload
def create_local_client(service: Literal["secretsmanager"], endpoint: str) -> "SecretsManagerClient": ...
def create_local_client(service: str, endpoint: str) -> object:
    """Return a client for `endpoint` that ignores the caller's environment variables and AWS files."""
    session = botocore.session.Session(session_vars=_DEFAULTS_ONLY)
    return cast(
        "object",
        session.create_client(
            service,
            region_name=LOCAL_REGION,
            endpoint_url=endpoint,
            aws_access_key_id=LOCAL_KEY,
            aws_secret_access_key=LOCAL_KEY,
            config=_LOCAL_CONFIG,
        ),
    )
