"""Move the functions of a stage back to the release before: `make rollback`.

A release is an update of the stack that published versions. Those functions go back whose live version was published
by the latest release; the others did not change in it. A version is never rolled back to if its update failed, or if a
rollback left it before. The description of the alias lists the versions that rollbacks left.
"""

import bisect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from botocore.exceptions import ClientError

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from tools.stack_status import describe_running_operation, read_status
from tools.stage import Stage, StageRefused, read_aws_stage

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_lambda import LambdaClient

ROOT = Path(__file__).parents[1]
ALIAS = "live"
NOT_UNDONE = (
    "The API definition, the tables and the parameters of the stack stay as they are. The next deployment that changes "
    "a function moves it to a new version. A second rollback goes one release further back."
)
_MARK = "Rolled back from: "
_MARKED = re.compile(rf"{_MARK}([0-9, ]+)")
_MOST_MARKS = 20
"""A description holds 256 characters."""
_STARTS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"})


class RollbackRefused(Exception):
    """The rollback did not succeed; the message tells the reason and which versions are live."""


class Update(NamedTuple):
    """An update of the stack, or its creation."""

    start: datetime
    failed: bool


class Function(NamedTuple):
    """A function with its alias. Versions are numbers, ascending."""

    label: str
    name: str
    live: int
    versions: Mapping[int, datetime]
    """When each version was published."""
    weights: Mapping[str, float]
    """The other versions that get traffic, while a canary runs."""
    description: str
    revision: str

    @property
    def left_versions(self) -> list[int]:
        """The versions that rollbacks left, the newest rollback last."""
        marked = _MARKED.fullmatch(self.description)
        return [int(number) for number in marked[1].split(",")] if marked else []


class Move(NamedTuple):
    """A function and the version to which its alias goes."""

    function: Function
    target: int

    @property
    def description(self) -> str:
        """The description of the alias after the move."""
        left = [*self.function.left_versions, self.function.live][-_MOST_MARKS:]
        return _MARK + ", ".join(map(str, left))


def plan_moves(functions: Sequence[Function], updates: Sequence[Update]) -> list[Move]:
    """Return the move of each function that the latest release changed and that has an earlier version.

    Raises:
        RollbackRefused: there is none, or it cannot be determined.
    """
    starts = [update.start for update in updates]

    def find_update(published: datetime) -> int:
        return bisect.bisect_right(starts, published) - 1

    releases = {function.name: find_update(function.versions[function.live]) for function in functions}
    latest = max(releases.values())
    if latest < 0:
        raise RollbackRefused(
            "The live versions were released more than 90 days ago, and CloudFormation has no events from that time. "
            "It is not known which functions changed together. Nothing was changed. Move an alias yourself: "
            "aws lambda update-alias --function-name NAME --name live --function-version NUMBER"
        )
    changed = [function for function in functions if releases[function.name] == latest]
    failed = {index for index, update in enumerate(updates) if update.failed}
    moves = []
    for function in changed:
        earlier = [
            number
            for number, published in function.versions.items()
            if number < function.live and number not in function.left_versions and find_update(published) not in failed
        ]
        if earlier:
            moves.append(Move(function, max(earlier)))
    if not moves:
        names = " and ".join(f"{function.label} (version {function.live})" for function in changed)
        raise RollbackRefused(f"Nothing to roll back to: {names} had no earlier release. Nothing was changed.")
    return moves


def read_updates(cloudformation: "CloudFormationClient", stack: str) -> list[Update]:
    """Return the updates of a stack that CloudFormation still knows, the oldest first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [
        (event["Timestamp"], event["ResourceStatus"])
        for page in pages
        for event in page["StackEvents"]
        if event["PhysicalResourceId"] == event["StackId"]
    ]
    updates: list[Update] = []
    for timestamp, status in reversed(events):
        if status in _STARTS:
            updates.append(Update(timestamp, failed=False))
        elif updates and ("ROLLBACK" in status or status.endswith("_FAILED")):
            updates[-1] = updates[-1]._replace(failed=True)
    return updates


def read_functions(cloudformation: "CloudFormationClient", functions: "LambdaClient", stack: str) -> Iterator[Function]:
    """Yield the functions of a stack that have the alias."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] != "AWS::Lambda::Function":
            continue
        name = resource["PhysicalResourceId"]
        try:
            alias = functions.get_alias(FunctionName=name, Name=ALIAS)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            continue
        yield Function(
            label=_make_label(resource["LogicalResourceId"]),
            name=name,
            live=int(alias["FunctionVersion"]),
            versions=dict(_read_versions(functions, name)),
            weights=alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
            description=alias.get("Description", ""),
            revision=alias["RevisionId"],
        )


def _make_label(logical_id: str) -> str:
    """Return the name of the function's package in `functions/`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def _read_versions(functions: "LambdaClient", name: str) -> Iterator[tuple[int, datetime]]:
    for page in functions.get_paginator("list_versions_by_function").paginate(FunctionName=name):
        for version in page["Versions"]:
            if version["Version"].isdecimal():
                yield int(version["Version"]), datetime.fromisoformat(version["LastModified"])


def move_aliases(client: "LambdaClient", moves: Iterable[Move]) -> None:
    """Move every alias. If one cannot be moved, move the others back.

    Raises:
        RollbackRefused: an alias could not be moved.
    """
    done: list[Move] = []
    for move in moves:
        function = move.function
        try:
            client.update_alias(
                FunctionName=function.name,
                Name=ALIAS,
                FunctionVersion=str(move.target),
                Description=move.description,
                RevisionId=function.revision,  # refused if the alias has changed since it was read
            )
        except (*AWS_ERRORS, KeyboardInterrupt) as error:
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else explain_aws_error(error)
            # Without a response the change may have taken effect, so this alias is moved back too.
            moved = done if isinstance(error, ClientError) else [*done, move]
            raise RollbackRefused(_move_back(client, moved, function.label, reason)) from None
        done.append(move)


def _move_back(client: "LambdaClient", moves: list[Move], label: str, reason: str) -> str:
    """Restore the aliases, and return a message about the failure."""
    stuck = []
    for move in moves:
        function = move.function
        try:
            client.update_alias(
                FunctionName=function.name,
                Name=ALIAS,
                FunctionVersion=str(function.live),
                Description=function.description,
            )
        except (*AWS_ERRORS, KeyboardInterrupt):
            stuck.append(f"{function.label} (version {move.target} instead of {function.live}?)")
    message = f"The alias of {label} could not be moved: {reason.removesuffix('.')}."
    if not stuck:
        return f"{message} Every function has the version that it had before."
    return (
        f"{message} These functions could not be moved back either; check them: {', '.join(stuck)}. "
        "aws lambda get-alias --function-name NAME --name live shows the version, "
        "aws lambda update-alias --function-name NAME --name live --function-version NUMBER sets it."
    )


def roll_back(stage: Stage) -> list[str]:
    """Roll the stack of a stage back by one release, and return a line for each function.

    Raises:
        RollbackRefused: see its message.
    """
    session = stage.create_session()
    cloudformation, client = session.client("cloudformation"), session.client("lambda")
    status = read_status(cloudformation, stage.stack)
    if status is None:
        raise RollbackRefused(
            f"There is no stack {stage.stack!r} in region {session.region_name}. Check STAGE, region and account."
        )
    functions = list(read_functions(cloudformation, client, stage.stack))
    if running := [each for each in functions if each.weights]:
        raise RollbackRefused(_describe_canary(running))
    if status.endswith("_IN_PROGRESS"):
        raise RollbackRefused(describe_running_operation(stage, status))
    if not functions:
        raise RollbackRefused(f"The stack {stage.stack} ({status}) has no function with the alias {ALIAS}.")
    moves = plan_moves(functions, read_updates(cloudformation, stage.stack))
    move_aliases(client, moves)
    moved = {move.function.name for move in moves}
    return [
        *(f"{move.function.label}: {move.function.live} -> {move.target}" for move in moves),
        *(
            f"{each.label}: stays at {each.live}, because the latest release did not change it or was its first"
            for each in functions
            if each.name not in moved
        ),
    ]


def _describe_canary(running: list[Function]) -> str:
    shares = [
        f"{function.label} ({share:.0%} on version {number})"
        for function in running
        for number, share in function.weights.items()
    ]
    return (
        f"A canary is running: {', '.join(shares)}. Stop it, and CodeDeploy moves the traffic back: "
        "aws deploy list-deployments --include-only-statuses InProgress shows its id, "
        "aws deploy stop-deployment --auto-rollback-enabled --deployment-id ID stops it. Nothing was changed."
    )


def main() -> None:
    """Roll back the stage of the environment variable STAGE."""
    try:
        lines = roll_back(read_aws_stage(ROOT, os.environ.get("STAGE", "")))
    except (RollbackRefused, StageRefused) as error:
        _exit_with_message(str(error))
    except AWS_ERRORS as error:
        _exit_with_message(explain_aws_error(error))
    except KeyboardInterrupt:
        _exit_with_message("Interrupted. Nothing was changed.")
    sys.stdout.write("\n".join([*lines, NOT_UNDONE]) + "\n")


def _exit_with_message(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
