"""The status of a stack on AWS, and what to do about one that blocks a deployment."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.stage import Stage

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_FAILED_CREATION = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
NEVER_DEPLOYED = "REVIEW_IN_PROGRESS"
"""A change set was made and not executed. The next deployment makes a new one."""


class StackBlocked(Exception):
    """The status of the stack does not admit the operation; the message states the remedy."""


def read_status(cloudformation: "CloudFormationClient", stack: str) -> str | None:
    """Return the status of a stack, or None if it does not exist. Raises errors of botocore."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None


def check_deployable(stage: Stage, status: str | None) -> None:
    """Check that a deployment to a stack with this status can start.

    Raises:
        StackBlocked: it cannot.
    """
    if status in {None, NEVER_DEPLOYED}:
        return
    name = stage.stack
    option = f" --region {stage.region}" if stage.region else ""
    events = f"aws cloudformation describe-stack-events --stack-name {name}{option}"
    if status in _FAILED_CREATION:
        raise StackBlocked(
            f"The first deployment of {name} failed ({status}), and CloudFormation cannot update such a stack. "
            f"See the reason: {events} --query \"StackEvents[?ResourceStatus=='CREATE_FAILED']\". "
            f"Then delete the stack, which holds no data: make teardown STAGE={stage.name}. Deploy again afterwards."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise StackBlocked(
            f"An update of {name} failed, and so did its rollback ({status}). See the reason: {events} "
            f"--query \"StackEvents[?ResourceStatus=='UPDATE_FAILED']\". Remove the cause, then complete the rollback: "
            f"aws cloudformation continue-update-rollback --stack-name {name}{option}. Deploy again afterwards."
        )
    if status == "DELETE_FAILED":
        raise StackBlocked(
            f"The deletion of {name} failed ({status}). See the reason: {events} "
            f"--query \"StackEvents[?ResourceStatus=='DELETE_FAILED']\". Then repeat: make teardown STAGE={stage.name}."
        )
    if status is not None and status.endswith("_IN_PROGRESS"):
        raise StackBlocked(describe_running_operation(stage, status))


def describe_running_operation(stage: Stage, status: str) -> str:
    """Return a message about a stack that is being changed."""
    option = f" --region {stage.region}" if stage.region else ""
    message = f"CloudFormation is changing {stage.stack} ({status}). Wait until it has finished, then repeat."
    if status == "UPDATE_IN_PROGRESS":
        message += f" To cancel the update: aws cloudformation cancel-update-stack --stack-name {stage.stack}{option}."
    return message
