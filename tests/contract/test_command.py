"""What the operator's command asks of a stack is there."""

import ast
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway_cli.local import sam
from tests.contract.template import ROOT, Template


def read_by_the_command(what: str) -> set[str]:
    """Every literal by which the command reads a stack's outputs or parameters."""
    sources = (ROOT / "cli").rglob("*.py")
    return {name for path in sources for name in keys_of(what, ast.parse(path.read_text(encoding="utf-8")))}


def keys_of(what: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name))):
                pass
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str(name)), *_]):
                pass
            case _:
                continue
        if getattr(owner, "attr", getattr(owner, "id", "")) == what:
            yield name


FOR_THE_OWNER = {"AlarmTopic", "DomainTarget"}
"""Outputs that the owner subscribes to or writes into a DNS record."""


def test_every_output_that_the_command_reads_is_put_out_and_no_other(template: Template) -> None:
    assert read_by_the_command("outputs") == template["Outputs"].keys() - FOR_THE_OWNER


def test_every_parameter_that_the_command_reads_exists(template: Template) -> None:
    read = read_by_the_command("parameters")

    assert "GatewayConfig" in read
    assert read <= template["Parameters"].keys()


def test_every_parameter_that_the_local_deployment_gives_exists(template: Template) -> None:
    given = sam.build_parameters("http://127.0.0.1:1", {"timeouts": {"connect": 1}})

    assert "AwsEndpointUrl" in given
    assert given.keys() <= template["Parameters"].keys()
    assert given["Stage"] in template["Parameters"]["Stage"]["AllowedValues"]
    assert given["Architecture"] in template["Parameters"]["Architecture"]["AllowedValues"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_parameter_that_a_stage_sets_exists(template: Template, stage: str) -> None:
    settings: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[stage]
    given = dict(each.split("=", 1) for each in settings["deploy"]["parameters"]["parameter_overrides"])

    assert given["Stage"] == stage
    assert stage in template["Parameters"]["Stage"]["AllowedValues"]
    assert given.keys() <= template["Parameters"].keys()
