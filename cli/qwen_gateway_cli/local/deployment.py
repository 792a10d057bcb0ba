"""`sam deploy` of the built template, and what came of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import aws, clean_environment
from qwen_gateway_cli.local.build import architecture
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.readiness import last_words

STACK_NAME = "qwen-gateway-local"
"""As samconfig.toml says for the stage `local`."""
_POLL_S = "0.3"


class Deployment(NamedTuple):
    """The deployed stack: its processed template, outputs, and each function's configuration by logical id."""

    template: dict[str, Any]
    outputs: dict[str, str]
    functions: dict[str, dict[str, Any]]
    resources: dict[str, str]

    def rest_api_url(self, endpoint: str) -> str:
        """The emulated API Gateway's own address of the API; the template's paths follow it."""
        return aws.rest_api_url(
            endpoint, self._physical_id("AWS::ApiGateway::RestApi"), self._physical_id("AWS::ApiGateway::Stage")
        )

    def _physical_id(self, resource_type: str) -> str:
        """The id of the only resource of a type."""
        (logical_id,) = (name for name, value in self.template["Resources"].items() if value["Type"] == resource_type)
        return self.resources[logical_id]


def deploy(layout: Layout, processes: Processes, endpoint: str, gateway_config: Mapping[str, Any]) -> None:
    """Deploy the built template; a failure is refused with the end of the log."""
    parameters = {
        "Stage": "local",
        "Architecture": architecture(),
        "AwsEndpointUrl": endpoint,
        "GatewayConfig": json.dumps(gateway_config, ensure_ascii=False) if gateway_config else "",
    }
    # sam reads YAML here, which JSON is; on its command line a JSON value does not survive.
    layout.parameters.write_text(json.dumps(parameters, ensure_ascii=False), encoding="utf-8")
    log = layout.log("deploy")
    command: list[str | Path] = [layout.sam, "deploy", "--config-env", "local", "--config-file", layout.samconfig]
    command += ["--template-file", layout.built_template]
    command += ["--parameter-overrides", f"file://{layout.parameters}"]
    environment = {
        **clean_environment.clean(layout),
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_POLL_DELAY": _POLL_S,
    }
    if processes.run("sam deploy", command, environment, directory=layout.temporary, log=log) != 0:
        refuse(f"sam deploy failed. {last_words(log)}")


def describe(endpoint: str) -> Deployment:
    """Ask the emulated AWS what was deployed."""
    cloudformation = aws.client("cloudformation", endpoint)
    functions = aws.client("lambda", endpoint)
    (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    body: Any = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Processed")["TemplateBody"]
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return Deployment(
        template=cast("dict[str, Any]", json.loads(body) if isinstance(body, str) else body),
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        functions={
            resource["LogicalResourceId"]: cast(
                "dict[str, Any]",
                functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"]),
            )
            for resource in resources
            if resource["ResourceType"] == "AWS::Lambda::Function"
        },
        resources={resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
    )
