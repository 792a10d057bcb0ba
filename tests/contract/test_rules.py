"""The rules of the template refuse parameters that contradict each other, in words that say what to set."""

from typing import Any

import pytest

from tests.contract.template import ROOT, Template
from tools.rules import find_violations, load_template

DOMAIN = {"DomainName": "llm.example.com"}
CERTIFICATE = {"CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/x"}
PRIVATE = {"VpcEndpointIds": "vpce-0123456789abcdef0"}
CIDRS = {"AllowedCidrs": "203.0.113.0/24"}


@pytest.fixture(scope="module")
def own_template() -> Template:
    """Return the template as it is written."""
    return load_template(ROOT / "template.yaml")


@pytest.mark.parametrize("parameters", [{}, DOMAIN | CERTIFICATE, DOMAIN | CERTIFICATE | CIDRS, PRIVATE, CIDRS])
def test_parameters_that_fit_each_other_are_accepted(own_template: Template, parameters: dict[str, str]) -> None:
    assert find_violations(own_template, parameters) == []


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [
        (DOMAIN, "Set CertificateArn"),
        (CERTIFICATE, "Set DomainName"),
        (PRIVATE | CIDRS, "restrict the security group of the VPC endpoint"),
        (PRIVATE | DOMAIN | CERTIFICATE, "Leave DomainName and CertificateArn empty, or VpcEndpointIds"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    own_template: Template, parameters: dict[str, str], remedy: str
) -> None:
    [message] = find_violations(own_template, parameters)

    assert remedy in message


def test_rules_survive_the_transformation(template: Template, own_template: Template) -> None:
    assert template["Rules"] == own_template["Rules"]


LIST = {"Ref": "List"}
NAME = {"Ref": "Name"}


@pytest.mark.parametrize(
    "assertion",
    [
        {"Fn::Contains": [["a", "b"], NAME]},
        {"Fn::Contains": [LIST, "y"]},
        {"Fn::EachMemberIn": [LIST, ["x", "y", "z"]]},
        {"Fn::Not": [{"Fn::EachMemberEquals": [LIST, "x"]}]},
        {"Fn::And": [{"Fn::Equals": [NAME, "a"]}, {"Fn::Not": [{"Fn::Equals": [NAME, "b"]}]}]},
        {"Fn::Or": [{"Fn::Equals": [NAME, "b"]}, {"Fn::Equals": [NAME, "a"]}]},
    ],
)
@pytest.mark.parametrize("negated", [False, True])
def test_every_rule_function_is_evaluated(assertion: Any, negated: bool) -> None:
    assert bool(find_violations(build_template({"Fn::Not": [assertion]} if negated else assertion), {})) is negated


def test_a_rule_whose_condition_is_not_fulfilled_has_no_effect() -> None:
    template = build_template({"Fn::Equals": [NAME, "b"]}, condition={"Fn::Equals": [NAME, "c"]})

    assert find_violations(template, {}) == []
    assert find_violations(template, {"Name": "c"}) == ["Choose b."]


def test_a_rule_that_depends_on_the_region_is_left_to_cloudformation() -> None:
    assert find_violations(build_template({"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]}), {}) == []


def build_template(assertion: Any, condition: Any = None) -> Template:
    rule = {"Assertions": [{"Assert": assertion, "AssertDescription": "Choose b."}]}
    return {
        "Parameters": {
            "Name": {"Type": "String", "Default": "a"},
            "List": {"Type": "CommaDelimitedList", "Default": "x,y"},
        },
        "Rules": {"Only": rule if condition is None else {"RuleCondition": condition, **rule}},
    }
