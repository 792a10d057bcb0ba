"""Alarms, dashboard and saved queries: they name what exists, and exist only with an e-mail address."""

import json
import re
from typing import Any

import pytest

from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.contract.alarming_failures import SCENARIOS
from tests.contract.alarms import (
    ALARM,
    CONDITION,
    GATEWAY,
    find_anchors,
    find_emitted,
    list_gateway_metrics,
    list_metrics,
    parse_log,
)
from tests.contract.template import (
    ROOT,
    SCHEDULED,
    Template,
    apply_conditions,
    find_functions,
    find_resource,
    find_resources,
)
from tests.integration.chat.conftest import Gateway

RUNBOOK = "docs/operations.md"
KINDS = (ALARM, "AWS::SNS::Topic", "AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition")
NAMES = {
    "FunctionErrorsAlarm",
    "ThrottlesAlarm",
    "ConcurrencyAlarm",
    "ServerErrorsAlarm",
    "LatencyAlarm",
    "UsageRecordLostAlarm",
    "ProviderOutOfCreditAlarm",
    "ProviderKeyRefusedAlarm",
    "InternalErrorAlarm",
    "DynamoDBThrottlesAlarm",
    "ReconcileFailedAlarm",
    "ReconcileMissedAlarm",
}
BREACHED_BY_SILENCE = {"ReconcileMissedAlarm"}
"""Alarms on something that has to happen all the time."""
DIMENSIONS_OF_AWS = {
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Invocations"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/Lambda", "Duration"): {"FunctionName"},
    ("AWS/Lambda", "ConcurrentExecutions"): {"FunctionName"},
    ("AWS/ApiGateway", "5XXError"): {"ApiName", "Stage"},
    ("AWS/DynamoDB", "ReadThrottleEvents"): {"TableName"},
    ("AWS/DynamoDB", "WriteThrottleEvents"): {"TableName"},
}
"""The dimensions under which AWS publishes each metric."""
METRICS_OF_THE_ACCOUNT = {("AWS/Lambda", "ConcurrentExecutions"), ("AWS/Lambda", "ClaimedAccountConcurrency")}
"""Metrics that AWS publishes without dimensions, too."""
THROTTLE_EVENTS = {
    **dict.fromkeys(("GetItem", "Query", "Scan"), "ReadThrottleEvents"),
    **dict.fromkeys(("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem"), "WriteThrottleEvents"),
}
"""The metric of DynamoDB for each operation that a role allows."""
THIS_STACK = {"Ref": "AWS::StackName"}
TOPIC = [{"Ref": "AlarmTopic"}]


@pytest.fixture
def monitored(template: Template) -> Template:
    """Return the template as it is deployed with an address for alarms, and with the other defaults."""
    return apply_conditions(template, {"AlarmEmail": "ops@example.com"})


def find_by_kind(template: Template, *kinds: str) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] in kinds}


def test_without_an_address_there_is_no_topic_alarm_dashboard_or_saved_query(template: Template) -> None:
    assert template["Parameters"]["AlarmEmail"]["Default"] == ""
    assert template["Conditions"][CONDITION] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}
    resources = find_by_kind(template, *KINDS)
    del resources["CanaryErrorsAlarm"]  # It has a switch of its own, and notifies nobody.

    assert {each["Type"] for each in resources.values()} == set(KINDS)
    assert {name for name, each in resources.items() if each.get("Condition") != CONDITION} == set()
    assert template["Outputs"]["AlarmTopic"]["Condition"] == CONDITION


def test_the_topic_has_the_address_as_its_subscriber(template: Template) -> None:
    topic = find_resource(template, "AWS::SNS::Topic")

    assert topic == {"Subscription": [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]}


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("", True),
        ("ops@example.com", True),
        ("first.last+aws@mail.example.co.uk", True),
        (" ", False),
        ("ops", False),
        ("ops@example", False),
        ("ops@example.com, dev@example.com", False),
        ("Ops <ops@example.com>", False),
    ],
)
def test_only_an_address_or_nothing_is_accepted(template: Template, address: str, *, accepted: bool) -> None:
    parameter = template["Parameters"]["AlarmEmail"]

    assert (re.fullmatch(parameter["AllowedPattern"], address) is not None) == accepted
    assert "ops@example.com" in parameter["ConstraintDescription"]


def test_each_alarm_names_its_paragraph_of_the_runbook(monitored: Template) -> None:
    anchors = find_anchors((ROOT / RUNBOOK).read_text(encoding="utf-8"))
    named = {
        name: re.fullmatch(rf"[A-Z][^.]*\. Runbook: {RUNBOOK}#(alarm-[\w-]+)", alarm["AlarmDescription"])
        for name, alarm in find_resources(monitored, ALARM).items()
    }

    assert named.keys() == NAMES
    assert {name for name, match in named.items() if match is None or match[1] not in anchors} == set()
    assert {anchor for anchor in anchors if anchor.startswith("alarm-")} == {
        match[1] for match in named.values() if match
    }


def test_each_alarm_notifies_the_topic_and_takes_missing_data_for_no_failure(monitored: Template) -> None:
    for name, alarm in find_resources(monitored, ALARM).items():
        assert alarm["AlarmActions"] == TOPIC
        assert alarm.get("OKActions", TOPIC) == TOPIC
        assert alarm["TreatMissingData"] == ("breaching" if name in BREACHED_BY_SILENCE else "notBreaching")


def test_a_sum_of_metrics_is_complete_and_counts_late_data(monitored: Template) -> None:
    """FILL replaces data that are only late: an alarm on the newest minute alone would miss them."""
    sums = [
        alarm for alarm in find_resources(monitored, ALARM).values() if "FILL" in json.dumps(alarm.get("Metrics", []))
    ]

    assert len(sums) == 4
    for alarm in sums:
        total, *metrics = alarm["Metrics"]
        assert total["Expression"] == " + ".join(f"FILL({each['Id']}, 0)" for each in metrics)
        assert alarm["EvaluationPeriods"] > alarm["DatapointsToAlarm"]


def test_each_metric_of_aws_has_the_dimensions_that_aws_publishes(monitored: Template) -> None:
    for alarm in find_resources(monitored, ALARM).values():
        for metric in list_metrics(alarm):
            if metric.namespace != GATEWAY and not (metric[:2] in METRICS_OF_THE_ACCOUNT and not metric.dimensions):
                assert metric.dimensions.keys() == DIMENSIONS_OF_AWS[metric[:2]]
                assert all(
                    value in ("api", THIS_STACK) or value["Ref"] in monitored["Resources"]
                    for value in metric.dimensions.values()
                )


def test_the_api_of_the_server_errors_is_that_of_the_stack(template: Template) -> None:
    (metric,) = list_metrics(find_resources(template, ALARM)["ServerErrorsAlarm"])

    assert metric.dimensions["ApiName"] == find_resource(template, "AWS::ApiGateway::RestApi")["Name"]
    assert metric.dimensions["Stage"] == find_resource(template, "AWS::ApiGateway::Stage")["StageName"]


@pytest.mark.parametrize("name", ["FunctionErrorsAlarm", "ThrottlesAlarm"])
def test_an_alarm_on_functions_reads_all_behind_the_api(monitored: Template, name: str) -> None:
    read = [each.dimensions["FunctionName"]["Ref"] for each in list_metrics(find_resources(monitored, ALARM)[name])]

    assert sorted(read) == sorted(find_functions(monitored).keys() - SCHEDULED)


def test_a_scheduled_function_has_alarms_for_its_errors_and_for_its_silence(monitored: Template) -> None:
    alarms = find_resources(monitored, ALARM)
    failed = {each.name: each.dimensions for each in list_metrics(alarms["ReconcileFailedAlarm"])}
    (missed,) = list_metrics(alarms["ReconcileMissedAlarm"])

    assert failed["Errors"] == missed.dimensions == {"FunctionName": {"Ref": "ReconcileFunction"}}
    assert missed.name == "Invocations"
    (rule,) = find_resources(monitored, "AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert alarms["ReconcileMissedAlarm"]["Period"] >= 3 * 300


def test_dynamodb_throttles_are_read_for_each_operation_of_the_functions(monitored: Template) -> None:
    policies = [
        statement
        for role in find_resources(monitored, "AWS::IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    used = {
        (each["Resource"]["Fn::GetAtt"][0], THROTTLE_EVENTS[action.removeprefix("dynamodb:")])
        for each in policies
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        if action.startswith("dynamodb:")
    }
    alarm = find_resources(monitored, ALARM)["DynamoDBThrottlesAlarm"]

    assert {(each.dimensions["TableName"]["Ref"], each.name) for each in list_metrics(alarm)} == used


def test_each_failure_that_only_the_owner_can_mend_has_an_alarm(template: Template) -> None:
    by_provider = {failure.http.code for failure in PROVIDER_FAILURES if failure.owner_metric}

    assert list_gateway_metrics(template).keys() == by_provider | {
        "usage_record_lost",
        "internal_error",
        "reconcile_failed",
    }


def test_the_metrics_of_a_stack_are_its_own(template: Template) -> None:
    for function in find_functions(template).values():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == GATEWAY
        assert variables["POWERTOOLS_SERVICE_NAME"] == THIS_STACK
    assert [each.dimensions for each in list_gateway_metrics(template).values()] == [{"service": THIS_STACK}] * 5


def test_every_metric_of_an_alarm_has_a_scenario(template: Template) -> None:
    assert SCENARIOS.keys() == list_gateway_metrics(template).keys()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_gateway_emits_the_metric_of_an_alarm(  # noqa: PLR0913, PLR0917 - fixtures of a whole gateway
    template: Template,
    gateway: Gateway,
    provider: RunningMockQwen,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    SCENARIOS[name](gateway, provider, monkeypatch)

    (emitted,) = [each for each in find_emitted(parse_log(capsys.readouterr().out)) if each.name == name]
    watched = list_gateway_metrics(template)[name]
    assert (emitted.namespace, emitted.dimensions.keys()) == (watched.namespace, watched.dimensions.keys())


def read_dashboard(template: Template) -> tuple[str, Any]:
    """Return the dashboard's text and its widgets, with logical ids in place of what CloudFormation inserts."""
    text, _ = find_resource(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    return text, json.loads(re.sub(r"\$\{([\w:.]+)\}", r"\1", text))["widgets"]


def test_the_dashboard_shows_every_alarm(monitored: Template) -> None:
    _, (first, *_) = read_dashboard(monitored)

    assert first["type"] == "alarm"
    assert {each.removesuffix(".Arn") for each in first["properties"]["alarms"]} == NAMES


def test_the_dashboard_shows_every_provider_and_model(monitored: Template) -> None:
    text, widgets = read_dashboard(monitored)
    expressions = re.findall(
        r"SEARCH\('\{QwenGateway,service,provider,model\} (.+?)', '\w+', 300\)", json.dumps(widgets)
    )
    shown = {re.fullmatch(r'service=\\"AWS::StackName\\" MetricName=\\"(\w+)\\"', each)[1] for each in expressions}  # type: ignore[index]

    names = {"requests", "tokens_in", "tokens_out", "tokens_cached", "latency_ms", "first_token_ms"}
    assert shown == names
    inserted = {name.removesuffix(".Arn") for name in re.findall(r"\$\{([\w:.]+)\}", text)}
    assert inserted - {"AWS::StackName", "AWS::Region"} <= monitored["Resources"].keys()
