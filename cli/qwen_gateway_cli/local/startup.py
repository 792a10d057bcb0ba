"""The steps of `up`, from nothing to a gateway that responds."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli import secrets
from qwen_gateway_cli.aws_clients import LOCAL_REGION, create_local_client
from qwen_gateway_cli.local import aws, clean_environment, sam
from qwen_gateway_cli.local.apigateway.settings import FunctionSettings, GatewaySettings
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.sam import Deployment
from qwen_gateway_cli.local.servers import Servers, check_models_endpoint
from qwen_gateway_cli.local.sockets import find_free_port
from qwen_gateway_cli.stackfile import LocalStack
from qwen_gateway_cli.timestamps import format_utc
from qwen_gateway_cli.upstream import Upstream, build_mock_upstream

_KEY_NAME = "local"


def start_stack(layout: Layout, processes: Processes, uv: Path, port: int, upstream: Upstream | None) -> LocalStack:
    """Start everything and return the addresses. Without an `upstream` the gateway calls the mock Qwen."""
    for folder in (*layout.transient_folders, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    servers = Servers(layout, processes)
    aws_port = find_free_port()
    endpoint = f"http://127.0.0.1:{aws_port}"
    # ministack starts while the build runs.
    ministack = servers.start_ministack(aws_port)
    provider = upstream or _start_mock_qwen(servers)
    if not sam.is_build_current(layout):
        with show_step("sam build, for this machine"):
            sam.build(layout, processes, uv)
    with show_step("emulated AWS"):
        servers.wait_for_ministack(ministack, aws_port)
    with show_step("sam deploy"):
        parameters = sam.build_parameters(endpoint, provider.gateway_config)
        sam.deploy(layout, processes, endpoint, parameters, layout.built_template)
        aws.use_buffered_integrations(endpoint)
        deployment = sam.describe(endpoint)
    with show_step("provider keys and an API key"):
        _store_keys(endpoint, deployment.outputs["ProviderKeysSecret"], provider.keys)
        token = _issue_key(endpoint, deployment.outputs["KeysTable"])
    with show_step("API Gateway emulation, first function"):
        _write_apigateway_settings(layout, deployment, port)
        base_url = f"{servers.wait_for_url(servers.start_apigateway())}/v1"
        check_models_endpoint(layout, base_url, token)
    return LocalStack(
        base_url=base_url,
        api_key=token,
        provider_url=provider.root,
        aws_endpoint_url=endpoint,
        rest_api_url=deployment.rest_api_url(endpoint),
        stack_name=sam.STACK_NAME,
        keys_table=deployment.outputs["KeysTable"],
        usage_table=deployment.outputs["UsageTable"],
        pids={process.name: process.pid for process in processes.recorded()},
    )


def _start_mock_qwen(servers: Servers) -> Upstream:
    with show_step("mock Qwen"):
        return build_mock_upstream(servers.wait_for_url(servers.start_mock_qwen()))


def _store_keys(endpoint: str, secret: str, keys: Mapping[str, str]) -> None:
    client, set_at = create_local_client("secretsmanager", endpoint), format_utc(time.time())
    for provider, key in keys.items():
        secrets.store_key(client, secret, provider, key, set_at)


def _issue_key(endpoint: str, keys_table: str) -> str:
    return KeyAdministration(create_local_client("dynamodb", endpoint), keys_table).create(_KEY_NAME, time.time()).token


def _write_apigateway_settings(layout: Layout, deployment: Deployment, port: int) -> None:
    """Write the settings of the API Gateway emulation; with `port` 0 it takes a free one."""
    GatewaySettings(
        port=port,
        template=deployment.template,
        functions={name: _build_function_settings(layout, each) for name, each in deployment.functions.items()},
        interpreter=str(layout.runtime_python),
        wrapper=str(layout.build / "QwenGatewayLayer" / "qwen-gateway-runtime"),
        task_root=str(layout.build / "ChatFunction"),
        logs=str(layout.logs),
        region=LOCAL_REGION,
    ).write(layout.apigateway_settings)


def _build_function_settings(layout: Layout, configuration: Mapping[str, Any]) -> FunctionSettings:
    return FunctionSettings(
        name=configuration["FunctionName"],
        arn=configuration["FunctionArn"],
        handler=configuration["Handler"],
        timeout_s=configuration["Timeout"],
        memory_mb=configuration["MemorySize"],
        environment=clean_environment.create(layout) | configuration["Environment"]["Variables"],
    )
