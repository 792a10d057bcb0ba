"""A stack with functions of moto, and the records that CloudFormation keeps of its updates."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

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
