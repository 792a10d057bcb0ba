"""`sam build` and `sam deploy` of the real template for the local stack."""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from qwen_gateway_cli.aws_clients import create_local_client
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import aws, clean_environment
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes, quote_log_end

STACK_NAME = "qwen-gateway-local"
"""The stack name of the stage `local` in samconfig.toml."""

_ARM = frozenset({"arm64", "aarch64"})
_POLL_S = "0.3"


class Deployment(NamedTuple):
    """The deployed stack."""

    template: dict[str, Any]
    """The processed template."""
    outputs: dict[str, str]
    functions: dict[str, dict[str, Any]]
    """Each function's configuration by logical id."""
    resources: dict[str, str]
    """Physical ids by logical id."""

    def rest_api_url(self, endpoint: str) -> str:
        """Return the API's URL at ministack's own API Gateway, without the template's paths."""
        return aws.rest_api_url(
            endpoint, self._physical_id("AWS::ApiGateway::RestApi"), self._physical_id("AWS::ApiGateway::Stage")
        )

    def _physical_id(self, resource_type: str) -> str:
        """Return the physical id of the only resource of a type."""
        (logical_id,) = (name for name, value in self.template["Resources"].items() if value["Type"] == resource_type)
        return self.resources[logical_id]


def detect_architecture() -> str:
    """Return this machine's architecture by Lambda's name."""
    return "arm64" if platform.machine().lower() in _ARM else "x86_64"


def is_build_current(layout: Layout) -> bool:
    """Return whether the last build has the repository's current sources."""
    try:
        stamp = layout.build_stamp.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return layout.built_template.exists() and stamp == _hash_sources(layout)


def build(layout: Layout, processes: Processes, uv: Path) -> None:
    """Build functions and layer into `.local/build`. A failure is reported with the end of the log."""
    source_hash = _hash_sources(layout)
    layout.build_stamp.unlink(missing_ok=True)
    log = layout.log("build")
    command: list[str | Path] = [layout.sam, "build", "--cached", "--parallel"]
    command += ["--template-file", layout.template, "--config-file", layout.samconfig]
    command += ["--build-dir", layout.build, "--cache-dir", layout.build_cache]
    command += ["--parameter-overrides", f"Architecture={detect_architecture()}"]
    # sam creates a folder `.aws-sam` in its working directory, whatever its options.
    status = processes.run(
        "sam build", command, clean_environment.create_for_build(layout, uv), directory=layout.temporary, log=log
    )
    if status != 0:
        refuse(f"sam build failed. {quote_log_end(log)}")
    layout.build_stamp.write_text(source_hash, encoding="utf-8")


def build_parameters(endpoint: str, gateway_config: Mapping[str, Any]) -> dict[str, str]:
    """Return the template's parameters for a stack on the emulated AWS at `endpoint`."""
    return {
        "Stage": "local",
        "Architecture": detect_architecture(),
        "AwsEndpointUrl": endpoint,
        "GatewayConfig": json.dumps(gateway_config, ensure_ascii=False) if gateway_config else "",
    }


def deploy(layout: Layout, processes: Processes, endpoint: str, parameters: Mapping[str, str], template: Path) -> None:
    """Deploy a built template. A failure is reported with the end of the log."""
    # sam reads this file as YAML, a superset of JSON. On its command line it would garble a JSON value.
    layout.parameters.write_text(json.dumps(parameters, ensure_ascii=False), encoding="utf-8")
    log = layout.log("deploy")
    command: list[str | Path] = [layout.sam, "deploy", "--config-env", "local", "--config-file", layout.samconfig]
    command += ["--template-file", template]
    command += ["--parameter-overrides", f"file://{layout.parameters}"]
    environment = {
        **clean_environment.create(layout),
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_POLL_DELAY": _POLL_S,
    }
    if processes.run("sam deploy", command, environment, directory=layout.temporary, log=log) != 0:
        refuse(f"sam deploy failed. {quote_log_end(log)}")


def describe(endpoint: str) -> Deployment:
    """Return the deployed stack as the emulated AWS describes it."""
    cloudformation = create_local_client("cloudformation", endpoint)
    functions = create_local_client("lambda", endpoint)
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


def _hash_sources(layout: Layout) -> str:
    """Hash the names, modes and contents of the build's sources, the platform and the Python version."""
    digest = hashlib.sha256(f"{platform.platform()} {platform.python_version()}".encode())
    for source in _find_sources(layout):
        digest.update(f"\0{source.relative_to(layout.root)}\0{source.stat().st_mode}\0".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _find_sources(layout: Layout) -> Iterator[Path]:
    yield layout.template
    for folder in (layout.functions, layout.layer):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
