"""The idle cost of a template, counted by hand."""

from typing import Any

import pytest

from tools.costs import idle_cost, load_prices

PRICES = load_prices()
SECRET = {"Type": "AWS::SecretsManager::Secret", "Properties": {}}
METRIC = {"MetricStat": {}}


def alarm(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::Alarm", "Condition": "HasAlarms", "Properties": properties}


def template(**resources: Any) -> dict[str, Any]:
    return {
        "Parameters": {"AlarmEmail": {"Default": ""}, "Owned": {"Default": "yes"}},
        "Conditions": {
            "HasAlarms": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]},
            "IsOwned": {"Fn::Equals": [{"Ref": "Owned"}, "yes"]},
            "IsForeign": {"Fn::Not": [{"Condition": "IsOwned"}]},
            "Both": {"Fn::And": [{"Condition": "IsOwned"}, {"Condition": "HasAlarms"}]},
            "Either": {"Fn::Or": [{"Condition": "IsForeign"}, {"Condition": "HasAlarms"}]},
        },
        "Resources": resources,
    }


def cost(**resources: Any) -> tuple[float, float, float]:
    base, with_alarms, with_free_tier = idle_cost(template(**resources), PRICES)
    return float(base), float(with_alarms), float(with_free_tier)


def test_a_secret_costs_0_40_and_a_table_nothing() -> None:
    assert cost(Secret=SECRET, Table={"Type": "AWS::DynamoDB::Table"}) == (0.40, 0.40, 0.40)


def test_each_metric_of_an_alarm_costs_0_10_after_ten_free_ones() -> None:
    alarms = {f"Alarm{number}": alarm(Metrics=[{"Expression": "a + b"}, METRIC, METRIC]) for number in range(6)}

    assert cost(**alarms) == (0.0, pytest.approx(12 * 0.10), pytest.approx(2 * 0.10))


def test_an_alarm_on_one_metric_costs_0_10() -> None:
    assert cost(Alarm=alarm(MetricName="Errors")) == (0.0, 0.10, 0.0)


def test_of_two_branches_the_larger_is_counted() -> None:
    branches = alarm(Metrics={"Fn::If": ["IsOwned", [METRIC], [METRIC, METRIC, METRIC]]})

    assert cost(Alarm=branches) == (0.0, pytest.approx(0.30), 0.0)


def test_a_dashboard_costs_3_usd_after_three_free_ones() -> None:
    dashboards = {
        f"Dashboard{number}": {"Type": "AWS::CloudWatch::Dashboard", "Condition": "HasAlarms"} for number in range(4)
    }

    assert cost(**dashboards) == (0.0, 12.0, 3.0)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("IsOwned", (0.4, 0.4)), ("IsForeign", (0, 0)), ("Both", (0, 0.4)), ("Either", (0, 0.4)), ("HasAlarms", (0, 0.4))],
)
def test_a_resource_counts_if_its_condition_holds(condition: str, expected: tuple[float, float]) -> None:
    assert cost(Secret=SECRET | {"Condition": condition})[:2] == expected


def test_a_resource_of_unknown_price_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"does not know the idle cost of AWS::EC2::NatGateway"):
        cost(Gateway={"Type": "AWS::EC2::NatGateway"})


def test_a_condition_that_cannot_be_evaluated_is_refused() -> None:
    document = template(Secret=SECRET | {"Condition": "New"})
    document["Conditions"]["New"] = {"Fn::Contains": []}

    with pytest.raises(ValueError, match=r"cannot evaluate the condition \{'Fn::Contains': \[\]\}"):
        idle_cost(document, PRICES)
