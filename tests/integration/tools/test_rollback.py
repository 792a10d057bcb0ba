"""`make rollback` with Lambda emulated by moto, and the history of a stack."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from tools import rollback
from tools.rollback import RollbackRefused, roll_back
from tools.stage import Stage

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

STACK = Stage("dev", "gateway-dev", "us-east-1", "", [])
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/gateway-dev/1"
ROLE = "arn:aws:iam::123456789012:role/function"


class DeployedStack:
    """A stack with functions, and CloudFormation's records of its updates. It is its own CloudFormation client."""

    def __init__(self, functions: "LambdaClient") -> None:
        self.functions = functions
        self.exists = True
        self.status = "CREATE_COMPLETE"
        self.events: list[dict[str, Any]] = []
        self.names: dict[str, str] = {"Log": "AWS::Logs::LogGroup"}
        self._changes = 0

    def release(self, *names: str, ends: str = "UPDATE_COMPLETE") -> None:
        """Update the stack: publish a version of each function, and move its alias if the update succeeds."""
        failed = "ROLLBACK" in ends
        first = not self.events
        self._record("CREATE_IN_PROGRESS" if first else "UPDATE_IN_PROGRESS")
        for name in names:
            self._publish(name, move=not failed)
        if failed:
            self._record("UPDATE_ROLLBACK_IN_PROGRESS")
        else:
            self._record("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._record("CREATE_COMPLETE" if first else ends)

    def live(self, name: str) -> str:
        return self.functions.get_alias(FunctionName=f"gateway-{name}", Name="live")["FunctionVersion"]

    def add_function(self, name: str, logical_id: str) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        self.functions.create_function(
            FunctionName=f"gateway-{name}",
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handle",
            Code={"ZipFile": code.getvalue()},
        )
        self.names[logical_id] = f"gateway-{name}"

    def _publish(self, name: str, *, move: bool) -> None:
        logical_id = f"{name.title()}Function"
        if logical_id not in self.names:
            self.add_function(name, logical_id)
        self._changes += 1
        function = self.names[logical_id]
        self.functions.update_function_configuration(FunctionName=function, Description=str(self._changes))
        version = self.functions.publish_version(FunctionName=function)["Version"]
        if version == "1":
            self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
        elif move:
            self.functions.update_alias(FunctionName=function, Name="live", FunctionVersion=version)

    def _record(self, status: str) -> None:
        self.status = status
        event = {"StackId": STACK_ID, "PhysicalResourceId": STACK_ID, "ResourceStatus": status}
        resource = {"StackId": STACK_ID, "PhysicalResourceId": "role", "ResourceStatus": "UPDATE_FAILED"}
        self.events = [resource | {"Timestamp": now()}, event | {"Timestamp": now()}, *self.events]

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - a parameter of boto3
        if not self.exists or StackName != STACK.stack:
            error = {"Error": {"Code": "ValidationError", "Message": "does not exist"}}
            raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type]
        return {"Stacks": [{"StackStatus": self.status}]}

    def get_paginator(self, operation: str) -> Any:
        class Paginator:
            def paginate(_, StackName: str) -> list[dict[str, Any]]:  # noqa: N803, N805 - a parameter of boto3
                assert StackName == STACK.stack
                if operation == "describe_stack_events":
                    return [{"StackEvents": [event]} for event in self.events]
                return [{"StackResourceSummaries": [summary]} for summary in self._summaries()]

        return Paginator()

    def _summaries(self) -> Iterator[dict[str, Any]]:
        for logical_id, name in self.names.items():
            kind = name if name.startswith("AWS::") else "AWS::Lambda::Function"
            yield {"LogicalResourceId": logical_id, "PhysicalResourceId": name, "ResourceType": kind}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedStack]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")
        deployed = DeployedStack(boto3.client("lambda"))

        class Session:
            region_name = "us-east-1"

            def client(self, service: str) -> Any:
                return {"cloudformation": deployed, "lambda": deployed.functions}[service]

        monkeypatch.setattr(Stage, "create_session", lambda _: Session())
        yield deployed


def test_every_function_of_the_release_goes_back(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")

    assert roll_back(STACK) == ["chat: 2 -> 1", "models: 2 -> 1"]

    assert (stack.live("chat"), stack.live("models")) == ("1", "1")


def test_a_function_that_the_release_did_not_change_stays(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.release("chat")

    chat, models = roll_back(STACK)

    assert chat == "chat: 3 -> 2"
    assert models.startswith("models: stays at 2")
    assert (stack.live("chat"), stack.live("models")) == ("2", "2")


def test_a_second_rollback_goes_one_release_further(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("models")
    stack.release("chat")
    stack.release("chat", "models")

    seen = []
    for _ in range(3):
        roll_back(STACK)
        seen.append((stack.live("chat"), stack.live("models")))

    assert seen == [("2", "2"), ("1", "2"), ("1", "1")]
    with pytest.raises(RollbackRefused, match="Nothing to roll back to"):
        roll_back(STACK)


def test_an_update_without_new_versions_is_not_a_release(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat")
    stack.release()

    assert roll_back(STACK) == ["chat: 2 -> 1"]


def test_a_version_of_a_failed_update_is_passed_over(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat", ends="UPDATE_ROLLBACK_COMPLETE")
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 3 -> 1"]


def test_a_version_that_a_rollback_left_is_passed_over(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat")
    roll_back(STACK)
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 3 -> 1"]
    description = stack.functions.get_alias(FunctionName="gateway-chat", Name="live")["Description"]
    assert description == "Rolled back from: 2, 3"


def test_the_description_stays_below_its_limit(stack: DeployedStack) -> None:
    function = rollback.Function("chat", "chat", 5000, {}, {}, "Rolled back from: " + ", ".join(["4999"] * 20), "r")

    description = rollback.Move(function, 1).description

    assert description.endswith("4999, 5000")
    assert len(description) <= 256


def test_a_function_without_an_earlier_version_stays(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat", "models")

    chat, models = roll_back(STACK)

    assert chat == "chat: 2 -> 1"
    assert models.startswith("models: stays at 1")


def test_a_function_without_the_alias_is_ignored(stack: DeployedStack) -> None:
    stack.add_function("hook", "SmokeHookFunction")
    stack.release("chat")
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 2 -> 1"]


def test_the_label_is_the_package_of_the_function() -> None:
    assert rollback._make_label("SmokeHookFunction") == "smoke_hook"


def check_nothing_changes(stack: DeployedStack, *words: str) -> None:
    before = (stack.live("chat"), stack.live("models"))
    with pytest.raises(RollbackRefused) as refused:
        roll_back(STACK)
    assert (stack.live("chat"), stack.live("models")) == before
    assert all(word in str(refused.value) for word in words), refused.value


def test_the_first_release_has_nothing_to_roll_back_to(stack: DeployedStack) -> None:
    stack.release("chat", "models")

    check_nothing_changes(stack, "Nothing to roll back to", "chat (version 1)", "models (version 1)")


def test_a_running_canary_is_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    weights: Any = {"AdditionalVersionWeights": {"2": 0.1}}
    stack.functions.update_alias(FunctionName="gateway-chat", Name="live", FunctionVersion="1", RoutingConfig=weights)
    stack.status = "UPDATE_IN_PROGRESS"

    check_nothing_changes(stack, "chat (10% on version 2)", "aws deploy stop-deployment")


def test_a_stack_that_is_being_updated_is_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.status = "UPDATE_IN_PROGRESS"

    check_nothing_changes(stack, "UPDATE_IN_PROGRESS", "cancel-update-stack --stack-name gateway-dev")


def test_a_missing_stack_is_refused(stack: DeployedStack) -> None:
    stack.exists = False

    with pytest.raises(RollbackRefused, match="no stack 'gateway-dev' in region us-east-1"):
        roll_back(STACK)


def test_a_stack_without_functions_is_refused(stack: DeployedStack) -> None:
    stack.release()
    stack.status = "ROLLBACK_COMPLETE"

    with pytest.raises(RollbackRefused, match="ROLLBACK_COMPLETE"):
        roll_back(STACK)


def test_releases_that_cloudformation_has_forgotten_are_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.events = []

    check_nothing_changes(stack, "90 days", "aws lambda update-alias")


class FailingLambda:
    """A client whose changes of aliases fail, `times` of them from the `first` on; `apply` lets them take effect."""

    def __init__(self, client: Any, error: BaseException, first: int, times: int = 1, *, apply: bool = False) -> None:
        self._client = client
        self._error = error
        self._failing = range(first, first + times)
        self._apply = apply
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_alias(self, **request: Any) -> Any:
        self._calls += 1
        if self._calls not in self._failing:
            return self._client.update_alias(**request)
        if self._apply:
            self._client.update_alias(**request)
        raise self._error


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateAlias")


TIMEOUT = ReadTimeoutError(endpoint_url="https://lambda.us-east-1.amazonaws.com")


@pytest.mark.parametrize(
    ("error", "apply"),
    [(refusal("AccessDeniedException"), False), (TIMEOUT, False), (TIMEOUT, True), (KeyboardInterrupt(), True)],
    ids=["denied", "timeout", "lost response", "interrupted"],
)
def test_if_one_alias_cannot_be_moved_the_others_go_back(
    stack: DeployedStack, error: BaseException, apply: bool
) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    client = stack.functions
    stack.functions = FailingLambda(client, error, 2, apply=apply)  # type: ignore[assignment]

    check_nothing_changes(stack, "models could not be moved", "the version that it had before")
    assert client.get_alias(FunctionName="gateway-chat", Name="live")["Description"] == ""


def test_an_alias_that_changed_meanwhile_is_not_touched(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    recorded = []
    client = stack.functions

    class Changed(FailingLambda):
        def update_alias(self, **request: Any) -> Any:
            recorded.append(request)
            return super().update_alias(**request)

    stack.functions = Changed(client, refusal("PreconditionFailedException"), 1)  # type: ignore[assignment]

    check_nothing_changes(stack, "chat could not be moved", "PreconditionFailedException")
    revision = client.get_alias(FunctionName="gateway-chat", Name="live")["RevisionId"]
    assert [each["RevisionId"] for each in recorded] == [revision]


def test_what_could_not_be_moved_back_is_named(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.functions = FailingLambda(  # type: ignore[assignment]
        stack.functions, refusal("AccessDeniedException"), 2, times=2
    )

    with pytest.raises(RollbackRefused, match=r"chat \(version 1 instead of 2\?\)"):
        roll_back(STACK)
