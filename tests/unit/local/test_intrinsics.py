"""Intrinsic functions are resolved as CloudFormation does."""

from typing import Any

import pytest

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics

TEMPLATE = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "a"},
        "Number": {"Type": "Number", "Default": 0},
        "Required": {"Type": "String"},
        "Empty": {"Type": "CommaDelimitedList", "Default": ""},
        "Several": {"Type": "CommaDelimitedList", "Default": "one, two"},
    },
    "Conditions": {
        "IsA": {"Fn::Equals": [{"Ref": "Name"}, "a"]},
        "IsZero": {"Fn::Equals": [{"Ref": "Number"}, 0]},
        "IsNotA": {"Fn::Not": [{"Condition": "IsA"}]},
        "Both": {"Fn::And": [{"Condition": "IsA"}, {"Condition": "IsNotA"}]},
        "Either": {"Fn::Or": [{"Condition": "IsA"}, {"Condition": "IsNotA"}]},
        "IsEmpty": {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Empty"}]}, ""]},
    },
}
POLICY = {"Effect": "Deny", "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Name"}, "a"),
        ({"Ref": "Several"}, ["one", "two"]),
        ({"Fn::Sub": "${Name}-${Number}"}, "a-0"),
        ({"Fn::Sub": ["${Name}-${Own}", {"Own": {"Ref": "Name"}}]}, "a-a"),
        ({"Fn::Select": [1, {"Ref": "Several"}]}, "two"),
        ({"Fn::If": ["IsA", {"Ref": "Name"}, "b"]}, "a"),
        ({"Fn::If": ["IsNotA", "b", {"Ref": "AWS::NoValue"}]}, None),
        ([1, {"Fn::If": ["IsA", {"Ref": "AWS::NoValue"}, 2]}], [1]),
        ({"kept": 1, "removed": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        (POLICY, POLICY),
        ({"Condition": POLICY["Condition"]}, {"Condition": POLICY["Condition"]}),
        (4, 4),
    ],
)
def test_a_value_is_resolved(value: Any, resolved: Any) -> None:
    assert Intrinsics(TEMPLATE, {}).resolve(value) == resolved


@pytest.mark.parametrize(
    ("parameters", "fulfilled"),
    [
        ({}, {"IsA", "IsZero", "Either", "IsEmpty"}),
        ({"Name": "b", "Number": "1", "Empty": "x"}, {"IsNotA", "Either"}),
    ],
)
def test_conditions_depend_on_parameters(parameters: dict[str, str], fulfilled: set[str]) -> None:
    intrinsics = Intrinsics(TEMPLATE, parameters)

    assert {name for name in TEMPLATE["Conditions"] if intrinsics.resolve({"Condition": name})} == fulfilled


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"Ref": "Required"}, "unknown parameter 'Required'"),
        ({"Condition": "Stranger"}, "unknown condition 'Stranger'"),
        ({"Fn::ImportValue": "x"}, "cannot resolve"),
    ],
)
def test_what_cannot_be_resolved_is_an_error(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Intrinsics(TEMPLATE, {}).resolve(value)
