"""Summarize as Markdown what a deployment would change: `make changes STAGE=dev`.

sam creates a change set of the stage's stack exactly as `make deploy` does. It is never executed, and is deleted once
it was read. The summary is printed and written to `OUTPUT`. sam's own output goes to standard error.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from tools.deploy import REFUSALS, ROOT, DeploymentRefused, Settings, prepare_deployment
from tools.stack_status import NEVER_DEPLOYED, read_status
from tools.stage import read_aws_stage

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_IS_EMPTY = re.compile("didn't contain changes|No updates are to be performed")
_RETAINED = frozenset({"Retain", "ReplaceAndRetain"})
_ALWAYS_REPLACED = "AWS::ApiGateway::Deployment"
"""With `AlwaysDeploy`, each deployment of the template makes a new one in place of the last."""
_ACTIONS = {
    "Add": "add",
    "Modify": "modify",
    "Remove": "remove",
    "Import": "import",
    "Dynamic": "decided while deploying",
}
_REPLACEMENTS = {"True": "**yes**", "Conditional": "perhaps", "False": "no"}


def summarize_deployment(root: Path, settings: Settings) -> str:
    """Return what `make deploy` would change, as Markdown.

    Raises:
        DeploymentRefused, StageRefused, StackBlocked: as for `deploy`; or AWS refused the change set.
    """
    command = prepare_deployment(root, settings._replace(confirm="no"))
    stage = read_aws_stage(root, settings.stage)
    stack = stage.stack
    cloudformation = stage.create_session().client("cloudformation")
    if read_status(cloudformation, stack) in {None, NEVER_DEPLOYED}:
        return (
            f"{_format_title(stack)}The stack does not exist yet: the deployment creates it with all its resources.\n"
        )
    earlier = _list_change_sets(cloudformation, stack)
    # Of an empty change set sam prints no name, so it is found in the list.
    subprocess.run([*command, "--no-execute-changeset"], check=False, cwd=root, stdout=sys.stderr)
    created = _list_change_sets(cloudformation, stack) - earlier
    if not created:
        raise DeploymentRefused(f"sam created no change set of {stack}; see above.")
    if len(created) > 1:
        raise DeploymentRefused(f"Another deployment of {stack} has begun. Repeat when it has ended.")
    (change_set,) = created
    try:
        return _format_title(stack) + _describe(cloudformation, change_set)
    finally:
        cloudformation.delete_change_set(ChangeSetName=change_set)


def format_changes(changes: Iterable[Mapping[str, Any]]) -> str:
    """Return a Markdown table of the changes of `DescribeChangeSet`, with those that lose a resource first."""
    resources = [change["ResourceChange"] for change in changes if "ResourceChange" in change]
    resources.sort(key=lambda each: (not _loses_resource(each), each["LogicalResourceId"]))
    lost = ", ".join(f"`{each['LogicalResourceId']}`" for each in resources if _loses_resource(each))
    lines = [
        f"**Replaced or deleted: {lost}**" if lost else "No resource is replaced or deleted.",
        "",
        "| action | logical id | type | replacement |",
        "|---|---|---|---|",
        *map(_format_row, resources),
    ]
    return "\n".join(lines) + "\n"


def _format_row(change: Mapping[str, Any]) -> str:
    action = _ACTIONS.get(change["Action"], change["Action"])
    if change.get("PolicyAction") in _RETAINED:
        action += " (retained)"
    replacement = _REPLACEMENTS.get(change.get("Replacement", ""), "-")
    return f"| {action} | `{change['LogicalResourceId']}` | {change['ResourceType']} | {replacement} |"


def _loses_resource(change: Mapping[str, Any]) -> bool:
    """Return whether the change may delete a resource that matters."""
    if change["ResourceType"] == _ALWAYS_REPLACED or change.get("PolicyAction") in _RETAINED:
        return False
    return change["Action"] == "Remove" or change.get("Replacement") in {"True", "Conditional"}


def _format_title(stack: str) -> str:
    return f"### Changes of the stack `{stack}`\n\n"


def _list_change_sets(cloudformation: "CloudFormationClient", stack: str) -> set[str]:
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    return {each["ChangeSetId"] for page in pages for each in page["Summaries"]}


def _describe(cloudformation: "CloudFormationClient", change_set: str) -> str:
    """Return the changes of a change set as Markdown, which may be none."""
    pages = list(cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set))
    if pages[0]["Status"] == "FAILED":
        reason = pages[0].get("StatusReason", "")
        if not _IS_EMPTY.search(reason):
            raise DeploymentRefused(f"CloudFormation refused the change set: {reason}")
        return "No changes: the stack is up to date.\n"
    return format_changes(change for page in pages for change in page["Changes"])


def main() -> None:
    """Print the summary and write it to the file of `OUTPUT`."""
    output = ROOT / (os.environ.get("OUTPUT") or ".local/changes.md")
    try:
        summary = summarize_deployment(ROOT, Settings.read(os.environ))
    except REFUSALS as refused:
        sys.exit(str(refused))
    except AWS_ERRORS as failure:
        sys.exit(explain_aws_error(failure))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(summary, encoding="utf-8")
    sys.stdout.write(summary)


if __name__ == "__main__":
    main()
