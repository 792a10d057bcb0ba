"""The summary of a change set: what is lost comes first, and nothing is executed or left behind."""

import subprocess
from pathlib import Path
from typing import Any

import boto3.session
import pytest
from botocore.exceptions import ClientError

from tools import changes
from tools.deploy import DeploymentRefused, Settings

SAMCONFIG = '[dev.deploy.parameters]\nstack_name = "qwen-gateway-dev"\nregion = "eu-west-1"\n'
SETTINGS = Settings("dev", "", "", "sam")


def change(action: str, name: str, kind: str = "AWS::Lambda::Function", **more: str) -> dict[str, Any]:
    return {"ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more}}


class FakePaginator:
    """A paginator with one item a page."""

    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return self._pages


class FakeCloudFormation:
    """A CloudFormation with one stack, to which sam adds a change set."""

    def __init__(self, pages: list[dict[str, Any]], stack_status: str | None = "CREATE_COMPLETE") -> None:
        self.pages, self.stack_status = pages, stack_status
        self.change_sets, self.created = ["earlier"], ["new"]
        self.deleted: list[str] = []

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if self.stack_status is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.stack_status}]}

    def get_paginator(self, operation: str) -> FakePaginator:
        lists = [{"Summaries": [{"ChangeSetId": each}]} for each in self.change_sets]
        return FakePaginator(lists if operation == "list_change_sets" else self.pages)

    def delete_change_set(self, ChangeSetName: str) -> None:  # noqa: N803 - boto3's name
        self.deleted.append(ChangeSetName)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the command lines of sam."""
    return []


@pytest.fixture
def summarize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]) -> Any:
    """Return a function that summarizes a deployment with this CloudFormation."""
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG, encoding="utf-8")

    def run(cloudformation: FakeCloudFormation) -> str:
        def run_sam(command: list[str], **_: Any) -> None:
            commands.append(command)
            cloudformation.change_sets += cloudformation.created

        monkeypatch.setattr(boto3.session.Session, "client", lambda *_: cloudformation)
        monkeypatch.setattr(changes, "prepare_deployment", lambda _, settings: ["sam", "deploy", settings.confirm])
        monkeypatch.setattr(subprocess, "run", run_sam)
        return changes.summarize_deployment(tmp_path, SETTINGS)

    return run


def test_what_is_lost_comes_first() -> None:
    text = changes.format_changes(
        [
            change("Add", "Alarm", "AWS::CloudWatch::Alarm"),
            change("Modify", "UsageTable", "AWS::DynamoDB::Table", Replacement="True"),
            change("Modify", "ChatFunction", Replacement="False"),
        ]
    )

    assert text.splitlines() == [
        "**Replaced or deleted: `UsageTable`**",
        "",
        "| action | logical id | type | replacement |",
        "|---|---|---|---|",
        "| modify | `UsageTable` | AWS::DynamoDB::Table | **yes** |",
        "| add | `Alarm` | AWS::CloudWatch::Alarm | - |",
        "| modify | `ChatFunction` | AWS::Lambda::Function | no |",
    ]


@pytest.mark.parametrize(
    ("one", "is_lost"),
    [
        (change("Remove", "X"), True),
        (change("Modify", "X", Replacement="Conditional"), True),
        (change("Remove", "X", PolicyAction="Retain"), False),
        (change("Modify", "X", Replacement="True", PolicyAction="ReplaceAndRetain"), False),
        (change("Remove", "X", "AWS::ApiGateway::Deployment"), False),
        (change("Add", "X"), False),
    ],
    ids=["removed", "perhaps replaced", "retained", "replaced and retained", "the API's last deployment", "added"],
)
def test_a_resource_that_remains_is_not_called_lost(one: dict[str, Any], is_lost: bool) -> None:
    assert ("Replaced or deleted: `X`" in changes.format_changes([one])) is is_lost


def test_a_change_set_is_created_without_execution_and_deleted(summarize: Any, commands: list[list[str]]) -> None:
    cloudformation = FakeCloudFormation([{"Status": "CREATE_COMPLETE", "Changes": [change("Add", "Alarm")]}])

    assert "| add | `Alarm` |" in summarize(cloudformation)
    assert commands == [["sam", "deploy", "no", "--no-execute-changeset"]]
    assert cloudformation.deleted == ["new"]


def test_an_empty_change_set_is_said_plainly_and_deleted(summarize: Any) -> None:
    reason = "The submitted information didn't contain changes. Submit different information to create a change set."
    cloudformation = FakeCloudFormation([{"Status": "FAILED", "StatusReason": reason, "Changes": []}])

    assert summarize(cloudformation).endswith("No changes: the stack is up to date.\n")
    assert cloudformation.deleted == ["new"]


def test_a_refused_change_set_is_an_error_and_is_deleted(summarize: Any) -> None:
    cloudformation = FakeCloudFormation([{"Status": "FAILED", "StatusReason": "Transform failed", "Changes": []}])

    with pytest.raises(DeploymentRefused, match="Transform failed"):
        summarize(cloudformation)
    assert cloudformation.deleted == ["new"]


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS"])
def test_of_a_new_stack_no_change_set_is_created(summarize: Any, commands: list[list[str]], status: str | None) -> None:
    assert "does not exist yet" in summarize(FakeCloudFormation([], status))
    assert commands == []


@pytest.mark.parametrize(("created", "message"), [([], "no change set"), (["new", "other"], "Another deployment")])
def test_only_the_one_change_set_of_this_run_is_deleted(summarize: Any, created: list[str], message: str) -> None:
    cloudformation = FakeCloudFormation([])
    cloudformation.created = created

    with pytest.raises(DeploymentRefused, match=message):
        summarize(cloudformation)
    assert cloudformation.deleted == []
