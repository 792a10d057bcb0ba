"""The transformed template, and queries on it."""

import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics

ROOT = Path(__file__).parents[2]

Template = dict[str, Any]

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "gateway",
    "AWS::URLSuffix": "amazonaws.com",
}

STATE = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")
"""Types of resources that have data."""

MODERN_TLS = "SecurityPolicy_TLS13_1_2_2021_06"
"""The policy that accepts TLS 1.2 and 1.3 alone."""

HOOKS = frozenset({"SmokeHookFunction"})
"""Functions that CodeDeploy invokes by their name. They have neither alias nor route."""

SCHEDULED = frozenset({"ReconcileFunction"})
"""Functions that EventBridge starts. They have an alias, but no route and no gradual release."""


def transform(
    template: Path = ROOT / "template.yaml", parameters: Mapping[str, str] | None = None, at: int = 1_764_000_000
) -> Template:
    """Transform a template for a deployment with these parameters at time `at`, in seconds since 1970."""
    request = {"template": str(template), "parameters": dict(parameters or {}), "at": at}
    translator = _start_translator()
    assert translator.stdin
    assert translator.stdout
    translator.stdin.write(json.dumps(request) + "\n")
    translator.stdin.flush()
    answer = translator.stdout.readline()
    assert answer, f"SAM rejects {template} with {parameters}: see the error above"
    transformed: Template = json.loads(answer)
    return transformed


@functools.cache
def _start_translator() -> subprocess.Popen[str]:
    """Start SAM's translator, which ends with the input of this process."""
    command = [ROOT / ".tools/sam/bin/python", ROOT / "tests/transform.py"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def apply_conditions(template: Template, parameters: Mapping[str, str]) -> Template:
    """Return the template that CloudFormation deploys with these parameters: without conditions and `Fn::If`."""
    intrinsics = Intrinsics(template, PSEUDO_PARAMETERS | dict(parameters))

    def choose(value: Any) -> Any:
        match value:
            case {"Fn::If": [str(name), then, otherwise]}:
                return choose(then if intrinsics.resolve({"Condition": name}) else otherwise)
            case dict():
                return {name: choose(each) for name, each in value.items()}
            case list():
                return [choose(each) for each in value]
        return value

    resources = {
        name: choose(each)
        for name, each in template["Resources"].items()
        if "Condition" not in each or intrinsics.resolve({"Condition": each["Condition"]})
    }
    outputs = {
        name: choose(each)
        for name, each in template["Outputs"].items()
        if "Condition" not in each or intrinsics.resolve({"Condition": each["Condition"]})
    }
    return {**template, "Resources": resources, "Outputs": outputs}


def find_resources(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by logical id."""
    resources = template["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == kind}


def find_resource(template: Template, kind: str) -> Any:
    """Return the properties of the only resource of a type."""
    (properties,) = find_resources(template, kind).values()
    return properties


def find_functions(template: Template) -> dict[str, Any]:
    """Return the properties of all functions, by logical id."""
    return find_resources(template, "AWS::Lambda::Function")


def find_versions(template: Template) -> dict[str, str]:
    """Return the logical id of the version behind each function's alias."""
    return {
        alias["FunctionName"]["Ref"]: alias["FunctionVersion"]["Fn::GetAtt"][0]
        for alias in find_resources(template, "AWS::Lambda::Alias").values()
    }


def resolve(template: Template, value: Any, parameters: dict[str, str] | None = None) -> Any:
    """Return a value of the template as a stack with these parameters has it; a resource's `Ref` is its logical id."""
    resources = {name: name for name in template["Resources"]}
    return Intrinsics(template, PSEUDO_PARAMETERS | resources | (parameters or {})).resolve(value)


def find_parameters(template: Template, value: Any) -> set[str]:
    """Return the parameters that a value refers to, by `Ref`, `Fn::Sub` or a condition, at any depth."""
    match value:
        case {"Ref": str(name)}:
            return {name} & template["Parameters"].keys()
        case {"Fn::Sub": str(text)}:
            return {name for name in template["Parameters"] if f"${{{name}}}" in text}
        case {"Fn::Sub": [str(text), dict(variables)]}:
            return find_parameters(template, [{"Fn::Sub": text}, variables])
        case {"Fn::If": [str(condition), *branches]}:
            return find_parameters(template, [template["Conditions"][condition], *branches])
        case dict() | list():
            parts = value.values() if isinstance(value, dict) else value
            return set().union(*(find_parameters(template, each) for each in parts))
    return set()
