"""What `make deploy` prints at its end, with the state of the stack in moto."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from qwen_gateway.ledger.administration import KeyAdministration
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import BASE_URL, STACK, described_stack, refused_by_cloudformation
from tests.integration.emulated_aws import Aws
from tools.next_steps import show_next_steps
from tools.stage import read_stage

COMMAND = ".venv/bin/qwen-gateway"
SET = f"{COMMAND} secrets set dashscope --stack {STACK}"
CREATE = f"{COMMAND} keys create --name backend --stack {STACK}"
NOW = 1_764_000_000

type Show = Callable[[], str]


@pytest.fixture
def show(repository: Path, aws: Aws, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]) -> Show:
    """Return a function that prints the next steps of the stage dev and returns the output."""
    cloudformation(described_stack())

    def run() -> str:
        show_next_steps(read_stage(repository, "dev"))
        return capsys.readouterr().out

    return run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the AWS operations that are called."""
    return deny(monkeypatch)


def deny(monkeypatch: pytest.MonkeyPatch, *denied: str) -> list[str]:
    """Record the AWS operations that are called, and deny some."""
    operations: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def make_api_call(self: BaseClient, operation: str, parameters: dict[str, object]) -> object:
        operations.append(operation)
        if operation in denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no permission"}}, operation)
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
    return operations


def configure(repository: Path, settings: str) -> None:
    """Add settings to the deployment of the stage dev."""
    file = repository / "samconfig.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("[dev.deploy.parameters]\n", f"[dev.deploy.parameters]\n{settings}\n"), encoding="utf-8"
    )


def test_a_first_deployment_needs_a_provider_key_and_an_api_key(show: Show) -> None:
    lines = show().splitlines()

    assert f"The gateway answers at {BASE_URL}" in lines
    assert lines.index(SET) < lines.index(CREATE) < lines.index(f"{COMMAND} doctor --stack {STACK}")
    assert any(line.startswith(f"curl {BASE_URL}/chat/completions") for line in lines)
    assert "from openai import OpenAI" in lines


def test_a_later_deployment_asks_for_nothing_that_is_there(show: Show, aws: Aws) -> None:
    aws.store_provider_keys(dashscope="sk-4f6f0b4e0b7d4c6e")
    token = KeyAdministration(aws.dynamodb, aws.keys_table).create("app", NOW).token

    text = show()

    assert SET not in text
    assert CREATE not in text
    assert f"{COMMAND} secrets list --stack {STACK}" in text
    assert f"{COMMAND} keys list --stack {STACK}" in text
    assert "sk-4f6f" not in text
    assert token not in text


def test_a_revoked_key_is_no_key(show: Show, aws: Aws) -> None:
    keys = KeyAdministration(aws.dynamodb, aws.keys_table)
    keys.revoke(keys.create("smoke", NOW).key.id)

    assert CREATE in show()


def test_each_is_read_once_and_no_secret_value(show: Show, aws: Aws, calls: list[str]) -> None:
    aws.store_provider_keys(dashscope="sk-4f6f0b4e0b7d4c6e")
    calls.clear()

    show()

    assert calls == ["DescribeStacks", "DescribeSecret", "Scan"]


def test_a_missing_permission_keeps_the_steps(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    deny(monkeypatch, "DescribeSecret", "Scan")

    text = show()

    assert SET in text
    assert CREATE in text
    assert "AWS denies DescribeSecret" in text
    assert "AWS denies Scan" in text


@pytest.mark.parametrize(
    ("code", "words"), [("ValidationError", "There is no stack"), ("AccessDenied", "AWS denies DescribeStacks")]
)
def test_an_unreadable_stack_is_one_line_on_standard_error(
    repository: Path, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str], code: str, words: str
) -> None:
    cloudformation(refused_by_cloudformation(code, "words"), 403)

    show_next_steps(read_stage(repository, "dev"))

    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"The next steps cannot be shown: {words}" in shown.err


def test_a_region_of_the_stage_is_in_every_command(
    show: Show, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(repository, 'region = "eu-central-1"')
    deny(monkeypatch, "DescribeSecret", "Scan")  # moto's state is in another region

    text = show()

    assert f"AWS_DEFAULT_REGION=eu-central-1 {SET}" in text
    assert len(re.findall(rf"^AWS_DEFAULT_REGION=eu-central-1 {COMMAND}", text, re.MULTILINE)) == text.count(COMMAND)


def test_the_region_of_the_shell_is_in_no_command(show: Show, repository: Path) -> None:
    configure(repository, 'region = "us-east-1"')

    assert "AWS_DEFAULT_REGION" not in show()


def test_a_profile_of_the_stage_is_in_every_command(
    show: Show, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        "[profile gateway]\naws_access_key_id = test\naws_secret_access_key = test\n", encoding="utf-8"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    configure(repository, 'profile = "gateway"')
    deny(monkeypatch, "DescribeSecret", "Scan")

    assert f"AWS_PROFILE=gateway {SET}" in show()


@pytest.mark.parametrize(
    ("gateway_config", "shown"),
    [
        ('{"default_provider": "dashscope-beijing"}', f"{COMMAND} secrets set dashscope-beijing --stack {STACK}"),
        (
            '{"default_provider": "own", "providers": {"own": {"base_url": "http://10.0.0.5/v1", "needs_key": false}}}',
            "The provider own needs no key.",
        ),
    ],
)
def test_the_step_names_the_default_provider_of_the_stack(
    show: Show, cloudformation: CloudFormation, gateway_config: str, shown: str
) -> None:
    cloudformation(described_stack(gateway_config=gateway_config))

    assert shown in show()


def test_an_invalid_configuration_is_one_line(
    repository: Path, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation(described_stack(gateway_config='{"default_provider": "nobody"}'))

    show_next_steps(read_stage(repository, "dev"))

    assert "The next steps cannot be shown: " in capsys.readouterr().err
