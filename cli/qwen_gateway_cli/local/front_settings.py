"""What the front is told: the processed template, and how each function runs on this machine."""

from collections.abc import Mapping
from typing import Any

from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.deployment import Deployment
from qwen_gateway_cli.local.front.settings import FrontSettings, FunctionSettings
from qwen_gateway_cli.local.layout import Layout


def write(layout: Layout, deployed: Deployment, port: int) -> None:
    """Write the front's settings; `port` 0 lets it choose."""
    FrontSettings(
        port=port,
        template=deployed.template,
        functions={name: _function(layout, each) for name, each in deployed.functions.items()},
        interpreter=str(layout.runtime_python),
        wrapper=str(layout.build / "QwenGatewayLayer" / "qwen-gateway-runtime"),
        task_root=str(layout.build / "ChatFunction"),
        logs=str(layout.logs),
        region=clean_environment.REGION,
    ).write(layout.front_settings)


def _function(layout: Layout, configuration: Mapping[str, Any]) -> FunctionSettings:
    return FunctionSettings(
        name=configuration["FunctionName"],
        arn=configuration["FunctionArn"],
        handler=configuration["Handler"],
        timeout_s=configuration["Timeout"],
        memory_mb=configuration["MemorySize"],
        environment=clean_environment.clean(layout) | configuration["Environment"]["Variables"],
    )
