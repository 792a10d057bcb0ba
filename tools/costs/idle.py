"""What a deployed gateway costs in a month without calls, counted in the transformed template."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from qwen_gateway_cli.aws_costs import Prices
from tools.costs.deployment import Template, list_resources

ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a resource type
PAID_BY_USE = frozenset(
    {
        *("AWS::ApiGateway::Deployment", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage"),
        *("AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::Logs::QueryDefinition"),
        *("AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission"),
        *("AWS::Events::Rule", "AWS::Lambda::Version", "AWS::SNS::Topic"),
    }
)
"""Resources that cost nothing while nothing uses them, apart from what they store."""
WITH_ALARMS = {"AlarmEmail": "ops@example.com"}


class IdleCost(NamedTuple):
    """USD a month without calls."""

    base: Decimal
    """With the default parameters."""
    with_alarms: Decimal
    """With `AlarmEmail`, by list prices."""
    with_free_tier: Decimal
    """The same in an account that uses none of its free alarms and dashboards otherwise."""


class _Counts(NamedTuple):
    secrets: int
    alarm_metrics: int
    dashboards: int


def idle_cost(template: Template, prices: Prices) -> IdleCost:
    """Return the idle cost of a transformed template.

    Raises:
        ValueError: the template has a resource whose idle cost is not known.
    """
    alarmed = _count(template, WITH_ALARMS)
    paid = alarmed._replace(
        alarm_metrics=max(0, alarmed.alarm_metrics - int(prices.get("cloudwatch", "free_alarm_metrics"))),
        dashboards=max(0, alarmed.dashboards - int(prices.get("cloudwatch", "free_dashboards"))),
    )
    return IdleCost(_cost(_count(template, {}), prices), _cost(alarmed, prices), _cost(paid, prices))


def _count(template: Template, parameters: Mapping[str, str]) -> _Counts:
    resources = list_resources(template, parameters)
    kinds = [each["Type"] for each in resources]
    if unknown := {*kinds} - PAID_BY_USE - {ALARM, DASHBOARD, SECRET}:
        raise ValueError(f"tools/costs/idle.py does not know the idle cost of {', '.join(sorted(unknown))}")
    alarm_metrics = sum(_count_metrics(each["Properties"]) for each in resources if each["Type"] == ALARM)
    return _Counts(kinds.count(SECRET), alarm_metrics, kinds.count(DASHBOARD))


def _cost(counts: _Counts, prices: Prices) -> Decimal:
    return (
        counts.secrets * prices.get("secrets_manager", "secret_month")
        + counts.alarm_metrics * prices.get("cloudwatch", "alarm_metric_month")
        + counts.dashboards * prices.get("cloudwatch", "dashboard_month")
    )


def _count_metrics(alarm: Mapping[str, Any]) -> int:
    """Return the billed metrics of an alarm; of the two branches of a condition, those of the larger."""
    match alarm.get("Metrics"):
        case None:
            return 1
        case {"Fn::If": [_, *branches]}:
            return max(map(_count_queries, branches))
        case queries:
            return _count_queries(queries)


def _count_queries(queries: Sequence[Mapping[str, Any]]) -> int:
    return sum("MetricStat" in query for query in queries)
