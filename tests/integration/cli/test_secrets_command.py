"""`qwen-gateway secrets`: keys go in and never come out."""

import getpass
import io
import json
import sys
from typing import Any

import pytest
from botocore.client import BaseClient

from qwen_gateway.provider_keys.secrets_manager import ProviderKeys, read_secret
from qwen_gateway_cli.main import main
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import STACK, Run, described_stack
from tests.integration.emulated_aws import Aws

KEY = "sk-4f6f0b4e0b7d4c6e"


def secret(aws: Aws) -> Any:
    return read_secret(aws.secretsmanager, aws.provider_keys_secret)


def empty_secret(aws: Aws, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str] | None) -> None:
    """Give the secret no value; `answer` is what an emulator answers instead of AWS's error."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def make_api_call(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "GetSecretValue" and answer is not None:
            return answer
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)


@pytest.mark.parametrize("answer", [None, {"ARN": "arn"}, {"ARN": "arn", "SecretString": ""}], ids=str)
def test_a_secret_without_a_value_has_no_keys_and_gets_the_first(
    aws: Aws, on_aws: Run, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str] | None
) -> None:
    with monkeypatch.context() as patch:
        empty_secret(aws, patch, answer)
        listed = on_aws("secrets", "list", "--json")
        checked = on_aws("doctor", "--provider", "dashscope", "--json")
        assert on_aws("secrets", "set", "dashscope", stdin=KEY).status == 0

    assert listed.status == 0
    assert not any(row["stored"] for row in json.loads(listed.out))
    (finding,) = [each for each in json.loads(checked.out)["findings"] if each["subject"] == "dashscope"]
    assert "no key in the stack's secret" in finding["found"]
    assert {name: entry["key"] for name, entry in secret(aws).items()} == {"dashscope": KEY}


def test_a_missing_secret_is_no_secret_without_a_value(aws: Aws, on_aws: Run) -> None:
    aws.secretsmanager.delete_secret(SecretId=aws.provider_keys_secret, ForceDeleteWithoutRecovery=True)
    for ended in (on_aws("secrets", "set", "dashscope", stdin=KEY), on_aws("secrets", "list")):
        assert ended.status == 1
        assert "ResourceNotFoundException" in ended.err


def test_a_key_from_standard_input_is_what_functions_read(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("secrets", "set", "dashscope", stdin=f"  {KEY}\n\n")
    assert ended.status == 0
    assert ProviderKeys(aws.secretsmanager, aws.provider_keys_secret).key("dashscope", 5) == KEY
    assert KEY not in ended.out + ended.err


def test_a_terminal_prompt_does_not_echo(
    aws: Aws, on_aws: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("typed for all to see"))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: KEY if "dashscope" in prompt else "")
    monkeypatch.setattr(sys, "argv", ["qwen-gateway", "secrets", "set", "dashscope", "--stack", STACK])
    with pytest.raises(SystemExit):
        main()
    assert secret(aws)["dashscope"]["key"] == KEY
    assert KEY not in "".join(capsys.readouterr())


def test_a_key_is_never_an_argument(aws: Aws, on_aws: Run) -> None:
    assert on_aws("secrets", "set", "dashscope", KEY).status == 2
    assert secret(aws) == {}


def test_the_keys_of_other_providers_stay(aws: Aws, on_aws: Run) -> None:
    on_aws("secrets", "set", "dashscope", stdin=KEY)
    on_aws("secrets", "set", "holysheep", stdin="hs-1")
    on_aws("secrets", "set", "dashscope", stdin="sk-new")
    assert {provider: entry["key"] for provider, entry in secret(aws).items()} == {
        "dashscope": "sk-new",
        "holysheep": "hs-1",
    }


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("sk-one sk-two", "white space"),
        ("sk-one\nsk-two", "white space"),
        ("sk-\u200bone", "letters"),
        ("sk-\u043ene", "letters"),
        ("sk-xxx", "placeholder"),
        ("sk-XXXXXXXX", "placeholder"),
        ("sk-...", "placeholder"),
        ("your-api-key", "placeholder"),
        ("YOUR_API_KEY", "placeholder"),
        ("sk-your-key", "placeholder"),
        ("<your key>".replace(" ", "-"), "placeholder"),
        ("$DASHSCOPE_API_KEY", "placeholder"),
        ("DASHSCOPE_API_KEY", "placeholder"),
        ("changeme", "placeholder"),
        ('"sk-4f6f0b4e"', "quotes"),
        ("'sk-4f6f0b4e", "quotes"),
    ],
)
def test_an_invalid_key_is_rejected_and_not_quoted(aws: Aws, on_aws: Run, typed: str, words: str) -> None:
    ended = on_aws("secrets", "set", "dashscope", stdin=typed)
    assert ended.status == 1
    assert words in ended.err
    assert not typed.strip() or typed not in ended.err
    assert secret(aws) == {}


@pytest.mark.parametrize("key", ["sk-4f6f0b4e", "test", "hs_live.Xx-9/+=", "sk-xenon", "sk-qg-Key000000001-secret"])
def test_a_valid_key_is_stored(aws: Aws, on_aws: Run, key: str) -> None:
    assert on_aws("secrets", "set", "dashscope", stdin=key).status == 0
    assert secret(aws)["dashscope"]["key"] == key


def test_an_unknown_provider_is_refused_with_the_names_of_the_known(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("secrets", "set", "openai", stdin=KEY)
    assert ended.status == 1
    assert "dashscope" in ended.err
    assert "holysheep" in ended.err
    assert secret(aws) == {}


def test_a_provider_of_the_stacks_own_configuration_is_known(
    aws: Aws, on_aws: Run, cloudformation: CloudFormation
) -> None:
    own = {"providers": {"mine": {"base_url": "https://qwen.example.com/v1"}}}
    cloudformation(described_stack(gateway_config=json.dumps(own)))
    assert on_aws("secrets", "set", "mine", stdin=KEY).status == 0
    assert secret(aws)["mine"]["key"] == KEY


def test_a_provider_that_needs_no_key_gets_none_and_lacks_none(
    aws: Aws, on_aws: Run, cloudformation: CloudFormation
) -> None:
    own = {"providers": {"ollama": {"base_url": "http://127.0.0.1:11434/v1", "needs_key": False}}}
    cloudformation(described_stack(gateway_config=json.dumps(own)))
    ended = on_aws("secrets", "set", "ollama", stdin=KEY)
    assert ended.status == 1
    assert "needs_key" in ended.err
    assert secret(aws) == {}
    assert "ollama" not in on_aws("secrets", "list").out


@pytest.mark.parametrize("malformed", ["sk-one", '["sk-one"]', '{"dashscope": "sk-one"}'])
def test_a_malformed_secret_is_reported_and_not_overwritten(aws: Aws, on_aws: Run, malformed: str) -> None:
    aws.secretsmanager.put_secret_value(SecretId=aws.provider_keys_secret, SecretString=malformed)
    for ended in (on_aws("secrets", "set", "holysheep", stdin=KEY), on_aws("secrets", "list")):
        assert ended.status == 1
        assert "put-secret-value" in ended.err
        assert "sk-one" not in ended.err
    assert aws.secretsmanager.get_secret_value(SecretId=aws.provider_keys_secret)["SecretString"] == malformed


def test_a_list_shows_names_and_ages_and_no_value(aws: Aws, on_aws: Run) -> None:
    on_aws("secrets", "set", "dashscope", stdin=KEY)
    listed = on_aws("secrets", "list", "--json")
    rows = {row["provider"]: row for row in json.loads(listed.out)}
    assert rows["dashscope"]["stored"]
    assert rows["dashscope"]["age_days"] == 0
    assert rows["holysheep"] == {"provider": "holysheep", "stored": False, "set_at": None, "age_days": None}
    table = on_aws("secrets", "list")
    assert "no key" in table.out
    assert KEY not in listed.out + listed.err + table.out + table.err


def test_a_list_shows_also_what_the_configuration_no_longer_names(aws: Aws, on_aws: Run) -> None:
    stored = {"gone": {"key": KEY, "set_at": "2026-01-01T00:00:00Z"}, "odd": {"key": KEY, "set_at": "yesterday"}}
    aws.secretsmanager.put_secret_value(SecretId=aws.provider_keys_secret, SecretString=json.dumps(stored))
    rows = {row["provider"]: row for row in json.loads(on_aws("secrets", "list", "--json").out)}
    assert rows["gone"]["age_days"] > 0
    assert rows["odd"]["age_days"] is None
    assert "unknown" in on_aws("secrets", "list").out
