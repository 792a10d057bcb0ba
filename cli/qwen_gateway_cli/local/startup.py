"""The steps of `up`, in their order, from nothing to a gateway that answers."""

import time
from collections.abc import Mapping
from pathlib import Path

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli import secrets
from qwen_gateway_cli.local import aws, build, deployment, front_settings, preflight, upstream
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.progress import step
from qwen_gateway_cli.local.servers import Servers, refuse_unless_models_answer
from qwen_gateway_cli.local.stackfile import LocalStack
from qwen_gateway_cli.local.upstream import Upstream
from qwen_gateway_cli.moments import utc

_KEY_NAME = "local"


def bring_up(layout: Layout, processes: Processes, uv: Path, port: int, choice: Upstream | None) -> LocalStack:
    """Start everything and return the addresses; without a `choice` the stand-in provider is called."""
    for folder in (*layout.transient_folders, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    servers = Servers(layout, processes)
    aws_port = preflight.free_port()
    endpoint = f"http://127.0.0.1:{aws_port}"
    # It comes up while the build runs.
    ministack = servers.start_ministack(aws_port)
    called = choice or _stand_in(servers)
    if not build.is_current(layout):
        with step("sam build, for this machine"):
            build.build(layout, processes, uv)
    with step("emulated AWS"):
        servers.await_ministack(ministack, aws_port)
    with step("sam deploy"):
        deployment.deploy(layout, processes, endpoint, called.gateway_config)
        aws.answer_streams_whole(endpoint)
        deployed = deployment.describe(endpoint)
    with step("provider keys and an API key"):
        _store_keys(endpoint, deployed.outputs["ProviderKeysSecret"], called.keys)
        token = _issue_key(endpoint, deployed.outputs["KeysTable"])
    with step("front and its first function"):
        front_settings.write(layout, deployed, port)
        base_url = f"{servers.await_url(servers.start_front())}/v1"
        refuse_unless_models_answer(layout, base_url, token)
    return LocalStack(
        base_url=base_url,
        api_key=token,
        provider_url=called.root,
        aws_endpoint_url=endpoint,
        rest_api_url=deployed.rest_api_url(endpoint),
        stack_name=deployment.STACK_NAME,
        keys_table=deployed.outputs["KeysTable"],
        usage_table=deployed.outputs["UsageTable"],
        pids={process.name: process.pid for process in processes.recorded()},
    )


def _stand_in(servers: Servers) -> Upstream:
    with step("stand-in provider"):
        return upstream.stand_in(servers.await_url(servers.start_provider()))


def _store_keys(endpoint: str, secret: str, keys: Mapping[str, str]) -> None:
    client, set_at = aws.client("secretsmanager", endpoint), utc(time.time())
    for provider, key in keys.items():
        secrets.store(client, secret, provider, key, set_at)


def _issue_key(endpoint: str, keys_table: str) -> str:
    return KeyAdministration(aws.client("dynamodb", endpoint), keys_table).create(_KEY_NAME, time.time()).token
