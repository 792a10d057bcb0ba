"""ministack, the emulated AWS of the local stack. This is the only module that depends on it.

ministack stores the state and runs the real deployment. Requests go through the API Gateway emulation, except those to
`rest_api_url`, which is ministack's own API Gateway and Lambda.
"""

import http.client
from pathlib import Path

from qwen_gateway_cli.aws_clients import create_local_client
from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout

_SERVICES = "apigateway,cloudformation,dynamodb,iam,lambda,logs,s3,secretsmanager,sts"
_HEALTH_PATH = "/_ministack/health"
_STREAMING_PATH, _BUFFERED_PATH = "/response-streaming-invocations", "/invocations"


def command(layout: Layout) -> list[Path]:
    """Return the command that starts ministack."""
    return [layout.ministack]


def build_environment(layout: Layout, port: int) -> dict[str, str]:
    """Return ministack's environment, which the functions that it runs inherit."""
    return {
        **clean_environment.create(layout),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SERVICES": _SERVICES,
        "STATE_DIR": str(layout.state),
    }


def is_ready(port: int) -> bool:
    """Return whether ministack is ready on this loopback port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", _HEALTH_PATH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def rest_api_url(endpoint: str, api_id: str, stage: str) -> str:
    """Return the URL of a deployed REST API's stage, without the template's paths."""
    return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_"


def use_buffered_integrations(endpoint: str) -> None:
    """Replace the streaming integrations in ministack's own API Gateway by buffered ones.

    ministack does not support response streaming and returns a 500. The deployed template stays unchanged.
    """
    gateway = create_local_client("apigateway", endpoint)
    for api in gateway.get_rest_apis()["items"]:
        for resource in gateway.get_resources(restApiId=api["id"], embed=["methods"])["items"]:
            for method, details in resource.get("resourceMethods", {}).items():
                uri = details["methodIntegration"].get("uri") or ""
                if _STREAMING_PATH in uri:
                    buffered = uri.replace(_STREAMING_PATH, _BUFFERED_PATH)
                    gateway.update_integration(
                        restApiId=api["id"],
                        resourceId=resource["id"],
                        httpMethod=method,
                        patchOperations=[{"op": "replace", "path": "/uri", "value": buffered}],
                    )
