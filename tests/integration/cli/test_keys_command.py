"""`qwen-gateway keys`: what it does to the table, what it shows, and what it never shows."""

import json
import re
import time
from datetime import datetime
from typing import Any

import pytest

from qwen_gateway.errors import KeyRevoked
from qwen_gateway.ledger import ApiKeys
from tests.integration.cli.operator import BASE_URL, STACK, Run
from tests.integration.emulated_aws import Aws


def created(run: Run, *options: str) -> dict[str, Any]:
    issued: dict[str, Any] = json.loads(run("keys", "create", "--name", "tests", "--json", *options).out)
    return issued


def test_a_created_key_is_accepted_by_the_gateway(aws: Aws, on_aws: Run) -> None:
    issued = created(on_aws)
    assert list(issued)[:2] == ["id", "token"]
    assert ApiKeys(aws.dynamodb, aws.keys_table).authenticate(issued["token"], time.time()).id == issued["id"]


def test_a_person_gets_a_line_to_paste_and_sees_the_token_once(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("keys", "create", "--name", "tests")
    [line] = re.findall(rf"^export OPENAI_BASE_URL={BASE_URL} OPENAI_API_KEY=(sk-qg-\S+)$", ended.out, re.MULTILINE)
    assert ended.out.count("sk-qg-") == 1
    ApiKeys(aws.dynamodb, aws.keys_table).authenticate(line, time.time())


def test_the_command_names_its_stack_on_standard_error(on_aws: Run) -> None:
    ended = on_aws("keys", "list", "--json")
    assert STACK in ended.err
    assert "us-east-1" in ended.err
    assert json.loads(ended.out) == []


def test_a_key_ends_after_its_days(on_aws: Run) -> None:
    expires = datetime.fromisoformat(created(on_aws, "--expires-days", "30")["expires"])
    assert expires.timestamp() == pytest.approx(time.time() + 30 * 86_400, abs=60)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "n" * 129, "\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_refused(on_aws: Run, name: str) -> None:
    ended = on_aws("keys", "create", "--name", name)
    assert ended.status == 1
    assert "name" in ended.err


def test_neither_list_nor_show_nor_revoke_print_a_token_or_a_digest(aws: Aws, on_aws: Run) -> None:
    issued = created(on_aws)
    on_aws("keys", "rotate", issued["id"])
    item = aws.dynamodb.get_item(TableName=aws.keys_table, Key={"id": {"S": issued["id"]}})["Item"]
    secrets = {issued["token"], item["token_hash"]["S"], item["previous_hash"]["S"]}
    for arguments in (["list"], ["show", issued["id"]], ["revoke", issued["id"]]):
        for form in ([], ["--json"]):
            ended = on_aws("keys", *arguments, *form)
            assert issued["id"] in ended.out
            assert not [secret for secret in secrets if secret in ended.out + ended.err]


def test_a_list_shows_every_key_and_its_state(on_aws: Run) -> None:
    ids = [created(on_aws)["id"] for _ in range(3)]
    on_aws("keys", "revoke", ids[1])
    listed = json.loads(on_aws("keys", "list", "--json").out)
    assert {key["id"]: key["state"] for key in listed} == dict(zip(ids, ["active", "revoked", "active"], strict=True))
    table = on_aws("keys", "list").out
    assert all(key_id in table for key_id in ids)


def test_a_name_is_shown_as_it_was_given(on_aws: Run) -> None:
    name = "[red]team[/red] :key: 键"
    on_aws("keys", "create", "--name", name)
    assert name in on_aws("keys", "list").out
    assert json.loads(on_aws("keys", "list", "--json").out)[0]["name"] == name


def test_an_empty_list_names_the_command_that_creates_a_key(on_aws: Run) -> None:
    assert "keys create" in on_aws("keys", "list").out


def test_a_rotation_prints_a_token_and_the_end_of_the_old_one(aws: Aws, on_aws: Run) -> None:
    issued = created(on_aws)
    rotated = json.loads(on_aws("keys", "rotate", issued["id"], "--grace-hours", "2", "--json").out)
    assert rotated["id"] == issued["id"]
    keys = ApiKeys(aws.dynamodb, aws.keys_table)
    for token in (issued["token"], rotated["token"]):
        assert keys.authenticate(token, time.time()).id == issued["id"]
    ends = datetime.fromisoformat(rotated["previous_token_ends"]).timestamp()
    assert ends == pytest.approx(time.time() + 2 * 3_600, abs=60)


def test_the_grace_period_is_a_day_by_default(on_aws: Run) -> None:
    rotated = json.loads(on_aws("keys", "rotate", created(on_aws)["id"], "--json").out)
    ends = datetime.fromisoformat(rotated["previous_token_ends"]).timestamp()
    assert ends == pytest.approx(time.time() + 86_400, abs=60)


def test_a_revocation_works_at_once_and_can_be_repeated(aws: Aws, on_aws: Run) -> None:
    issued = created(on_aws)
    for _ in range(2):
        assert on_aws("keys", "revoke", issued["id"]).status == 0
        with pytest.raises(KeyRevoked):
            ApiKeys(aws.dynamodb, aws.keys_table).authenticate(issued["token"], time.time())


@pytest.mark.parametrize("command", ["show", "rotate", "revoke"])
def test_an_unknown_id_is_one_clear_line(on_aws: Run, command: str) -> None:
    ended = on_aws("keys", command, "[red]Nobody")
    assert ended.status == 1
    assert ended.out == ""
    assert ended.err.splitlines()[1:] == ["There is no API key with the id '[red]Nobody'."]


def test_a_revoked_key_cannot_be_rotated(on_aws: Run) -> None:
    issued = created(on_aws)
    on_aws("keys", "revoke", issued["id"])
    ended = on_aws("keys", "rotate", issued["id"])
    assert ended.status == 1
    assert "revoked" in ended.err
