"""The deployer's policy allows what CloudFormation needs for the template's resource types, and nothing else.

tests/stack/test_deployer_calls.py checks the calls of sam itself.
"""

import json
import subprocess
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

import pytest

from tests.contract.policies import list_permissions
from tests.contract.registry_permissions import UNUSED, find_needed_actions, find_stale_patterns
from tests.contract.template import ROOT, Template, find_resources, transform
from tools.iam_policies import FOLDER, format_files, read_policies

MAX_POLICY_LENGTH = 6_144
"""IAM's limit of a managed policy, without white space."""

ANY_RESOURCE = {
    "lambda:GetAccountSettings": "it concerns the account and has no resource",
    "logs:DescribeLogGroups": "CloudFormation lists groups by prefix",
    "logs:DescribeResourcePolicies": "it concerns the account and has no resource",
    **dict.fromkeys(
        ("logs:DeleteQueryDefinition", "logs:DescribeQueryDefinitions", "logs:PutQueryDefinition"),
        "saved queries have no ARN",
    ),
}
"""Actions that are allowed on every resource, with the reason."""

ANY_STACK = {
    "apigateway": "the ARN of an API has a generated id instead of a name",
    "secretsmanager": "CloudFormation names a secret by its logical id, without the stack's name",
    "lambda:*LayerVersion": "SAM names a layer by its logical id",
    "codedeploy:GetDeploymentConfig": "the configuration is one of AWS's own",
    "wafv2": "the web ACL is the owner's",
    "s3": "sam has one bucket for all stacks of an account and region",
}
"""Services and actions whose resources have no stack name, with the reason."""


@pytest.fixture(scope="session")
def sam_bucket_template() -> Template:
    """Return the template of the bucket that sam creates for uploads."""
    code = "from samcli.lib.bootstrap.bootstrap import _get_stack_template as get; print(get())"
    done = subprocess.run([ROOT / ".tools/sam/bin/python", "-c", code], check=True, capture_output=True, text=True)
    created: Template = json.loads(done.stdout)
    return created


@pytest.fixture(scope="session")
def types(template: Template, sam_bucket_template: Template) -> set[str]:
    """Return every resource type that a deployment can create, under any condition."""
    # SAM itself reads this parameter.
    gradual = transform(parameters={"Canary": "true"})
    templates = (template, gradual, sam_bucket_template)
    return {each["Type"] for each in chain.from_iterable(each["Resources"].values() for each in templates)}


def test_every_action_that_a_resource_type_needs_is_allowed(types: set[str]) -> None:
    allowed = {action for action, _ in list_permissions("ResourcesPolicy", "FeaturesPolicy")}
    missing = {name: sorted(find_needed_actions(name) - allowed) for name in sorted(types)}

    assert {name: actions for name, actions in missing.items() if actions} == {}, (
        "add these actions to ResourcesPolicy in .github/aws-role.yaml and run `make docs`; those of features that the "
        "template does not use go to UNUSED in tests/contract/registry_permissions.py, with the reason"
    )


def test_no_action_is_allowed_that_no_resource_type_needs(types: set[str]) -> None:
    needed = {action for name in types for action in find_needed_actions(name)}

    assert sorted({action for action, _ in list_permissions("ResourcesPolicy", "FeaturesPolicy")} - needed) == []


def test_each_unused_action_is_one_of_a_type_of_the_template(types: set[str]) -> None:
    assert UNUSED.keys() <= types
    assert {name: found for name in types if (found := find_stale_patterns(name))} == {}


@pytest.mark.parametrize("policy", read_policies())
def test_a_policy_is_limited_to_resources_of_the_stack(policy: str) -> None:
    permissions = list_permissions(policy)

    assert {action for action, resource in permissions if resource == "*"} <= ANY_RESOURCE.keys()
    assert {
        (action, resource)
        for action, resource in permissions - {each for each in permissions if each[1] == "*"}
        if "qwen-gateway-dev" not in resource and not is_without_stack(action, resource)
    } == set()


def is_without_stack(action: str, resource: str) -> bool:
    if action.startswith("cloudformation:"):
        return resource.endswith((":transform/Serverless-2016-10-31", ":stack/aws-sam-cli-managed-default/*"))
    return any(fnmatchcase(action, each if ":" in each else f"{each}:*") for each in ANY_STACK)


def test_roles_are_passed_to_the_services_that_the_template_names(template: Template) -> None:
    principals = {
        statement["Principal"]["Service"]
        for role in find_resources(template, "AWS::IAM::Role").values()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    }
    (passed,) = (each for each in read_policies()["ResourcesPolicy"]["Statement"] if each["Action"] == "iam:PassRole")

    assert set(passed["Condition"]["StringEquals"]["iam:PassedToService"]) == principals


@pytest.mark.parametrize(("name", "document"), read_policies().items(), ids=read_policies())
def test_a_policy_fits_into_iams_limit(name: str, document: dict[str, Any]) -> None:
    longest = json.dumps(document).replace("STACK_NAME", "x" * 31).replace("REGION", "x" * 14)

    assert len("".join(longest.replace("ACCOUNT_ID", "x" * 12).split())) <= MAX_POLICY_LENGTH


def test_the_policies_in_the_documents_are_current() -> None:
    written = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}

    assert written == format_files(), "docs/iam is stale: run `make docs`"
