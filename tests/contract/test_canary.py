"""Gradual releases: with `Canary=true` CodeDeploy moves the aliases; otherwise the stack has nothing of CodeDeploy."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.template import HOOKS, SCHEDULED, Template, find_functions, find_resources, transform

OF_THE_API = {
    "chat": "ChatFunction",
    "embeddings": "EmbeddingsFunction",
    "messages": "MessagesFunction",
    "models": "ModelsFunction",
    "responses": "ResponsesFunction",
    "usage": "UsageFunction",
}
"""The functions that a release changes gradually, by their ids in the alarm."""
SWITCHED_OFF = {
    "SmokeHookFunction",
    "SmokeHookFunctionRole",
    "SmokeHookLogGroup",
    "CanaryErrorsAlarm",
    "CanaryRole",
}
"""Resources that only a stack with a canary has."""


@pytest.fixture(scope="module")
def gradual() -> Template:
    """Return the template of a stack with a canary."""
    return transform(parameters={"Canary": "true"})


def find_groups(template: Template) -> dict[str, Any]:
    return find_resources(template, "AWS::CodeDeploy::DeploymentGroup")


def test_a_stack_without_a_canary_has_nothing_of_codedeploy(template: Template) -> None:
    assert template["Parameters"]["Canary"]["Default"] == "false"
    assert [name for name, each in template["Resources"].items() if "CodeDeploy" in each["Type"]] == []
    assert "CodeDeploy" not in json.dumps([each.get("UpdatePolicy") for each in template["Resources"].values()])
    assert {name for name, each in template["Resources"].items() if each.get("Condition") == "HasCanary"} == (
        SWITCHED_OFF
    )
    assert template["Conditions"]["HasCanary"] == {"Fn::Equals": [{"Ref": "Canary"}, "true"]}


def test_the_switch_changes_only_the_aliases_and_the_deployment_of_the_api(
    template: Template, gradual: Template
) -> None:
    """The deployment has a new name with each transform."""
    kept = template["Resources"].keys() & gradual["Resources"].keys()
    changed = {name for name in kept if template["Resources"][name] != gradual["Resources"][name]}

    assert changed <= {f"{function}Aliaslive" for function in OF_THE_API.values()} | {"ApiapiStage"}


def test_every_alias_is_moved_in_two_steps(gradual: Template) -> None:
    aliases = {name: each for name, each in gradual["Resources"].items() if each["Type"] == "AWS::Lambda::Alias"}
    named = {each["Properties"]["FunctionName"]["Ref"]: each for each in aliases.values()}
    assert named.keys() == find_functions(gradual).keys() - HOOKS
    assert {name for name, each in named.items() if "UpdatePolicy" not in each} == SCHEDULED

    for alias in (each for name, each in named.items() if name not in SCHEDULED):
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = find_groups(gradual)[update["DeploymentGroupName"]["Ref"]]
        assert group["DeploymentConfigName"] == {
            "Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": "Canary10Percent5Minutes"}]
        }
        assert resolve(update["AfterAllowTrafficHook"]) == {"Ref": "SmokeHookFunction"}


def test_alarms_and_failures_roll_back(gradual: Template) -> None:
    for group in find_groups(gradual).values():
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(group["AutoRollbackConfiguration"]["Events"])
        assert [resolve(each["Name"]) for each in group["AlarmConfiguration"]["Alarms"]] == [
            {"Ref": "CanaryErrorsAlarm"}
        ]


def test_the_alarm_counts_errors_of_the_new_versions(gradual: Template) -> None:
    metrics = {each["Id"]: each for each in gradual["Resources"]["CanaryErrorsAlarm"]["Properties"]["Metrics"]}
    versions = find_resources(gradual, "AWS::Lambda::Version")

    assert metrics.keys() == {"errors", *OF_THE_API, "internal"}
    for name, function in OF_THE_API.items():
        metric = metrics[name]["MetricStat"]["Metric"]
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        assert dimensions["FunctionName"] == {"Ref": function}
        assert dimensions["Resource"] == {"Fn::Sub": f"${{{function}}}:live"}
        version, attribute = dimensions["ExecutedVersion"]["Fn::GetAtt"]
        assert (versions[version]["FunctionName"], attribute) == ({"Ref": function}, "Version")
    assert all(f"FILL({name}, 0)" in metrics["errors"]["Expression"] for name in metrics.keys() - {"errors"})


def test_codedeploy_has_a_role_of_the_stack(gradual: Template) -> None:
    assert "CodeDeployServiceRole" not in gradual["Resources"]
    for group in find_groups(gradual).values():
        assert resolve(group["ServiceRoleArn"]) == {"Fn::GetAtt": ["CanaryRole", "Arn"]}

    role = gradual["Resources"]["CanaryRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    moved = find_functions(gradual).keys() - HOOKS - SCHEDULED
    assert set(list_permissions(role)) == {
        ("lambda:InvokeFunction", "SmokeHookFunction.Arn"),
        ("cloudwatch:DescribeAlarms", "CanaryErrorsAlarm.Arn"),
        *(("lambda:GetAlias", f"{name}.Arn") for name in moved),
        *(("lambda:UpdateAlias", f"{name}.Arn") for name in moved),
        *(("lambda:GetProvisionedConcurrencyConfig", f"${{{name}.Arn}}:live") for name in moved),
    }


def list_permissions(role: Any) -> Iterator[tuple[str, str]]:
    """Yield each action with its resource."""
    for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        resource = statement["Resource"]
        for action in actions:
            yield action, resource.get("Fn::Sub") or ".".join(resource["Fn::GetAtt"])


def resolve(value: Any) -> Any:
    """Return the value of a stack with a canary."""
    assert value["Fn::If"][0] == "HasCanary"
    return value["Fn::If"][1]


def test_no_resource_depends_on_itself(gradual: Template) -> None:
    """The update policy of an alias counts: a reference of the hook to the API would be circular."""
    needs = {
        name: set(find_references(each)) & gradual["Resources"].keys() for name, each in gradual["Resources"].items()
    }

    while leaves := {name for name, needed in needs.items() if not needed}:
        needs = {name: needed - leaves for name, needed in needs.items() if name not in leaves}
    assert needs == {}


def find_references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from _find_substitutions(text)
        case {"Fn::Sub": [str(text), dict(variables)]}:
            yield from _find_substitutions(text)
            yield from find_references(variables)
        case dict():
            for each in value.values():
                yield from find_references(each)
        case list():
            for each in value:
                yield from find_references(each)


def _find_substitutions(text: str) -> Iterator[str]:
    for part in text.split("${")[1:]:
        yield part.partition("}")[0].partition(".")[0]


@pytest.mark.thorough  # cfn-lint takes seconds
def test_the_template_with_a_canary_is_valid(gradual: Template, tmp_path: Path) -> None:
    """`make check` lints the template without a canary."""
    template = copy.deepcopy(gradual)
    template["Parameters"]["Canary"] |= {"Default": "true", "AllowedValues": ["true"]}
    # With a fixed value, the other branches of HasCanary cannot be reached.
    template["Metadata"]["cfn-lint"]["config"]["ignore_checks"].append("W1028")
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template), encoding="utf-8")

    command: list[str | Path] = [Path(sys.executable).with_name("cfn-lint"), file]
    linted = subprocess.run(command, check=False, capture_output=True, text=True)

    assert linted.returncode == 0, linted.stdout
