"""A stack that adopts tables and a secret makes none of its own, and may use the adopted ones only."""

import json
import re
from typing import Any

import pytest

from tests.contract.adopted import ADOPTED
from tests.contract.template import STATE, Template, apply_conditions, find_functions, find_resources

STATEFUL = {"KeysTable", "UsageTable", "ProviderKeysSecret"}
ACTIONS = {
    "ExistingKeysTable": "dynamodb:GetItem",
    "ExistingUsageTable": "dynamodb:PutItem",
    "ExistingProviderKeysSecret": "secretsmanager:GetSecretValue",
}
TABLE_ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
ADOPTED_RESOURCES = {
    "ExistingKeysTable": {"Fn::Sub": f"{TABLE_ARN}${{ExistingKeysTable}}"},
    "ExistingUsageTable": {"Fn::Sub": f"{TABLE_ARN}${{ExistingUsageTable}}"},
    "ExistingProviderKeysSecret": {"Ref": "ExistingProviderKeysSecret"},
}
each_parameter = pytest.mark.parametrize("parameter", ADOPTED)


def list_state(template: Template) -> set[str]:
    return {name for kind in STATE for name in find_resources(template, kind)}


def list_resources_of(template: Template, action: str) -> list[Any]:
    """Return the resources on which the roles allow an action."""
    return [
        statement["Resource"]
        for role in find_resources(template, "AWS::IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if action in statement["Action"]
    ]


def list_references(template: Template) -> set[str]:
    """Return the logical ids to which resources and outputs refer."""
    text = json.dumps({"Resources": template["Resources"], "Outputs": template["Outputs"]})
    return set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', text)) | set(re.findall(r"\$\{(\w+)[.}]", text))


def test_by_default_the_stack_has_its_own_state(template: Template) -> None:
    deployed = apply_conditions(template, {})

    assert list_state(deployed) == list_state(template) == STATEFUL
    assert {deployed["Outputs"][name]["Value"]["Ref"] for name in STATEFUL} == STATEFUL


@each_parameter
def test_the_stack_makes_nothing_in_place_of_what_it_adopts(template: Template, parameter: str) -> None:
    """A reference to the resource that is not made would fail the deployment."""
    own = parameter.removeprefix("Existing")
    deployed = apply_conditions(template, {parameter: ADOPTED[parameter]})

    assert list_state(deployed) == STATEFUL - {own}
    assert own in list_references(apply_conditions(template, {}))
    assert own not in list_references(deployed)


@each_parameter
def test_roles_allow_the_adopted_resource_only(template: Template, parameter: str) -> None:
    name = parameter.removeprefix("Existing")
    own = list_resources_of(apply_conditions(template, {}), ACTIONS[parameter])
    adopted = list_resources_of(apply_conditions(template, {parameter: ADOPTED[parameter]}), ACTIONS[parameter])

    assert adopted == [ADOPTED_RESOURCES[parameter] if name in json.dumps(each) else each for each in own]
    assert adopted.count(ADOPTED_RESOURCES[parameter]) > 1
    assert ADOPTED_RESOURCES[parameter] not in own


@each_parameter
def test_functions_and_outputs_name_the_adopted_resource(template: Template, parameter: str) -> None:
    own, deployed = parameter.removeprefix("Existing"), apply_conditions(template, {parameter: ADOPTED[parameter]})
    variable = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", own).upper()
    values = [
        function["Environment"]["Variables"][variable]
        for function in find_functions(deployed).values()
        if variable in function["Environment"]["Variables"]
    ]

    assert [*values, deployed["Outputs"][own]["Value"]] == [{"Ref": parameter}] * (len(values) + 1)
    assert values


@each_parameter
def test_the_own_resource_is_retained_when_the_stack_adopts_another(template: Template, parameter: str) -> None:
    """The update removes it from the stack. RetainExceptOnCreate deletes only what the same operation created."""
    resource = template["Resources"][parameter.removeprefix("Existing")]

    assert resource["Condition"] == f"HasOwn{parameter.removeprefix('Existing')}"
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        *((name, value, True) for name, value in ADOPTED.items()),
        *((name, "", True) for name in ADOPTED),
        ("ExistingProviderKeysSecret", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b-AbCdEf", True),
        ("ExistingProviderKeysSecret", "ProviderKeysSecret-aB3dE5gH7jK9", False),
        ("ExistingProviderKeysSecret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:*", False),
        ("ExistingKeysTable", "*", False),
        ("ExistingUsageTable", "table/../*", False),
        ("ExistingUsageTable", "arn:aws:dynamodb:us-east-1:123456789012:table/usage", False),
    ],
)
def test_a_parameter_names_one_resource(template: Template, parameter: str, value: str, accepted: bool) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]

    assert (re.fullmatch(pattern, value) is not None) == accepted
