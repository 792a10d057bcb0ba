"""A change reaches whoever calls: through a new deployment the stage, through a new version the alias.

Neither happens by itself. SAM names deployments and versions by the template's text, in which a parameter is a
reference: with another value the same name stands there, and CloudFormation leaves what has that name as it is.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from qwen_gateway_cli.local.apigateway.rest_api import Intrinsics, parse_rest_api
from tests.contract.transformed import (
    ROOT,
    Template,
    functions,
    of_type,
    only,
    parameters_in,
    transform,
    versions,
)

NOT_OF_A_VERSION = ("ReservedConcurrentExecutions",)
"""Properties that belong to the function as a whole: a change of them works at once, and makes no version."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The template of a repository of its own, to change something in."""
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copy(ROOT / "template.yaml", tmp_path))


def deployment(template: Template) -> str:
    """Return the logical id of the deployment that the stage serves."""
    name: str = only(template, "AWS::ApiGateway::Stage")["DeploymentId"]["Ref"]
    assert template["Resources"][name]["Properties"]["RestApiId"] == {"Ref": "Api"}
    return name


def test_a_changed_value_behind_the_apis_body_is_served(template: Template) -> None:
    body = only(template, "AWS::ApiGateway::RestApi")["Body"]
    behind = parameters_in(template, body)
    assert "AllowedOrigin" in behind

    for name in behind:
        value = {name: "https://app.example.com"}
        before, after = transform(at=1_764_000_000), transform(parameters=value, at=1_764_000_060)
        # The body changes with the value alone, and the stage gets a deployment that is made from it.
        assert parse_rest_api(before, {}) != parse_rest_api(before, value)
        assert parse_rest_api(after, value) == parse_rest_api(before, value)
        assert deployment(before) != deployment(after)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param("ResponseTransferMode: RESPONSE_STREAM", "ResponseTransferMode: BUFFERED", id="address and mode"),
        pytest.param("TimeoutInMillis: 900000", "TimeoutInMillis: 600000", id="timeout"),
        pytest.param("EndpointConfiguration: {Type: REGIONAL}", "EndpointConfiguration: {Type: EDGE}", id="endpoint"),
    ],
)
def test_a_change_of_what_streaming_hangs_on_is_served(copy: Path, now: str, then: str) -> None:
    """A stage that still buffers what its function streams answers 200 without a body."""
    before = transform(copy, at=1_764_000_000)
    replace(copy, now, then)
    after = transform(copy, at=1_764_000_060)

    assert only(before, "AWS::ApiGateway::RestApi") != only(after, "AWS::ApiGateway::RestApi")
    assert deployment(before) != deployment(after)


def test_another_timeout_makes_a_version_of_its_function_alone(copy: Path) -> None:
    before = versions(transform(copy))
    replace(copy, "Timeout: 900\n", "Timeout: 600\n")
    after = versions(transform(copy))

    assert {function for function in after if after[function] != before[function]} == {"ChatFunction"}


def replace(template: Path, now: str, then: str) -> None:
    """Change the one place of the template that says this."""
    text = template.read_text(encoding="utf-8")
    assert text.count(now) == 1
    template.write_text(text.replace(now, then), encoding="utf-8")


def version_made_of(template: Template, function: str, values: dict[str, str]) -> tuple[str, str]:
    """Return what CloudFormation knows a version by: its name, and the text whose change replaces it."""
    name = versions(template)[function]
    description = template["Resources"][name]["Properties"]["Description"]
    return name, Intrinsics(template, values).resolve(description)


def test_a_changed_value_behind_a_function_makes_a_version(template: Template) -> None:
    for function, properties in functions(template).items():
        versioned = {name: value for name, value in properties.items() if name not in NOT_OF_A_VERSION}
        behind = parameters_in(template, versioned)
        assert {"GatewayConfig", "MemorySize"} <= behind

        version = template["Resources"][versions(template)[function]]["Properties"]
        assert parameters_in(template, version["Description"]) == behind
        for name in behind:
            changed = version_made_of(template, function, {name: "changed"})
            assert changed != version_made_of(template, function, {})


def test_a_version_is_replaced_when_its_description_changes() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Lambda::Version").schema

    assert "/properties/Description" in schema["createOnlyProperties"]


def test_one_byte_of_the_layer_makes_a_version_of_every_function(copy: Path) -> None:
    before = transform(copy)
    module = copy.parent / "layers/qwen_gateway/qwen_gateway/errors.py"
    module.write_bytes(module.read_bytes() + b"\n")
    after = transform(copy)

    assert not layers(before) & layers(after)
    assert versions(before).keys() == versions(after).keys() == functions(after).keys()
    assert not set(versions(before).values()) & set(versions(after).values())
    for function in functions(after).values():
        assert {layer["Ref"] for layer in function["Layers"]} == layers(after)


def test_one_byte_of_the_functions_makes_a_version_of_every_function(copy: Path) -> None:
    before = versions(transform(copy))
    module = copy.parent / "functions/chat/service.py"
    module.write_bytes(module.read_bytes() + b"\n")

    assert not set(before.values()) & set(versions(transform(copy)).values())


def test_without_a_change_there_is_no_new_version(copy: Path) -> None:
    before, after = transform(copy, at=1_764_000_000), transform(copy, at=1_764_000_060)

    assert versions(before) == versions(after)
    assert layers(before) == layers(after)


def layers(template: Template) -> set[Any]:
    return set(of_type(template, "AWS::Lambda::LayerVersion"))
