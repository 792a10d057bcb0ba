"""Changes take effect: API changes by a new deployment of the stage, function changes by a new version of the alias.

SAM derives the names of deployments and versions from the text of the template, where a parameter is a reference. A
new parameter value therefore changes no name, and CloudFormation would keep the old deployment or version.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics
from tests.contract.adopted import ADOPTED, SECRET
from tests.contract.template import (
    HOOKS,
    ROOT,
    Template,
    find_functions,
    find_parameters,
    find_resource,
    find_resources,
    find_versions,
    resolve,
    transform,
)

MAX_DESCRIPTION = 256
UNVERSIONED_PROPERTIES = ("ReservedConcurrentExecutions",)
"""Properties of the function as a whole: a change takes effect at once, without a new version."""
CHANGES = {
    "AllowedCidrs": "203.0.113.0/24",
    "AllowedOrigin": "https://app.example.com",
    "ApiAuth": "AWS_IAM",
    "VpcEndpointIds": "vpce-0123456789abcdef0",
}
"""Another value for each parameter of the API's body."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the template of a copied repository, for tests that change it."""
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copy(ROOT / "template.yaml", tmp_path))


def find_deployment(template: Template) -> str:
    """Return the logical id of the deployment of the stage."""
    name: str = find_resource(template, "AWS::ApiGateway::Stage")["DeploymentId"]["Ref"]
    assert template["Resources"][name]["Properties"]["RestApiId"] == {"Ref": "Api"}
    return name


def test_a_changed_parameter_of_the_api_makes_a_deployment(template: Template) -> None:
    body = find_resource(template, "AWS::ApiGateway::RestApi")["Body"]
    parameters = find_parameters(template, body)
    assert parameters == CHANGES.keys()

    for name, changed in CHANGES.items():
        before, after = transform(at=1_764_000_000), transform(parameters={name: changed}, at=1_764_000_060)
        assert resolve_body(before, {}) != resolve_body(after, {name: changed})
        assert find_deployment(before) != find_deployment(after)


def resolve_body(template: Template, values: dict[str, str]) -> Any:
    return resolve(template, find_resource(template, "AWS::ApiGateway::RestApi")["Body"], values)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param(
            "ResponseTransferMode: RESPONSE_STREAM\n", "ResponseTransferMode: BUFFERED\n", id="address and mode"
        ),
        pytest.param("TimeoutInMillis: 900000\n", "TimeoutInMillis: 600000\n", id="timeout"),
        pytest.param("Type: !If [IsPrivate, PRIVATE, REGIONAL]", "Type: EDGE", id="endpoint"),
    ],
)
def test_a_changed_streaming_setting_makes_a_deployment(copy: Path, now: str, then: str) -> None:
    """A stage with an outdated buffered integration responds to a streaming function's output with 200 and no body."""
    before = transform(copy, at=1_764_000_000)
    replace(copy, now, then)
    after = transform(copy, at=1_764_000_060)

    assert find_resource(before, "AWS::ApiGateway::RestApi") != find_resource(after, "AWS::ApiGateway::RestApi")
    assert find_deployment(before) != find_deployment(after)


def test_a_changed_timeout_makes_a_version_of_that_function_only(copy: Path) -> None:
    before = find_versions(transform(copy))
    handler = "Handler: chat.handler.lambda_handler\n      Timeout: "
    replace(copy, f"{handler}900\n", f"{handler}600\n")
    after = find_versions(transform(copy))

    assert {function for function in after if after[function] != before[function]} == {"ChatFunction"}


def replace(template: Path, now: str, then: str) -> None:
    """Replace the only occurrence of a text in the template."""
    text = template.read_text(encoding="utf-8")
    assert text.count(now) == 1
    template.write_text(text.replace(now, then), encoding="utf-8")


def get_version_identity(template: Template, function: str, values: dict[str, str]) -> tuple[str, str]:
    """Return the logical id of a version and its description; a change of either makes CloudFormation replace it."""
    name = find_versions(template)[function]
    description = template["Resources"][name]["Properties"]["Description"]
    return name, DescriptionIntrinsics(template, values).resolve(description)


class DescriptionIntrinsics(Intrinsics):
    """Resolves a version's description, which contains the last part of an ARN."""

    def resolve(self, value: Any) -> str:
        match value:
            case {"Fn::Select": [int(index), {"Fn::Split": [str(separator), text]}]}:
                return self.resolve(text).split(separator)[index]
        return super().resolve(value)


def test_a_changed_parameter_of_a_function_makes_a_version(template: Template) -> None:
    functions = find_functions(template)
    for function in functions.keys() - HOOKS:
        properties = functions[function]
        versioned = {name: value for name, value in properties.items() if name not in UNVERSIONED_PROPERTIES}
        parameters = find_parameters(template, versioned)
        assert {"GatewayConfig", "MemorySize"} <= parameters

        version = template["Resources"][find_versions(template)[function]]["Properties"]
        assert find_parameters(template, version["Description"]) == parameters
        for name in parameters:
            changed = get_version_identity(template, function, {name: ADOPTED.get(name, "changed")})
            assert changed != get_version_identity(template, function, {})


def test_another_secret_makes_a_version(template: Template) -> None:
    for other in (SECRET[:-1] + "0", SECRET.replace(":secret:", ":secret:other/")):
        first, second = (
            get_version_identity(template, "ChatFunction", {"ExistingProviderKeysSecret": arn})
            for arn in (SECRET, other)
        )
        assert first != second


def test_the_description_of_a_version_has_room_for_a_configuration(template: Template) -> None:
    """Lambda rejects a longer description. Names are those that CloudFormation gives to a stack's own resources."""
    for function in find_functions(template).keys() - HOOKS:
        lengths = [
            len(get_version_identity(template, function, {**values, "MemorySize": "10240"})[1])
            for values in ({}, ADOPTED)
        ]
        assert lengths[0] <= MAX_DESCRIPTION - 150
        assert lengths[1] <= MAX_DESCRIPTION - 50


def test_a_version_is_replaced_when_its_description_changes() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Lambda::Version").schema

    assert "/properties/Description" in schema["createOnlyProperties"]


def test_a_changed_byte_of_the_layer_makes_a_version_of_every_function(copy: Path) -> None:
    before = transform(copy)
    module = copy.parent / "layers/qwen_gateway/qwen_gateway/errors.py"
    module.write_bytes(module.read_bytes() + b"\n")
    after = transform(copy)

    assert not find_layers(before) & find_layers(after)
    assert find_versions(before).keys() == find_versions(after).keys() == find_functions(after).keys() - HOOKS
    assert not set(find_versions(before).values()) & set(find_versions(after).values())
    for function in find_functions(after).values():
        assert {layer["Ref"] for layer in function["Layers"]} == find_layers(after)


def test_a_changed_byte_of_the_functions_makes_a_version_of_every_function(copy: Path) -> None:
    before = find_versions(transform(copy))
    module = copy.parent / "functions/chat/service.py"
    module.write_bytes(module.read_bytes() + b"\n")

    assert not set(before.values()) & set(find_versions(transform(copy)).values())


def test_an_unchanged_template_makes_no_new_version(copy: Path) -> None:
    before, after = transform(copy, at=1_764_000_000), transform(copy, at=1_764_000_060)

    assert find_versions(before) == find_versions(after)
    assert find_layers(before) == find_layers(after)


def find_layers(template: Template) -> set[Any]:
    return set(find_resources(template, "AWS::Lambda::LayerVersion"))
