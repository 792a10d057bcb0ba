"""ministack, which stands for AWS on this machine. Nothing else in the house knows it.

Its gaps are listed in the design (reference/platform.md). It holds the state and rehearses the deployment; requests
go through the front, except those to `rest_api_url`, its own API Gateway and Lambda.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, overload

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.readiness import answers

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_secretsmanager import SecretsManagerClient

_SERVICES = "apigateway,cloudformation,dynamodb,iam,lambda,logs,s3,secretsmanager,sts"
_HEALTH = "/_ministack/health"
_STREAMING_ACTION, _BUFFERED_ACTION = "/response-streaming-invocations", "/invocations"

# botocore with neither a variable nor a file: every setting is left with its default alone.
_NOTHING_READ = {
    name: (None, None, default, conversion)
    for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# An empty mapping keeps botocore from asking the environment for proxies.
_CONFIG = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=20)


def command(layout: Layout) -> list[Path]:
    """The program to start."""
    return [layout.ministack]


def environment(layout: Layout, port: int) -> dict[str, str]:
    """The program's environment; ministack hands it on to the functions that it runs itself."""
    return {
        **clean_environment.clean(layout),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SERVICES": _SERVICES,
        "STATE_DIR": str(layout.state),
    }


def is_ready(port: int) -> bool | None:
    """Return True when ministack serves on this port, else None."""
    return answers(port, _HEALTH)


def rest_api_url(endpoint: str, api_id: str, stage: str) -> str:
    """The address of a deployed REST API's stage; the template's paths follow it."""
    return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_"


def answer_streams_whole(endpoint: str) -> None:
    """Let ministack's own API Gateway call a function by Lambda's buffered action where the deployed API streams.

    It does not know the streaming one, and answers 500. The template that was deployed still says what is true.
    """
    gateway = client("apigateway", endpoint)
    for api in gateway.get_rest_apis()["items"]:
        for resource in gateway.get_resources(restApiId=api["id"], embed=["methods"])["items"]:
            for method, described in resource.get("resourceMethods", {}).items():
                uri = described["methodIntegration"].get("uri") or ""
                if _STREAMING_ACTION in uri:
                    buffered = uri.replace(_STREAMING_ACTION, _BUFFERED_ACTION)
                    gateway.update_integration(
                        restApiId=api["id"],
                        resourceId=resource["id"],
                        httpMethod=method,
                        patchOperations=[{"op": "replace", "path": "/uri", "value": buffered}],
                    )


@overload
def client(service: Literal["apigateway"], endpoint: str) -> "APIGatewayClient": ...
@overload
def client(service: Literal["cloudformation"], endpoint: str) -> "CloudFormationClient": ...
@overload
def client(service: Literal["dynamodb"], endpoint: str) -> "DynamoDBClient": ...
@overload
def client(service: Literal["lambda"], endpoint: str) -> "LambdaClient": ...
@overload
def client(service: Literal["secretsmanager"], endpoint: str) -> "SecretsManagerClient": ...
def client(service: str, endpoint: str) -> object:
    """Return a client that can reach `endpoint` alone, whatever the caller's environment and files say."""
    session = botocore.session.Session(session_vars=_NOTHING_READ)
    return cast(
        "object",
        session.create_client(
            service,
            region_name=clean_environment.REGION,
            endpoint_url=endpoint,
            aws_access_key_id=clean_environment.KEY,
            aws_secret_access_key=clean_environment.KEY,
            config=_CONFIG,
        ),
    )
