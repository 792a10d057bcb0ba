"""The runbook "Restore" of docs/operations.md, with its own commands, against the emulated AWS.

A small `aws` sends the commands, and a deployment by the steps of `up` stands for `make deploy`. The emulated AWS
copies the table as it is now, whatever the time; neither that choice nor the duration of a restore is tested.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli import secrets
from qwen_gateway_cli.local.sam import STACK_NAME
from tests.contract.template import find_resources, transform
from tests.stack.emulated_stack import STATE, EmulatedStack, chat
from tests.stack.repository import ROOT, Repository
from tools.stage import parse_overrides

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]  # several deployments each

RUNBOOK = ROOT / "docs/operations.md"
STACK_OF_RUNBOOK = "qwen-gateway-prod"
PROVIDER_KEY = "sk-fictitious-key-of-the-old-stack"
NOW = 1_764_000_000


@pytest.fixture
def emulated(own: Repository) -> EmulatedStack:
    """Return a deployed emulated."""
    emulated = EmulatedStack(own)
    emulated.deploy()
    return emulated


@pytest.fixture
def token(emulated: EmulatedStack) -> str:
    """Create an API key and store a provider key; return the token."""
    outputs = emulated.describe().outputs
    secrets.store_key(emulated.secretsmanager, outputs["ProviderKeysSecret"], "dashscope", PROVIDER_KEY, "2026-11-27")
    return KeyAdministration(emulated.dynamodb, outputs["KeysTable"]).create("old", NOW).token


def read_commands(section: str) -> str:
    """Return the commands of a section of the runbook, for the stack of this test."""
    text = RUNBOOK.read_text(encoding="utf-8")
    (body,) = re.findall(rf"^### {section}$(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    commands = "\n".join(re.findall(r"^```bash\n(.*?)^```$", body, re.MULTILINE | re.DOTALL))
    assert f"STACK={STACK_OF_RUNBOOK}" in commands
    return commands.replace(STACK_OF_RUNBOOK, STACK_NAME)


def run_commands(commands: str, emulated: EmulatedStack, folder: Path) -> dict[str, str]:
    """Run commands of the runbook and return the parameters that they print last."""
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/stack/aws_cli.py "$@"\n', encoding="utf-8")
    aws.chmod(0o755)
    account = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "AWS_ENDPOINT_URL": emulated.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
    }
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(command, env=account, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, printed = done.stdout.splitlines()
    overrides = tomllib.loads(f"parameter_overrides = [{printed}]")["parameter_overrides"]
    return dict(parse_overrides(overrides, folder))


def check_adopted(emulated: EmulatedStack, token: str, usage_table: str) -> None:
    """Check that the old key and the old provider key answer a call, whose record lands in the adopted table."""
    emulated.accept_provider_key(PROVIDER_KEY)
    before = len(emulated.scan(usage_table))

    assert chat(emulated.serve(), token).status_code == 200
    assert len(emulated.scan(usage_table)) == before + 1


def test_restored_tables_have_the_settings_of_the_template_and_serve_the_stack(
    emulated: EmulatedStack, token: str, tmp_path: Path
) -> None:
    old = emulated.describe().resources
    adopted = run_commands(read_commands("Restore the tables to a point in time"), emulated, tmp_path)

    check_settings(emulated, adopted)
    deployed = emulated.deploy(parameters=adopted)
    assert {name: deployed.outputs[name] for name in STATE} == {
        "KeysTable": adopted["ExistingKeysTable"],
        "UsageTable": adopted["ExistingUsageTable"],
        "ProviderKeysSecret": old["ProviderKeysSecret"],
    }
    assert not {"KeysTable", "UsageTable"} & deployed.resources.keys()
    check_adopted(emulated, token, adopted["ExistingUsageTable"])
    # The stack's own tables are retained outside of it.
    assert {old["KeysTable"], old["UsageTable"]} <= set(emulated.dynamodb.list_tables()["TableNames"])
    assert emulated.scan(old["UsageTable"]) == []


def check_settings(emulated: EmulatedStack, adopted: dict[str, str]) -> None:
    """Check that the restored tables have what the template gives to a stack's own tables."""
    for name, properties in find_resources(transform(), "AWS::DynamoDB::Table").items():
        table: Any = {"TableName": adopted[f"Existing{name}"]}
        description = emulated.dynamodb.describe_table(**table)["Table"]
        backups = emulated.dynamodb.describe_continuous_backups(**table)["ContinuousBackupsDescription"]
        lifetime = emulated.dynamodb.describe_time_to_live(**table)["TimeToLiveDescription"]
        tags = emulated.dynamodb.list_tags_of_resource(ResourceArn=description["TableArn"])["Tags"]
        assert description["KeySchema"] == properties["KeySchema"]
        assert description["DeletionProtectionEnabled"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        expires = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
        assert lifetime.get("AttributeName") == expires
        assert {"Key": "stack", "Value": STACK_NAME} in tags


def test_a_new_stack_adopts_the_state_of_a_deleted_one(emulated: EmulatedStack, token: str, tmp_path: Path) -> None:
    old = emulated.describe().resources
    emulated.delete()
    adopted = run_commands(read_commands("Adopt the state of a deleted stack"), emulated, tmp_path)

    assert (adopted["ExistingKeysTable"], adopted["ExistingUsageTable"]) == (old["KeysTable"], old["UsageTable"])
    deployed = emulated.deploy(parameters=adopted)
    assert not set(STATE) & deployed.resources.keys()
    check_adopted(emulated, token, adopted["ExistingUsageTable"])
