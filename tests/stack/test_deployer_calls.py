"""The policies of those who deploy, against the calls that `make deploy`, `make changes` and `make teardown` make.

CloudFormation's own calls with the deployer's rights are not seen here (tests/contract/test_deployer_policy.py).
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from tests.contract.policies import VALUES, find_action, find_denied, find_unused, list_permissions
from tests.stack.aws_call_recorder import AwsCallRecorder, Call
from tests.stack.repository import ROOT, Repository
from tools import changes, deploy

pytestmark = pytest.mark.thorough  # several deployments take half a minute

STACK = "qwen-gateway-dev"
SETTINGS = deploy.Settings("dev", "", "no", str(ROOT / ".tools/sam/bin/sam"))
REGION = "eu-central-1"
"""Not the region of the shared stack: sam has no bucket there yet, as in a new account."""
ACCOUNT = "000000000000"
"""The account of ministack."""


class Deployed(NamedTuple):
    """What a stack's life showed."""

    calls: list[Call]
    """Of the deployment and the deletion."""
    review_calls: list[Call]
    before: str
    """The summary of changes before the stack existed."""
    after: str
    """The summary after an edit of the template."""
    change_sets: list[str]
    """Names of the change sets that remained after both summaries."""
    tags: dict[str, dict[str, str]]
    """Tags of the stack and of a table."""


@pytest.fixture(scope="module")
def deployed(repository: Repository, stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """Deploy a stack, summarize an edit of its template, and delete it."""
    root = tmp_path_factory.mktemp("deployer")
    for name in ("samconfig.toml", "template.yaml"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(repository.local / "build", root / ".aws-sam/build")
    with pytest.MonkeyPatch.context() as patch:
        recorder = AwsCallRecorder(tmp_path_factory.mktemp("calls"))
        recorder.patch(patch)
        set_environment(patch, stack["aws_endpoint_url"])
        # The layer was built for this machine, and `make changes` reads nothing of it.
        patch.setattr(deploy, "build", lambda *_: None)
        before = changes.summarize_deployment(root, SETTINGS)
        review_calls = recorder.take()
        deploy.deploy(root, SETTINGS)
        calls = recorder.take()
        tags = read_tags()
        recorder.take()
        edit_template(root / ".aws-sam/build/template.yaml")
        after = changes.summarize_deployment(root, SETTINGS)
        review_calls += recorder.take()
        change_sets = [
            each["ChangeSetName"]
            for each in boto3.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"]
        ]
        recorder.take()
        deploy.deploy(root, SETTINGS)
        delete = [SETTINGS.sam, "delete", "--config-env", "dev", "--no-prompts"]
        subprocess.run(delete, cwd=root, check=True, capture_output=True)
        calls += recorder.take()
        return Deployed(calls, review_calls, before, after, change_sets, tags)


def set_environment(patch: pytest.MonkeyPatch, endpoint: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    patch.setenv("AWS_ENDPOINT_URL", endpoint)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    patch.setenv("AWS_CONFIG_FILE", os.devnull)
    patch.setenv("SAM_CLI_POLL_DELAY", "0.3")
    patch.setenv("SAM_CLI_TELEMETRY", "0")


def read_tags() -> dict[str, dict[str, str]]:
    (description,) = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description["Outputs"]}
    dynamodb = boto3.client("dynamodb")
    arn = dynamodb.describe_table(TableName=outputs["KeysTable"])["Table"]["TableArn"]
    tagged = {"stack": description["Tags"], "table": dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]}
    return {name: {tag["Key"]: tag["Value"] for tag in tags} for name, tags in tagged.items()}


def edit_template(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert text.count("Description: Provider keys") == 1
    template.write_text(text.replace("Description: Provider keys", "Description: The provider keys"), encoding="utf-8")


def find_permissions(calls: Iterable[Call]) -> set[tuple[str, str]]:
    """Return (action, ARN) of the calls, as AWS would check them."""
    found = {(find_action(call.service, call.operation), find_arn(call)) for call in calls}
    # The template has a transform, which AWS checks as a resource of its own.
    if any(call.operation == "CreateChangeSet" and call.parameters["StackName"] == STACK for call in calls):
        transform = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
        found.add(("cloudformation:CreateChangeSet", transform))
    filled = {REGION: VALUES["REGION"], ACCOUNT: VALUES["ACCOUNT_ID"]}
    for name, value in filled.items():
        found = {(action, arn.replace(name, value)) for action, arn in found}
    return found


def find_arn(call: Call) -> str:
    if call.service == "s3":
        return f"arn:aws:s3:::{call.parameters['Bucket']}/{call.parameters['Key']}"
    assert call.service == "cloudformation", call
    # A change set that is named by its ARN alone belongs to the stack of this test.
    name = call.parameters.get("StackName", STACK)
    return name if name.startswith("arn:") else f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/a-uuid"


def test_the_deployers_policy_is_what_sam_calls(deployed: Deployed) -> None:
    used, allowed = find_permissions(deployed.calls), list_permissions("DeployPolicy")

    assert find_denied(used, allowed) == set()
    assert find_unused(used, allowed) == set()


def test_the_reviewers_policy_is_what_make_changes_calls(deployed: Deployed) -> None:
    used, allowed = find_permissions(deployed.review_calls), list_permissions("ReviewPolicy")

    assert find_denied(used, allowed) == set()
    assert find_unused(used, allowed) == set()


def test_changes_are_summarized_and_their_change_set_is_deleted(deployed: Deployed) -> None:
    assert "does not exist yet" in deployed.before
    assert "| modify | `ProviderKeysSecret` | AWS::SecretsManager::Secret |" in deployed.after
    assert not any(call.operation == "ExecuteChangeSet" for call in deployed.review_calls)
    assert len(deployed.change_sets) == 1, "only the deployment's own change set remains"


def test_a_deployment_tags_the_stack_and_its_resources(deployed: Deployed) -> None:
    tags = {"project": "qwen-gateway", "stage": "dev"}

    assert deployed.tags["stack"] == tags
    assert deployed.tags["table"].items() >= tags.items()
