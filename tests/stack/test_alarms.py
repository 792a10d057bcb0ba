"""The resources of `AlarmEmail` in the emulated AWS, without those that it refuses: metric math and saved queries."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from qwen_gateway_cli.local import aws
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.sockets import find_free_port
from tests.contract.template import ROOT, Template, transform
from tests.stack.repository import wait_until

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(180)]

ADDRESS = "ops@example.com"
STACK = "alarmed"
SERVICES = "cloudformation,cloudwatch,monitoring,sns"
REFUSED = ("AWS::Logs::QueryDefinition",)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """Run an emulated AWS with the services of alarms; return its address."""
    (tmp_path / ".tools").symlink_to(ROOT / ".tools")
    layout, port = Layout(tmp_path), find_free_port()
    for folder in layout.transient_folders:
        folder.mkdir(parents=True)
    environment = aws.build_environment(layout, port) | {"SERVICES": SERVICES}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            aws.command(layout), cwd=layout.temporary, env=environment, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: aws.is_ready(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def create_client(service: Any, endpoint: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def select_alarms(template: Template) -> Template:
    """Return a template of the resources of `AlarmEmail` that the emulated AWS accepts.

    References to others are replaced by their logical ids.
    """
    kept = {
        name: each
        for name, each in template["Resources"].items()
        if each.get("Condition") == "HasAlarms" and each["Type"] not in REFUSED and "Metrics" not in each["Properties"]
    }
    text = json.dumps(kept)
    for name in template["Resources"].keys() - kept.keys():
        text = text.replace(json.dumps({"Ref": name}), json.dumps(name))
        text = re.sub(rf"\$\{{{name}(\.Arn)?\}}", name, text)
    return {name: template[name] for name in ("Parameters", "Conditions", "Mappings")} | {"Resources": json.loads(text)}


def deploy(endpoint: str, template: Template, address: str) -> None:
    cloudformation = create_client("cloudformation", endpoint)
    parameters = [{"ParameterKey": "AlarmEmail", "ParameterValue": address}]
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template), Parameters=parameters)
    deadline = time.monotonic() + 30
    while (status := read_status(cloudformation)).endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status == "CREATE_COMPLETE"


def read_status(cloudformation: Any) -> str:
    return cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]


def test_alarms_topic_and_dashboard_are_deployed_with_an_address(endpoint: str) -> None:
    template = select_alarms(transform())

    deploy(endpoint, template, ADDRESS)

    (subscription,) = create_client("sns", endpoint).list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", ADDRESS)
    cloudwatch = create_client("cloudwatch", endpoint)
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    assert len(alarms) == 7
    assert all(alarm["AlarmActions"] == [subscription["TopicArn"]] for alarm in alarms)
    missing = {alarm["AlarmName"].split("-")[1]: alarm["TreatMissingData"] for alarm in alarms}
    assert missing.pop("ReconcileMissedAlarm") == "breaching"
    assert set(missing.values()) == {"notBreaching"}
    own = {each["MetricName"]: each["Dimensions"] for each in alarms if each["Namespace"] == "QwenGateway"}
    assert own.keys() == {"usage_record_lost", "provider_out_of_credit", "provider_auth_failed", "internal_error"}
    assert all(dimensions == [{"Name": "service", "Value": STACK}] for dimensions in own.values())
    (dashboard,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=dashboard["DashboardName"])["DashboardBody"])
    assert {alarm["AlarmArn"] for alarm in alarms} <= set(body["widgets"][0]["properties"]["alarms"])
    assert f'service="{STACK}"' in body["widgets"][1]["properties"]["metrics"][0][0]["expression"]


def test_nothing_of_it_is_deployed_without_an_address(endpoint: str) -> None:
    template = select_alarms(transform())
    template["Resources"]["Other"] = {"Type": "AWS::SNS::Topic"}

    deploy(endpoint, template, "")

    assert create_client("sns", endpoint).list_subscriptions()["Subscriptions"] == []
    cloudwatch = create_client("cloudwatch", endpoint)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
