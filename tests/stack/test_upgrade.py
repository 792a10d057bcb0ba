"""An upgrade from each recorded release keeps its state: the tables, the secret, and what they contain.

Each folder of `upgrade/` has the template of a release and items as its code wrote them; its code is not kept. The old
functions and the old layer are placeholders: no call reaches them. A deployment to AWS runs in CloudFormation, which
the emulated AWS imitates: it applies the retention policies, and an update that runs continues without `sam`. It does
not prove the order and the timing of AWS's own updates.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qwen_gateway.ledger.token import parse
from qwen_gateway_cli.local.sam import STACK_NAME
from tests.stack.emulated_stack import STATE, EmulatedStack, chat
from tests.stack.repository import Repository, wait_until

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]  # several deployments each

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("upgrade/*/template.yaml"))
CODE_FOLDERS = {
    "CodeUri: functions/": "CodeUri: placeholder",
    "ContentUri: layers/qwen_gateway/": "ContentUri: placeholder",
}
FINISHED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Release(NamedTuple):
    """A deployed release, its items and its resources."""

    stack: EmulatedStack
    items: dict[str, Any]
    resources: dict[str, str]

    def check_state(self) -> None:
        """Check that the stack has the same tables and secret, and that they have the release's items."""
        resources = self.stack.describe().resources
        assert {name: resources[name] for name in STATE} == {name: self.resources[name] for name in STATE}
        for name in ("KeysTable", "UsageTable"):
            assert sort(self.stack.scan(resources[name])) == sort(self.items[name])
        value = self.stack.secretsmanager.get_secret_value(SecretId=resources["ProviderKeysSecret"])
        assert json.loads(value["SecretString"]) == self.items["ProviderKeysSecret"]


def sort(items: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.fixture(params=RELEASES, ids=lambda folder: folder.name)
def release(request: pytest.FixtureRequest, own: Repository) -> Release:
    """Deploy the template of a release and store its items."""
    stack, items = EmulatedStack(own), json.loads((request.param / "items.json").read_text(encoding="utf-8"))
    resources = stack.deploy(write_deployable(request.param / "template.yaml", stack.build_folder)).resources
    for name in ("KeysTable", "UsageTable"):
        for item in items[name]:
            stack.dynamodb.put_item(TableName=resources[name], Item=item)
    secret = json.dumps(items["ProviderKeysSecret"])
    stack.secretsmanager.put_secret_value(SecretId=resources["ProviderKeysSecret"], SecretString=secret)
    return Release(stack, items, resources)


def write_deployable(template: Path, build: Path) -> Path:
    """Write a template into the folder of the build, with a placeholder for its code."""
    (build / "placeholder").mkdir(exist_ok=True)
    (build / "placeholder/README").write_text("The code of this release is not kept.", encoding="utf-8")
    text = template.read_text(encoding="utf-8")
    for folder, placeholder in CODE_FOLDERS.items():
        assert folder in text
        text = text.replace(folder, placeholder)
    deployable = build / "release.yaml"
    deployable.write_text(text, encoding="utf-8")
    return deployable


def test_an_upgrade_keeps_tables_and_secret(release: Release) -> None:
    release.stack.deploy()

    release.check_state()


def test_keys_of_a_release_work_after_the_upgrade(release: Release) -> None:
    (provider_key,) = (entry["key"] for entry in release.items["ProviderKeysSecret"].values())
    release.stack.deploy()
    release.stack.accept_provider_key(provider_key)
    base_url = release.stack.serve()

    for token in release.items["accepted_tokens"]:
        assert chat(base_url, token).status_code == 200
    for code, token in release.items["refused_tokens"].items():
        refused = chat(base_url, token)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, code)
    keys = {item["id"]["S"]: item for item in release.stack.scan(release.resources["KeysTable"])}
    for token in release.items["accepted_tokens"]:
        assert keys[parse(token).id]["remaining"] == {"N": "0"}, "the key has the ledger's state since its first call"
    records = sort(release.stack.scan(release.resources["UsageTable"]))
    assert len(records) == len(release.items["UsageTable"]) + len(release.items["accepted_tokens"])
    assert set(sort(release.items["UsageTable"])) <= set(records)


def is_change_set_listed(stack: EmulatedStack) -> bool:
    return bool(stack.cloudformation.list_change_sets(StackName=STACK_NAME)["Summaries"])


def is_updating(stack: EmulatedStack) -> bool:
    return stack.status == "UPDATE_IN_PROGRESS"


@pytest.mark.parametrize("moment", [is_change_set_listed, is_updating])
def test_an_upgrade_that_was_interrupted_is_repeated(release: Release, moment: Callable[[EmulatedStack], bool]) -> None:
    release.stack.kill_deployment(when=lambda: moment(release.stack))
    wait_until(lambda: release.stack.status in FINISHED)
    release.check_state()

    release.stack.deploy()

    assert release.stack.status == "UPDATE_COMPLETE"
    release.check_state()
